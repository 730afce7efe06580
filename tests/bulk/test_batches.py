"""Crops of many photos in one call of the network: the same faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from standins import write_model

from prnet.bulk.batches import reconstruct_many
from prnet.errors import PrnetError
from prnet.face import Face
from prnet.network.position_map_network import Prediction
from prnet.reconstruct import Reconstructor


def _photos(count: int) -> list[NDArray[np.uint8]]:
    """Of many sizes; red is what the stand-in network tells faces apart by."""
    random = np.random.default_rng(0)
    return [
        random.integers(0, 200, (40 + 3 * i, 60 + 5 * i, 3)).astype(np.uint8) for i in range(count)
    ]


@pytest.fixture
def reconstruct(tmp_path: Path) -> Reconstructor:
    model = write_model(tmp_path, judges=True)
    return Reconstructor(model, detector="none", passes=2, min_presence=0.05)


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_faces_are_those_of_one_call_for_each_photo(
    reconstruct: Reconstructor, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = _photos(12)
    expected = [reconstruct(photo) for photo in photos]
    sizes: list[int] = []
    predict = reconstruct.network.predict

    def counted(crops: NDArray[np.uint8]) -> Prediction:
        sizes.append(len(crops))
        return predict(crops)

    monkeypatch.setattr(reconstruct.network, "predict", counted)
    found = list(reconstruct_many(reconstruct, photos, batch=batch, threads=3))
    for faces, twins in zip(found, expected, strict=True):
        assert not isinstance(faces, Exception)
        assert len(faces) == 1
        _same(faces, twins)
    assert sum(sizes) == 2 * 12 * (1 + 5), "two passes, there, in three turns, to two sides"
    if batch == 5:
        assert np.mean(sizes) >= 4


def _same(faces: list[Face], twins: list[Face]) -> None:
    for face, twin in zip(faces, twins, strict=True):
        np.testing.assert_array_equal(face.position_map, twin.position_map)
        assert (face.presence, face.crop) == (twin.presence, twin.crop)


def test_what_is_wrong_with_one_photo_is_its_own(
    reconstruct: Reconstructor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it cannot be read or the network fails for it."""
    reconstruct.passes = 1
    photos = _photos(6)
    sources: list[Any] = [photos[0], b"no picture", *photos[1:]]
    predict = reconstruct.network.predict
    (first,) = reconstruct(photos[2])
    bad = first.crop.crop_image(photos[2])

    def failing(crops: NDArray[np.uint8]) -> Prediction:
        if any(np.array_equal(crop, bad) for crop in crops):
            raise RuntimeError("bad crop")
        return predict(crops)

    monkeypatch.setattr(reconstruct.network, "predict", failing)
    found = list(reconstruct_many(reconstruct, sources, batch=4))
    wrong = {place: each for place, each in enumerate(found) if isinstance(each, Exception)}
    assert set(wrong) == {1, 3}
    assert isinstance(wrong[1], PrnetError)
    assert str(wrong[3]) == "bad crop"


def test_no_photos(reconstruct: Reconstructor) -> None:
    assert list(reconstruct_many(reconstruct, [])) == []
