"""ARKit's 52 curves of a person over a film; here of a film that is made of the photo."""

import argparse
import csv
from pathlib import Path

import numpy as np

import prnet
from prnet.facemodel.arkit.curves import PersonCurves
from prnet.facemodel.arkit.shapes import ARKIT_NAMES

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("photo")
parser.add_argument("folder", help="for the results")
photo, folder = vars(parser.parse_args()).values()
try:
    image = prnet.load_image(photo)
except prnet.PrnetError as error:  # says in one line what is wrong with the photo
    parser.error(str(error))
frames = (np.roll(image, 4 * number, axis=1) for number in range(15))  # or "film.mp4"

person = PersonCurves()  # learns the shape of the head as the frames come
Path(folder).mkdir(parents=True, exist_ok=True)
with open(f"{folder}/curves.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["seconds", *ARKIT_NAMES])
    for frame, faces in prnet.follow(frames, people=1):
        for face in faces:
            curves = person(face)  # (52,), 0 to 1
            table.writerow([frame.seconds, *curves.round(4)])
if not faces:
    parser.error(f"{photo}: no face found")

smile = curves[ARKIT_NAMES.index("mouthSmileLeft")]
print(f"15 frames; the left corner of the mouth smiles by {smile:.2f}")
