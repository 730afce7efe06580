"""A photo -> meshes, landmarks and pose of its faces, the largest first."""

import sys

import prnet

photo, folder = sys.argv[1:]
reconstruct = prnet.Reconstructor()
for i, face in enumerate(reconstruct(photo)):
    face.save(f"{folder}/face_{i}.obj")
    print(face.landmarks.shape, face.pose)  # (68, 3) pixels; yaw, pitch, roll in degrees
