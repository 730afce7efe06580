"""Paint on the texture, and put it back into the photo: only what was painted changes."""

import sys

import prnet

photo, folder = sys.argv[1:]
face = prnet.Reconstructor()(photo)[0]

texture = face.texture(size=512).copy()
texture[200:230, 120:180] = (200, 30, 60)  # on a cheek
prnet.save_image(f"{folder}/edited.png", prnet.apply_texture(face, texture))
print(f"painted: {folder}/edited.png")
