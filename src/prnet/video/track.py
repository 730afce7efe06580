"""Faces from frame to frame: each person a track with a number.

The crop of a frame comes from the face before it, moved by its speed, which spares the detector.
The network's presence and the face's look say when a track is lost; the detector looks then, every
second for new people, and at once when the picture is another and nobody was in the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.face import Face, roll_of
from prnet.geometry.boxes import Box
from prnet.geometry.crop import UPRIGHT, CropTransform, crop_is_off, upright_roll
from prnet.mapped import size_of
from prnet.reconstruct import Reconstructor
from prnet.video.glance import beside, glancing
from prnet.video.look import Look, alike, look_of, mixed

BEGIN_PRESENCE, STAY_PRESENCE = 0.5, 0.2
"""A face is followed from the one on, which matters only where the Reconstructor's `min_presence`
is lower, and lost below the other."""
DOUBT, ENOUGH = 0.95, 2.0
"""A face is shown once the odds of its presence beside those of the one, multiplied over the frames
(Wald's sequential test), have the other as logarithm. 0.993 is enough in one frame, 0.98 in three;
the faces of dogs are at 0.5 to 0.97."""
STAY_ALIKE, AGAIN_ALIKE = 0.7, 0.65
"""Least likeness to the face of the frame before, and of a face that comes back. A head that turns
by 12 degrees from one frame to the next, and blinks, was at 0.745; of pairs of two people, at most
0.4 in 100 are above the one."""
MEMORY: Final = 0.05
"""Share of a new frame in what a track remembers of its person's look."""

NEW_PEOPLE_EVERY = 1.0
LOST_EVERY = 0.2
"""Seconds between two looks of the detector: for new people, and for those who are lost."""
WHOLE_EVERY: Final = 5.0
"""Seconds after which such a look is at the whole picture, not in small; `NEW_PEOPLE_EVERY` where
nobody is to be seen, or somebody is lost."""
ABSENCE = 2.0
"""Seconds for which the number of a lost person is kept."""

FARTHEST, LARGEST_GROWTH = 1.0, 1.6
"""Of a face that comes back: its way, in face sizes, and the ratio of its sizes."""
SAME_PLACE, SAME_SIZE = 0.35, 1.5
"""Two faces nearer than this, in face sizes, and of such a ratio of sizes, are one."""
NEAR = 1.8
"""Two faces nearer than this, in face sizes, may cover each other: hair is half as wide again."""
LONGEST_STEP, MOST_GROWTH = 0.5, 1.5
"""From one frame to the next; what moves more is another face in the crop."""

STILL = 0.3
"""The crop stays where it is until it is off by so much of what pays for another look."""
LEVELLED = 2.5
"""Degrees of roll up to which a turned crop becomes upright: at `UPRIGHT` it would come and go."""
CUT = 24.0
"""Mean change of the picture's pixels, 0..255, from which on it is another picture."""
COMPARED = 16
"""One pixel in so many a side is."""


@dataclass
class Track:
    """One person, with a ``number`` from 1 on; or what may be one, with 0.

    ``face``: the last one, as the network gave it; ``seconds``: of its frame; ``speed`` (2,) of its
    centre, pixels a second; ``look``: in the long run; ``evidence`` that it is a person;
    ``lost``: not in the last frame."""

    face: Face
    seconds: float
    speed: NDArray[np.float64]
    look: Look
    last_look: Look
    evidence: float
    number: int = 0
    lost: bool = False


class Tracker:
    """Called with one frame after another, gives its faces, each with its ``track`` number.

    ``people``: at most so many at a time. A network that does not judge itself is judged by the
    look of the faces alone.
    """

    def __init__(self, reconstruct: Reconstructor, *, people: int | None = None) -> None:
        self._reconstruct, self._people = reconstruct, people
        self._tracks: list[Track] = []
        self._begun = 0
        self._glance = glancing(reconstruct)
        self._detected = self._wholly = -np.inf
        self._thumbnail: NDArray[np.int16] | None = None

    def __call__(self, image: NDArray[np.uint8], seconds: float) -> list[Face]:
        """RGB uint8 (H, W, 3), and its time -> its faces by their numbers. ``box`` is the
        detector's where it found the face, else that of the landmarks of the frame before."""
        new_picture = self._is_new(image)
        # A clock may begin again, where films are chained.
        self._tracks = [track for track in self._tracks if abs(seconds - track.seconds) <= ABSENCE]
        before, known = self._present(), len(self._shown())
        self._follow(image, seconds, before)
        # Nobody misses what was none for certain.
        self._tracks = [track for track in self._tracks if track.number or not track.lost]
        # A picture in which all are found where they should be is no other, however it shakes.
        at_once = len(self._shown()) < known or (new_picture and not known)
        waiting = not self._shown() or any(track.lost for track in self._tracks)
        pause = LOST_EVERY if waiting else NEW_PEOPLE_EVERY
        if not self._is_full() and (at_once or abs(seconds - self._detected) >= pause):
            self._detected = seconds
            every = NEW_PEOPLE_EVERY if waiting else WHOLE_EVERY
            whole = at_once or abs(seconds - self._wholly) >= every
            self._wholly = seconds if whole else self._wholly
            look = self._reconstruct if whole else self._glance
            seen = [track.face.crop for track in self._present()]
            self._take(beside(look, seen)(image), seconds)
        self._number()
        shown = sorted(self._shown(), key=lambda track: track.number)
        return [replace(track.face, track=track.number) for track in shown]

    def _present(self) -> list[Track]:
        return [track for track in self._tracks if not track.lost]

    def _shown(self) -> list[Track]:
        return [track for track in self._present() if track.number]

    def _is_full(self) -> bool:
        return self._people is not None and len(self._shown()) >= self._people

    def _number(self) -> None:
        """Who is surely a person gets a number, as long as there is room."""
        for track in self._present():
            if not track.number and track.evidence >= ENOUGH and not self._is_full():
                self._begun += 1
                track.number = self._begun
        if self._is_full():
            self._tracks = [track for track in self._tracks if track.number]

    def _is_new(self, image: NDArray[np.uint8]) -> bool:
        """Whether this is the first picture, or hardly a pixel is what it was."""
        thumbnail, before = image[::COMPARED, ::COMPARED].astype(np.int16), self._thumbnail
        self._thumbnail = thumbnail
        if before is None or before.shape != thumbnail.shape:
            return True
        return bool(np.abs(thumbnail - before).mean() > CUT)

    def _follow(self, image: NDArray[np.uint8], seconds: float, tracks: Sequence[Track]) -> None:
        """The faces that are where the last ones lead to."""
        crops = [self._crop(track, seconds) for track in tracks]
        boxes = [Box.around(track.face.landmarks, score=track.face.score) for track in tracks]
        faces = self._reconstruct.from_crops(image, boxes, crops)
        for track, face in zip(tracks, faces, strict=True):
            look = look_of(face)
            if _stays(track, face, look):
                self._move(track, face, look, seconds)
            else:
                track.lost = True
        self._part()

    def _crop(self, track: Track, seconds: float) -> CropTransform:
        upright = LEVELLED if track.face.crop.roll else UPRIGHT
        roll = upright_roll(roll_of(track.face), upright)
        crop = self._reconstruct.landmark_crop(track.face.landmarks, roll)
        x, y = track.speed * (seconds - track.seconds)
        crop = replace(crop, centre_x=crop.centre_x + x, centre_y=crop.centre_y + y)
        # A crop that follows each tremble of the landmarks makes them tremble more.
        return crop if crop_is_off(track.face.crop, crop, share=STILL) else track.face.crop

    def _part(self) -> None:
        """Of two tracks on one face, that whose person looks less like it is lost."""
        present = self._present()
        for i, one in enumerate(present):
            for other in present[i + 1 :]:
                if not (one.lost or other.lost) and _same(one.face, other.face):
                    liked = [alike(track.look, track.last_look) for track in (one, other)]
                    (one if liked[0] < liked[1] else other).lost = True

    def _move(self, track: Track, face: Face, look: Look, seconds: float) -> None:
        moved = (centre_of(face) - centre_of(track.face)) / max(seconds - track.seconds, 1e-3)
        track.speed = moved if not track.lost else np.zeros(2)
        track.face, track.seconds, track.lost = face, seconds, False
        track.look, track.last_look = mixed(track.look, look, MEMORY), look
        track.evidence = _evidence(face, track.evidence)

    def _take(self, faces: Sequence[Face], seconds: float) -> None:
        """What the detector found: a face is known already, comes back, or is new."""
        stayed = self._present()
        for face in faces:
            if _presence(face) < BEGIN_PRESENCE:
                continue
            if any(_same(face, track.face) for track in self._present()):
                continue
            if self._is_full():
                continue
            look = look_of(face)
            could_be = [track for track in self._tracks if _can_be(track, face, seconds)]
            track = max(could_be, key=lambda each: alike(each.look, look), default=None)
            if track is not None and alike(track.look, look) >= AGAIN_ALIKE:
                self._move(track, face, look, seconds)
            elif not (could_be and any(_near(face, other.face) for other in stayed)):
                still = np.zeros(2)
                self._tracks.append(Track(face, seconds, still, look, look, _evidence(face)))


def _presence(face: Face) -> float:
    return 1.0 if face.presence is None else face.presence


def _evidence(face: Face, before: float = 0.0) -> float:
    presence = min(_presence(face), 1 - 1e-6)
    return max(0.0, before + log(presence / (1 - presence)) - log(DOUBT / (1 - DOUBT)))


def centre_of(face: Face) -> NDArray[np.float64]:
    """(2,) pixels: the middle of the landmarks' box."""
    x, y = _places(face)
    return np.array([min(x) + max(x), min(y) + max(y)]) / 2


def _places(face: Face) -> tuple[list[float], list[float]]:
    """x and y of the landmarks: for so few NumPy takes four times as long."""
    x, y = face.landmarks[:, :2].T.tolist()
    return x, y


def _stays(track: Track, face: Face, look: Look) -> bool:
    """Whether the face in the track's crop is the person of the frame before."""
    present = _presence(face) >= STAY_PRESENCE
    size, before = size_of(face), size_of(track.face)
    way = np.linalg.norm(centre_of(face) - centre_of(track.face)) / before
    steady = way <= LONGEST_STEP and max(size / before, before / size) <= MOST_GROWTH
    return bool(present and steady and alike(look, track.last_look) >= STAY_ALIKE)


def _same(one: Face, other: Face) -> bool:
    sizes = size_of(one), size_of(other)
    apart = float(np.linalg.norm(centre_of(one) - centre_of(other)))
    return apart < SAME_PLACE * max(sizes) and max(sizes) < SAME_SIZE * min(sizes)


def _near(one: Face, other: Face) -> bool:
    """So that one head may hide half of the other: not the time to say who is new."""
    apart = float(np.linalg.norm(centre_of(one) - centre_of(other)))
    return apart < NEAR * max(size_of(one), size_of(other))


def _can_be(track: Track, face: Face, seconds: float) -> bool:
    """Whether the face may be a lost person by place and size; the way may be what the track's
    speed makes of its absence, or none."""
    size, before = size_of(face), size_of(track.face)
    way = float(np.linalg.norm(centre_of(face) - centre_of(track.face)))
    gone = float(np.linalg.norm(track.speed)) * (seconds - track.seconds)
    growth = max(size / before, before / size)
    return track.lost and way <= FARTHEST * before + gone and growth <= LARGEST_GROWTH
