"""The 2018 release's demo.py: its options, file names and contents, with its defects fixed.

  prnet demo -i TestImages -o TestImages/results --isDlib True --isKpt True --isPose True

Values are True or False as there; an option alone is True. The largest face of NAME.jpg gives
NAME.obj and so on, the others NAME_1.obj, NAME_2.obj ... by size. docs/demo.md tells the files and
what is different; `prnet reconstruct` has more outputs.

exit status: 0, 1 when some photo could not be read, 3 when no photo had a face.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import traceback
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.appearance.draw import draw_landmarks, draw_mesh, draw_pose_box
from prnet.appearance.frontal import affine_frontal_vertices
from prnet.bulk.photos import about
from prnet.commands._options import positive
from prnet.commands.reconstruct import ALL_WELL, NO_FACE, SOME_FAILED
from prnet.errors import FullDiskError, PrnetError
from prnet.face import Face
from prnet.files.atomic import write_bytes
from prnet.files.image import load_image, save_image
from prnet.files.inputs import expand_inputs
from prnet.files.keep import keep_files
from prnet.files.mat import mat_bytes
from prnet.files.onnx_session import Device
from prnet.files.results import make_folder, output_names
from prnet.files.streams import say
from prnet.formats.meshes import save_textured_obj
from prnet.formats.obj import obj_bytes
from prnet.formats.surface import Surface
from prnet.geometry.camera import FLIP_Y
from prnet.geometry.mesh import vertex_normals
from prnet.reconstruct import Reconstructor
from prnet.release2018.pose import angles_2018

SWITCHES = {
    "isDlib": (True, "find faces with a detector; False: each picture is a face crop already"),
    "is3d": (True, "NAME.obj: mesh with vertex colours, or textured with --isTexture"),
    "isMat": (False, "NAME_mesh.mat: vertices, colors, triangles (counted from 0)"),
    "isKpt": (False, "NAME_kpt.txt: 68 landmarks"),
    "isPose": (False, "NAME_pose.txt: yaw, pitch, roll in radians; NAME_camera_matrix.txt"),
    "isShow": (False, "show landmarks, mesh and pose; also writes the files of isKpt and isPose"),
    "isImage": (False, "NAME.jpg: a copy of the picture"),
    "isFront": (False, "the mesh is aligned to the canonical face"),
    "isDepth": (False, "NAME_depth.jpg and NAME_depth.mat"),
    "isTexture": (False, "the mesh has NAME_texture.png instead of vertex colours"),
    "isMask": (False, "what the photo hides is black in the texture"),
}

INPUTS = Path("TestImages")
"""demo.py's own."""

ENDINGS = (
    *(".obj", ".mtl", ".jpg", "_texture.png", "_mesh.mat", "_kpt.txt", "_pose.txt"),
    *("_camera_matrix.txt", "_depth.jpg", "_depth.mat"),
)
"""Of all files that a name can get."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of demo.py, and --model."""
    add = parser.add_argument
    add("-i", "--inputDir", type=Path, default=INPUTS, help="by default TestImages/")
    add(
        "-o",
        "--outputDir",
        type=Path,
        default=Path("TestImages/results"),
        help="by default TestImages/results; made when missing",
    )
    add_gpu_argument(parser)
    for name, (default, text) in SWITCHES.items():
        add(
            f"--{name}",
            nargs="?",
            const=True,
            default=default,
            type=_true_or_false,
            metavar="True|False",
            help=f"{text} (default {default})",
        )
    add("--texture_size", type=positive, default=256, help="side of the texture (default 256)")
    add("--model", type=Path, metavar="DIR", help="model folder, by default the package's own")


def add_gpu_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gpu",
        type=_gpu,
        default="0",
        help="number of the GPU where ONNX Runtime has CUDA, else the CPU; -1: CPU (default 0)",
    )


def _gpu(text: str) -> str:
    """A whole number, or several with commas between, as CUDA_VISIBLE_DEVICES takes them."""
    if not all(number.strip().lstrip("-").isdecimal() for number in text.split(",")):
        raise argparse.ArgumentTypeError(f"expected the number of a GPU, got '{text}'")
    return text


def device_for(gpu: str) -> Device:
    """Where the network runs. Hides the other GPUs, as demo.py does."""
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    return "cpu" if gpu.startswith("-") else "auto"


def run(args: argparse.Namespace) -> int:
    reconstruct = Reconstructor(
        args.model,
        detector="auto" if args.isDlib else "none",
        passes=1,
        device=device_for(args.gpu),
    )
    paths = expand_inputs([args.inputDir])
    if paths == [args.inputDir] and not args.inputDir.exists():
        hint = " (-i FOLDER)" if args.inputDir == INPUTS else ""
        raise PrnetError(f"{args.inputDir}: expected a folder of photos, got no such folder{hint}")
    folder = make_folder(args.outputDir)
    found, failed = 0, 0
    for path, name in zip(paths, output_names(paths, ENDINGS), strict=True):
        try:
            with keep_files(paths):
                count = _save_faces(reconstruct, path, str(folder / name), args)
        except FullDiskError:
            raise  # of the other photos, too
        except Exception as error:  # whatever else it is, the other photos go on
            failed += 1
            if args.debug:
                traceback.print_exc()
            say(f"prnet demo: {about(path, error)}", error=True)
            continue
        found += count
        told = f"{count} faces" if count != 1 else "1 face"
        say(f"{path}: {told if count else 'no face found, nothing written'}")
    return SOME_FAILED if failed else ALL_WELL if found else NO_FACE


def _save_faces(
    reconstruct: Reconstructor, photo: Path, stem: str, args: argparse.Namespace
) -> int:
    """Every file of one photo; ``stem`` is their path without endings. Returns how many faces."""
    image = load_image(photo)
    faces = reconstruct(image)
    if args.isImage and faces:
        save_image(f"{stem}.jpg", image)
    for number, face in enumerate(faces):
        _save(face, stem + (f"_{number}" if number else ""), args)
    return len(faces)


def _save(face: Face, stem: str, args: argparse.Namespace) -> None:
    """Every file of one face; ``stem`` is its path without endings."""
    assert face.image is not None
    colors = face.vertex_colors()
    if args.is3d and args.isTexture:
        _save_textured(face, stem, _mesh_vertices(face, args.isFront), args)
    elif args.is3d:
        vertices = _mesh_vertices(face, args.isFront)
        write_bytes(Path(f"{stem}.obj"), obj_bytes(vertices, face.triangles, colors))
    if args.isMat:
        mesh = mat_bytes(
            {"vertices": face.vertices, "colors": colors / 255, "triangles": face.triangles}
        )
        write_bytes(Path(f"{stem}_mesh.mat"), mesh)
    if args.isDepth:
        _save_depth(face, stem)
    if args.isKpt or args.isShow:
        _save_text(Path(f"{stem}_kpt.txt"), face.landmarks)
    if args.isPose or args.isShow:
        matrix = camera_matrix(face)
        _save_text(Path(f"{stem}_pose.txt"), angles_2018(matrix))
        _save_text(Path(f"{stem}_camera_matrix.txt"), matrix)
    if args.isShow:
        for picture in (
            draw_landmarks(face.image, face.landmarks),
            draw_mesh(face.image, face),
            draw_pose_box(face.image, face),
        ):
            Image.fromarray(picture).show()


def _mesh_vertices(face: Face, frontal: bool) -> NDArray[np.floating]:
    """(V, 3) with y up, counted from the picture's last row."""
    assert face.image is not None
    vertices = affine_frontal_vertices(face) if frontal else face.vertices
    return np.asarray(vertices * FLIP_Y + [0, face.image.shape[0] - 1, 0])


def _save_textured(
    face: Face, stem: str, vertices: NDArray[np.floating], args: argparse.Namespace
) -> None:
    texture = face.texture(size=args.texture_size)
    if args.isMask:
        mask = face.texture_mask(size=args.texture_size)[..., None]
        texture = np.rint(texture * mask).astype(np.uint8)
    surface = Surface(
        vertices=np.asarray(vertices, np.float64),
        triangles=face.triangles,
        normals=vertex_normals(vertices * FLIP_Y, face.triangles) * FLIP_Y,
        texture_coordinates=face.texture_coordinates,
    )
    save_textured_obj(Path(f"{stem}.obj"), surface, texture, picture=Path(f"{stem}_texture.png"))


def _save_depth(face: Face, stem: str) -> None:
    """Pixels above the face's farthest point, 0 where no face is; the picture from 0 to white."""
    depth = np.nan_to_num(face.depth_map() - face.vertices[:, 2].min())
    grey = np.rint(255 * depth / max(float(depth.max()), 1e-9)).astype(np.uint8)
    save_image(f"{stem}_depth.jpg", grey)
    write_bytes(Path(f"{stem}_depth.mat"), mat_bytes({"depth": depth}))


def camera_matrix(face: Face) -> NDArray[np.float64]:
    """(3, 4): image point = matrix @ (canonical vertex, 1), both in image axes."""
    matrix = face.camera.matrix.copy()
    matrix[:, :3] *= FLIP_Y
    return matrix


def _save_text(path: Path, numbers: NDArray[np.floating]) -> None:
    stream = io.BytesIO()
    np.savetxt(stream, numbers)
    write_bytes(path, stream.getvalue())


def _true_or_false(text: str) -> bool:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    if value not in (True, False):
        raise argparse.ArgumentTypeError(f"expected True or False, got '{text}'")
    return bool(value)
