"""One face on another: here the mirrored photo's face on the photo's own."""

import sys

import prnet

photo, folder = sys.argv[1:]
reconstruct = prnet.Reconstructor()
image = prnet.load_image(photo)
target, reference = reconstruct(image)[0], reconstruct(image[:, ::-1].copy())[0]

prnet.save_image(f"{folder}/swapped.png", prnet.swap_face(target, reference))
prnet.save_image(f"{folder}/eyes.png", prnet.swap_face(target, reference, region="eyes"))
print(f"swapped: {folder}/swapped.png, {folder}/eyes.png")
