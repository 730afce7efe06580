"""The depth of a film's faces, as a film of 16 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from prnet.appearance.render import depth_map_of
from prnet.face import Face
from prnet.formats.depth import DEPTH_ORIGIN, encode_depth
from prnet.video.frames import Frame
from prnet.video.people import Take
from prnet.video.write import GREY16, film_writer

DEEPEST = 2
"""A face is nowhere farther from its z = 0 than half of so many longer sides of the picture."""


@contextmanager
def depth_film(path: Path, rate: Fraction, start: float) -> Iterator[Take]:
    """Write an mkv (FFV1, grey, without loss) with a picture a frame: 0 where no face is, else z =
    (value - 32768) scale pixels, of the largest face where several are; ``depth_scale`` and
    ``depth_origin`` are in its metadata. Second ``start`` of the film is 0."""
    with film_writer(path, rate=rate, coding=GREY16) as writer:

        def take(number: int, frame: Frame, faces: Sequence[Face]) -> None:
            height, width = frame.image.shape[:2]
            scale = DEEPEST * max(height, width) / 65536
            if not number:
                writer.tell(depth_scale=f"{scale:.9g}", depth_origin=str(DEPTH_ORIGIN))
            depth = np.full((height, width), np.nan, np.float32)
            for face in sorted(faces, key=lambda each: float(np.ptp(each.landmarks[:, 0]))):
                seen = depth_map_of(face)
                depth = np.where(np.isnan(seen), depth, seen)
            reach = scale * (DEPTH_ORIGIN - 1)
            writer.write(
                encode_depth(np.clip(depth, -reach, reach), scale=scale), frame.seconds - start
            )

        yield take
