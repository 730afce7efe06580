"""The picture as its own face box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prnet.detection.protocol import check_picture
from prnet.geometry.boxes import Box
from prnet.geometry.crop import CropRule

WHOLE_IMAGE_RULE = CropRule(scale=1.0)
"""By definition: the picture is the crop. Face crops of the three sources would fit best with
1.30 (UTKFace), 1.23 (news) and 0.60 (YTF)."""


class WholeImageDetector:
    """For pictures that are face crops already: the box is the picture."""

    name = "none"
    crop_rule = WHOLE_IMAGE_RULE

    def __call__(self, image: NDArray[np.uint8]) -> list[Box]:
        check_picture(image)
        height, width = image.shape[:2]
        return [Box(-0.5, -0.5, width - 0.5, height - 0.5)]
