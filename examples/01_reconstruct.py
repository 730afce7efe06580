"""A photo -> meshes, landmarks and pose of its faces, the largest first."""

import argparse

import prnet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("photo")
parser.add_argument("folder", help="an existing one, for the results")
photo, folder = vars(parser.parse_args()).values()
try:
    faces = prnet.Reconstructor()(photo) or parser.error(f"{photo}: no face found")
except prnet.PrnetError as error:  # says in one line what is wrong with the photo
    parser.error(str(error))
for i, face in enumerate(faces):
    face.save(f"{folder}/face_{i}.obj")
    print(face.landmarks.shape, face.pose)  # (68, 3) pixels; yaw, pitch, roll in degrees
