"""Mesh files for other programs: GLB for viewers and Blender, OBJ with texture, few triangles."""

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

face.save(f"{folder}/face.glb")  # metres, y up, the pose is the node's rotation
face.save(f"{folder}/face.obj", "obj-texture")  # pixels over the photo; face.mtl, face.png
face.save(f"{folder}/face.pts")  # 68 landmarks, iBUG's format
print(f"open {folder}/face.glb in any 3D viewer")
