"""One face on another: here the mirrored photo's face on the photo's own."""

import argparse

import prnet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("photo")
parser.add_argument("folder", help="an existing one, for the results")
photo, folder = vars(parser.parse_args()).values()
try:
    image = prnet.load_image(photo)
except prnet.PrnetError as error:  # says in one line what is wrong with the photo
    parser.error(str(error))
reconstruct = prnet.Reconstructor()
target, *_ = reconstruct(image) or parser.error(f"{photo}: no face found")
reference, *_ = reconstruct(image[:, ::-1].copy()) or parser.error(f"{photo}: no face mirrored")

prnet.save_image(f"{folder}/swapped.png", prnet.swap_face(target, reference))
prnet.save_image(f"{folder}/eyes.png", prnet.swap_face(target, reference, region="eyes"))
print(f"swapped: {folder}/swapped.png, {folder}/eyes.png")
