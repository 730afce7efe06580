"""Paint on the texture, and put it back into the photo: only what was painted changes."""

import argparse

import prnet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("photo")
parser.add_argument("folder", help="an existing one, for the results")
photo, folder = vars(parser.parse_args()).values()
try:
    face, *_ = prnet.Reconstructor()(photo) or parser.error(f"{photo}: no face found")
except prnet.PrnetError as error:  # says in one line what is wrong with the photo
    parser.error(str(error))

texture = face.texture(size=512).copy()
texture[200:230, 120:180] = (200, 30, 60)  # on a cheek
prnet.save_image(f"{folder}/edited.png", prnet.apply_texture(face, texture))
print(f"painted: {folder}/edited.png")
