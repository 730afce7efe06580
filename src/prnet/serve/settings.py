"""What the page must know of this package: its constants and its UV layout, as files.

The page's modules are twins of ours. Whatever number stands in one of ours reaches them from here.
"""

from __future__ import annotations

from dataclasses import asdict
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prnet import light, reconstruct
from prnet.appearance import confidence
from prnet.detection import anchorfree, candidates
from prnet.facemodel.arkit import curves
from prnet.facemodel.arkit.shapes import ARKIT_NAMES, UNSEEN
from prnet.facemodel.quantised import quantised
from prnet.formats import surface
from prnet.geometry import crop, doubted
from prnet.geometry.crop import LANDMARK_RULE
from prnet.layout.uv_layout import Part, UVLayout
from prnet.network import contrast
from prnet.network.crop_rules import load_crop_rules
from prnet.network.looks import MIRRORED_FROM, MIRRORED_FULLY
from prnet.network.position_map_network import PositionMapNetwork, layout_file
from prnet.packaged import DATA
from prnet.video import glance, head, look, smooth, track

MODULES: Final = {
    "detector": anchorfree,
    "candidates": candidates,
    "reconstruct": reconstruct,
    "crop": crop,
    "doubted": doubted,
    "contrast": contrast,
    "light": light,
    "track": track,
    "glance": glance,
    "look": look,
    "smooth": smooth,
    "confidence": confidence,
}
"""Name in the settings: the module whose constants those are."""


def constants(module: ModuleType) -> dict[str, Any]:
    """Numbers, texts and tuples or arrays of them that have a name in capitals."""
    plain: dict[str, Any] = {}
    for name, value in vars(module).items():
        if name.isupper() and not name.startswith("_"):
            value = value.tolist() if isinstance(value, np.ndarray) else value
            if isinstance(value, int | float | str | tuple | list):
                plain[name] = value
    return plain


def page_settings() -> tuple[dict[str, Any], dict[str, bytes]]:
    """The settings (JSON), and the files of arrays that they describe."""
    rules = load_crop_rules(layout_file().parent)
    detector = rules.get(anchorfree.PrnetDetector.name, anchorfree.PrnetDetector.crop_rule)
    landmarks = rules.get("landmarks", LANDMARK_RULE)
    layout, layout_arrays = _layout(UVLayout.load(layout_file()))
    shapes, shapes_arrays = _curves()
    modules = {name: constants(module) for name, module in MODULES.items()}
    settings = {
        **modules,
        "rules": {"detector": asdict(detector), "landmarks": asdict(landmarks)},
        "network": {"crop_size": PositionMapNetwork(DATA).crop_size},
        "looks": {"MIRRORED_FROM": MIRRORED_FROM, "MIRRORED_FULLY": MIRRORED_FULLY},
        "layout": layout,
        "curves": shapes,
    }
    return settings, {"layout.bin": layout_arrays, "curves.bin": shapes_arrays}


def _layout(layout: UVLayout) -> tuple[dict[str, Any], bytes]:
    """The canonical face is rounded to 1/8191 of its size (20 micrometres), and kept as differences
    of differences along rows and columns: a third of what float32 takes."""
    canonical = layout.canonical * layout.region[..., None]
    step = float(np.abs(canonical).max()) / 8191
    rounded = np.rint(canonical / step).astype(np.int16).transpose(2, 0, 1)
    openings = np.zeros(layout.region.shape) if layout.openings is None else layout.openings
    arrays: dict[str, NDArray[Any]] = {
        "landmarks": layout.landmarks.astype("<f4"),
        "canonical": np.diff(np.diff(rounded, axis=2, prepend=0), axis=1, prepend=0).astype("<i2"),
        "region": layout.region.astype(np.uint8),
        "parts": layout.parts.astype(np.uint8),
        "openings": openings.astype(np.uint8),
    }
    described = {
        "name": layout.name,
        "size": layout.size,
        "z_rule": layout.z_rule,
        "canonical_step": step,
        "eye_corners_apart": surface.EYE_CORNERS_APART,
        "neck": int(Part.NECK),
        "quick": [int(Part.EYES), int(Part.MOUTH)],
        "some": head.STEP,
    }
    return _packed(described, arrays)


def _curves() -> tuple[dict[str, Any], bytes]:
    """What ARKit's curves are fitted with: of the design, the landmarks' part, which says most, in
    two bytes a number, and that of the grid in one, as the face model itself is."""
    model, marks = curves.curve_model(), 68
    design = model.design.reshape(len(model.gram), -1, 3)
    grid, steps = quantised(design[:, marks:])
    fine_steps = np.maximum(np.abs(design[:, :marks]).max(axis=(1, 2)) / 32767, 1e-12)
    fine = np.rint(design[:, :marks] / fine_steps[:, None, None])
    arrays: dict[str, NDArray[Any]] = {
        "shares": model.shares.astype("<f4"),
        "mean": model.mean.astype("<f4"),
        "steps": steps.astype("<f4"),
        "gram": model.gram[np.triu_indices(len(model.gram))].astype("<f4"),
        "fine_steps": fine_steps.astype("<f4"),
        "pixels": model.pixels.astype("<u2"),
        "marks": fine.astype("<i2"),
        "grid": grid,
    }
    described = {
        **constants(curves),
        "counts": {"unknowns": len(model.gram), "points": len(model.mean)},
        "names": list(ARKIT_NAMES),
        "precisions": [
            curves.SHOWN_OTHERWISE.get(name, curves.SHOWN) ** -2.0 for name in ARKIT_NAMES
        ],
        "blinks": curves.BLINKS.tolist(),
        "unseen": ARKIT_NAMES.index(UNSEEN),
        "motions": len(model.gram) - model.identities - len(ARKIT_NAMES),
    }
    return _packed(described, arrays)


def _packed(
    described: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> tuple[dict[str, Any], bytes]:
    """Arrays one after another, those of the widest numbers first, and where each lies."""
    offsets = np.cumsum([0, *(array.nbytes for array in arrays.values())]).tolist()
    places = {
        name: {"offset": offset, "length": array.size}
        for (name, array), offset in zip(arrays.items(), offsets, strict=False)
    }
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    return {**described, "arrays": places}, data
