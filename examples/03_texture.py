"""The face's texture in UV, where it is seen, and the same with hidden parts filled."""

import argparse

import numpy as np

import prnet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("photo")
parser.add_argument("folder", help="an existing one, for the results")
photo, folder = vars(parser.parse_args()).values()
try:
    face, *_ = prnet.Reconstructor()(photo) or parser.error(f"{photo}: no face found")
except prnet.PrnetError as error:  # says in one line what is wrong with the photo
    parser.error(str(error))

mask = face.texture_mask(size=512)  # (512, 512) float32: 1 seen .. 0 hidden
prnet.save_image(f"{folder}/texture.png", face.texture(size=512))
prnet.save_image(f"{folder}/texture_mask.png", np.rint(255 * mask).astype(np.uint8))
prnet.save_image(f"{folder}/texture_filled.png", face.texture(size=512, fill=True))
print(f"{face.visibility.mean():.0%} of the surface is seen")
