"""One texture of several pictures of a face: what one hides another shows, the finer counts more.
Here of the photo in small, upright and turned."""

import argparse

import numpy as np

import prnet
from prnet.appearance.fused import FusedTexture

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("photo")
parser.add_argument("folder", help="an existing one, for the results")
photo, folder = vars(parser.parse_args()).values()
try:
    image = prnet.load_image(photo)
except prnet.PrnetError as error:  # says in one line what is wrong with the photo
    parser.error(str(error))
pictures = [np.ascontiguousarray(image[::2, ::2]), image, np.rot90(image).copy()]

reconstruct = prnet.Reconstructor()
fused = FusedTexture(size=512)
for picture in pictures:  # or the frames of prnet.follow("film.mp4", people=1)
    face, *_ = reconstruct(picture) or parser.error(f"{photo}: no face found")
    fused.add(face)

prnet.save_image(f"{folder}/texture.png", fused.picture())
print(f"{fused.mask().mean():.0%} of the texture is seen in at least one picture")
