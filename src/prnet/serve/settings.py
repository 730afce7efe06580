"""What the page must know of this package: its constants and its UV layout, as files.

The page's modules are twins of ours. Whatever number stands in one of ours reaches them from here.
"""

from __future__ import annotations

from dataclasses import asdict
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prnet import reconstruct
from prnet.appearance import confidence
from prnet.detection import anchorfree, candidates
from prnet.formats import surface
from prnet.geometry.crop import LANDMARK_RULE
from prnet.layout.uv_layout import Part, UVLayout
from prnet.network.crop_rules import load_crop_rules
from prnet.network.position_map_network import PositionMapNetwork, layout_file
from prnet.packaged import DATA
from prnet.video import look, smooth, track

MODULES: Final = {
    "detector": anchorfree,
    "candidates": candidates,
    "reconstruct": reconstruct,
    "track": track,
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


def page_settings() -> tuple[dict[str, Any], bytes]:
    """The settings (JSON), and the arrays of the layout that they describe, one after another."""
    rules = load_crop_rules(layout_file().parent)
    detector = rules.get(anchorfree.PrnetDetector.name, anchorfree.PrnetDetector.crop_rule)
    landmarks = rules.get("landmarks", LANDMARK_RULE)
    described, data = _layout(UVLayout.load(layout_file()))
    settings = {
        **{name: constants(module) for name, module in MODULES.items()},
        "rules": {"detector": asdict(detector), "landmarks": asdict(landmarks)},
        "network": {"crop_size": PositionMapNetwork(DATA).crop_size},
        "layout": described,
    }
    return settings, data


def _layout(layout: UVLayout) -> tuple[dict[str, Any], bytes]:
    """The canonical face is rounded to 1/32767 of its size: half of what float32 takes."""
    canonical = layout.canonical * layout.region[..., None]
    step = float(np.abs(canonical).max()) / 32767
    openings = np.zeros(layout.region.shape) if layout.openings is None else layout.openings
    arrays: dict[str, NDArray[Any]] = {
        "landmarks": layout.landmarks.astype("<f4"),
        "canonical": np.rint(canonical / step).astype("<i2"),
        "region": layout.region.astype(np.uint8),
        "parts": layout.parts.astype(np.uint8),
        "openings": openings.astype(np.uint8),
    }
    offsets = np.cumsum([0, *(array.nbytes for array in arrays.values())]).tolist()
    described = {
        "name": layout.name,
        "size": layout.size,
        "z_rule": layout.z_rule,
        "canonical_step": step,
        "eye_corners_apart": surface.EYE_CORNERS_APART,
        "neck": int(Part.NECK),
        "arrays": {
            name: {"offset": offset, "length": array.size}
            for (name, array), offset in zip(arrays.items(), offsets, strict=False)
        },
    }
    return described, b"".join(array.tobytes() for array in arrays.values())
