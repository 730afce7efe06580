"""The faces of a film, frame by frame, each person with a number; here of a film that is made of
the photo, which wanders to the right. A film's file needs the extra ``video``."""

import argparse

import numpy as np

import prnet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("photo")
parser.add_argument("folder", help="an existing one, for the results")
photo, folder = vars(parser.parse_args()).values()
try:
    image = prnet.load_image(photo)
except prnet.PrnetError as error:  # says in one line what is wrong with the photo
    parser.error(str(error))
frames = (np.roll(image, 4 * number, axis=1) for number in range(25))  # or "film.mp4"

for frame, faces in prnet.follow(frames):
    for face in faces:
        nose = face.landmarks[30]
        print(f"{frame.seconds:.2f} s: person {face.track}, nose at {nose[0]:.1f}, {nose[1]:.1f}")
    if frame.seconds == 0:
        prnet.save_image(f"{folder}/first.jpg", prnet.overlay(frame.image, faces))
if not faces:
    parser.error(f"{photo}: no face found")
