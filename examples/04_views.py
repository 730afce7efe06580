"""The face from the front and from the side, with its texture and as a shaded surface."""

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

prnet.save_image(f"{folder}/frontal.png", face.render(size=256))
prnet.save_image(f"{folder}/side.png", face.render(yaw=40, pitch=10, size=256))
prnet.save_image(f"{folder}/shaded.png", face.render(yaw=40, size=256, style="shaded"))
print(f"frontal vertices: {face.frontal().shape}, the canonical face's units")
