"""One texture of several pictures of a face: what one hides another shows, the finer counts more.
Here of the photo in small, upright and turned."""

import sys

import numpy as np

import prnet
from prnet.appearance.fused import FusedTexture

photo, folder = sys.argv[1:]
image = prnet.load_image(photo)
pictures = [np.ascontiguousarray(image[::2, ::2]), image, np.rot90(image).copy()]

reconstruct = prnet.Reconstructor()
fused = FusedTexture(size=512)
for picture in pictures:  # or the frames of prnet.follow("film.mp4", people=1)
    for face in reconstruct(picture)[:1]:
        fused.add(face)

prnet.save_image(f"{folder}/texture.png", fused.picture())
print(f"{fused.mask().mean():.0%} of the texture is seen in at least one picture")
