"""The shape that a photo's points are fitted with: two fits, one for x and y, one for z.

What follows the points closely is not what is true in depth: on true surfaces a fit that explains
the points of a neutral face by expressions is hardly better than the mean face. So

    plane: identity, expression and camera together, trusting the points. It is where x and y of
        the label's position map are.
    depth: the same identity (or the mean over all photos of a person, which no single photo's
        errors bend), its expression fitted with four times the noise. It is where z is, and what
        the head's other side looks like.

In the head frame a point of the label is X = D + (P - D) less its part along the view, with D the
depth's and P the plane's: seen from where the photo was taken, it has P's x and y and D's z.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prnet.facemodel.fitting import Fits, FitSettings, fit
from prnet.facemodel.point_basis import Floats, PointBasis
from prnet.geometry.camera import project_head


@dataclass(frozen=True)
class ShapeSettings:
    plane: FitSettings = field(default_factory=FitSettings)
    """How x and y follow the points."""
    depth: FitSettings = field(default_factory=lambda: FitSettings(noise=0.12))
    """How the expression follows them that z is made of."""


@dataclass(frozen=True)
class Shapes:
    """Of B photos: ``plane``, the fit that follows the points, with its camera; ``depth``
    (B, I + E), the coefficients of the true shape."""

    plane: Fits
    depth: NDArray[np.float64]

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """(B, I + E): the plane's."""
        return np.concatenate([self.plane.identity, self.plane.expression], axis=1)

    def points(self, basis: PointBasis) -> NDArray[np.float32]:
        """The points of ``basis`` in the image frame (B, K, 3), pixels."""
        fits = self.plane
        camera = fits.scale, fits.rotation, fits.translation[:, :2]
        placed = project_head(basis.points(self.coefficients), *camera)
        placed[..., 2] = project_head(basis.points(self.depth), *camera)[..., 2]
        return placed.astype(np.float32)


def fit_shapes(
    basis: PointBasis,
    points: Floats,
    *,
    weights: Floats,
    settings: ShapeSettings,
) -> Shapes:
    """Points (B, K, 2) in image pixels and trust in each (B, K), as `fitting.fit` takes them."""
    plane = fit(basis, points, weights=weights, settings=settings.plane)
    depth = fit_depth(basis, points, plane.identity, weights=weights, settings=settings)
    return Shapes(plane, depth)


def fit_depth(
    basis: PointBasis,
    points: Floats,
    identity: Floats,
    *,
    weights: Floats,
    settings: ShapeSettings,
) -> NDArray[np.float64]:
    """Coefficients (B, I + E) of the true shape with the identity (B, I)."""
    found = fit(basis, points, weights=weights, identity=identity, settings=settings.depth)
    return np.concatenate([np.asarray(identity, np.float64), found.expression], axis=1)
