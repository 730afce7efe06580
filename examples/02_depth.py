"""Depth of every face of a photo: 16-bit PNG of the photo, and 64 x 64 crops for a network."""

import argparse

import numpy as np

import prnet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("photo")
parser.add_argument("folder", help="an existing one, for the results")
photo, folder = vars(parser.parse_args()).values()
try:
    faces = prnet.Reconstructor()(photo) or parser.error(f"{photo}: no face found")
except prnet.PrnetError as error:  # says in one line what is wrong with the photo
    parser.error(str(error))
image = prnet.load_image(photo)

depth = prnet.depth_map(faces, *image.shape[:2])  # (H, W) float32, pixels; NaN where no face is
prnet.save_depth(f"{folder}/depth.png", depth)  # prnet.decode_depth reads it

for i, face in enumerate(faces):
    crop = face.depth_map(crop_size=64)  # (64, 64), in pixels of the crop
    np.save(f"{folder}/depth_{i}.npy", crop)
    print(f"face {i} covers {np.mean(~np.isnan(crop)):.0%} of its crop")
