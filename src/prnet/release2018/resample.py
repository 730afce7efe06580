"""Position maps of our layout -> the 2018 release's: 256 x 256, its 43,867 vertices in its order.

``data/layout2018.npz``, made by ``tools/match_layout2018.py``: ``first`` and ``count`` (256,)
int32, the run of pixels in each row that are face; ``places`` (V, 2) uint16, for each of them the
column and row in our layout, in 1/STEPS pixels; ``frame`` (4,) float32, scale and translation from
our canonical face to the units of the release's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from prnet.files.arrays import Array, read_arrays
from prnet.geometry.sampling import bilinear_weights, sample_bilinear
from prnet.layout.uv_layout import Part, UVLayout, default_layout
from prnet.packaged import DATA

TABLE: Final = DATA / "layout2018.npz"
STEPS: Final = 256
_ARRAYS = {
    "first": Array(np.int32, (256,), below=256),
    "count": Array(np.int32, (256,), below=257),
    "places": Array(np.uint16, ("V", 2)),
    "frame": Array(np.float32, (4,)),
}


@dataclass(frozen=True, eq=False)
class Resampling:
    """From maps of ``source`` to maps of ``target``.

    places: (V, 2) float64, column and row in ``source`` of each vertex of ``target``.
    """

    source: UVLayout
    target: UVLayout
    places: NDArray[np.float64]

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """A map (256, 256, C) of the source layout -> of the target's, bilinear; outside its region
        the nearest value of its edge."""
        corners, shares = self._weights
        flat = values.reshape(-1, values.shape[-1])
        rows = (flat[corners] * shares[..., None]).sum(axis=1)
        result = np.zeros((*self.target.region.shape, values.shape[-1]), np.float32)
        result[self.target.region] = rows
        return self.target.extended(result)

    @cached_property
    def _weights(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Pixels outside our region, whose values mean nothing, are replaced by its edge's."""
        corners, shares = bilinear_weights(self.places, *self.source.region.shape)
        return self.source.nearest_in_region.ravel()[corners], shares


@lru_cache(maxsize=1)
def to_2018() -> Resampling:
    """From the package's layout to the 2018 release's, by the package's table."""
    ours = default_layout()
    table = read_arrays(TABLE, _ARRAYS, "the table of the 2018 layout (.npz)")
    columns = np.arange(256)
    first, count = table["first"][:, None], table["count"][:, None]
    region = (columns >= first) & (columns < first + count)
    places = table["places"].astype(np.float64) / STEPS
    scale, *shift = table["frame"].astype(np.float64)
    canonical, parts = np.zeros_like(ours.canonical), np.zeros_like(ours.parts)
    canonical[region] = sample_bilinear(ours.canonical, places) * scale + shift
    column, row = np.rint(places).astype(np.intp).T
    parts[region] = np.maximum(ours.parts[row, column], Part.FACE)
    target = UVLayout(
        name="prnet-2018",
        region=region,
        landmarks=_landmark_pixels(ours.landmarks, places, np.argwhere(region)),
        parts=parts,
        canonical=canonical,
        z_rule="minimum",
    )
    return Resampling(ours, target, places)


def _landmark_pixels(
    landmarks: NDArray[np.float32], places: NDArray[np.float64], pixels: NDArray[np.intp]
) -> NDArray[np.float32]:
    """(68, 2), column and row of the vertex that lies nearest to each landmark of our layout."""
    distances = [((places - landmark) ** 2).sum(axis=1) for landmark in landmarks]
    return pixels[[distance.argmin() for distance in distances]][:, ::-1].astype(np.float32)
