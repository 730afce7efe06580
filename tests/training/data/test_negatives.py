from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prnet.errors import PrnetError
from prnet.training.data.negatives import SQUARES, prepare_negatives


def test_squares_of_photos_that_can_be_read(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "prepared"
    photos.mkdir()
    out.mkdir()
    np.save(out / "crops.npy", np.zeros((2, 24, 24, 3), np.uint8))
    ramp = np.broadcast_to(np.linspace(40, 240, 300), (100, 300))
    Image.fromarray(np.stack([ramp] * 3, 2).astype(np.uint8)).save(photos / "ramp.png")
    (photos / "bad.png").write_bytes(b"no picture")
    prepare_negatives(photos, out)
    crops = np.load(out / "negatives.npy")
    assert crops.shape == (SQUARES, 24, 24, 3)
    assert crops.min() > 30, "squares lie inside the photo"
    assert len({int(crop.mean()) for crop in crops}) == SQUARES, "places differ"
    (photos / "ramp.png").unlink()
    with pytest.raises(PrnetError, match="expected photos that can be read, got none"):
        prepare_negatives(photos, out)
