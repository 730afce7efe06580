from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from standins import make_face

from prnet.appearance.confidence import COLOURS, GUESSED, SURE, confidence_picture
from prnet.errors import PrnetError

GREY = np.full((200, 240, 3), 100, np.uint8)


def test_colours_go_from_sure_to_guessed_and_the_photo_stays_around() -> None:
    face = make_face(image=GREY)
    size = float(np.sqrt(np.ptp(face.landmarks[:, :2], axis=0).prod()))
    columns = np.arange(256)
    # As sure as can be in the map's left half, guessed in its right.
    deviation = np.where(columns < 128, SURE / 2, GUESSED * 2) * size * np.ones((256, 1))
    picture = confidence_picture(replace(face, deviation=deviation.astype(np.float32)))
    left, right = picture[100, 90].astype(int), picture[100, 150].astype(int)
    np.testing.assert_allclose(left, 0.35 * 100 + 0.65 * COLOURS[0], atol=2)
    np.testing.assert_allclose(right, 0.35 * 100 + 0.65 * COLOURS[-1], atol=2)
    np.testing.assert_array_equal(picture[:4], GREY[:4])


def test_what_is_missing_is_said() -> None:
    with pytest.raises(PrnetError, match="expected a face with its image"):
        confidence_picture(make_face())
    with pytest.raises(PrnetError, match="got one without deviations"):
        confidence_picture(make_face(image=GREY))
