"""The faces of a film, frame by frame, each person with a number; here of a film that is made of
the photo, which wanders to the right. A film's file needs the extra ``video``."""

import sys

import numpy as np

import prnet

photo, folder = sys.argv[1:]
image = prnet.load_image(photo)
frames = (np.roll(image, 4 * number, axis=1) for number in range(25))  # or "film.mp4"

for frame, faces in prnet.follow(frames):
    for face in faces:
        nose = face.landmarks[30]
        print(f"{frame.seconds:.2f} s: person {face.track}, nose at {nose[0]:.1f}, {nose[1]:.1f}")
    if frame.seconds == 0:
        prnet.save_image(f"{folder}/first.jpg", prnet.overlay(frame.image, faces))
