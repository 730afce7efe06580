"""Compare labels that ``prnet label`` made with other labels of the same photos.

    python tools/compare_labels.py labels/labels.npz ../shared/faces/labels.npz

Prints, over the photos that both hold: the mean fit error of each; how far lid and lip openings of
our fits follow those of the detected points (Pearson's r over photos; the points are read from the
cache beside our labels); and, where the other labels hold ``annotated68``, the NME against it: 68
points and the inner 51, 2D, over sqrt(w*h) of the annotated landmarks' box.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from prnet.facemodel.at_points import basis_at
from prnet.facemodel.morphable import MorphableModel
from prnet.geometry.camera import project_head
from prnet.training.labels.correspondence import LID_OPENINGS, LIP_OPENINGS, Correspondence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ours", type=Path)
    parser.add_argument("others", type=Path)
    parser.add_argument("--face-model", type=Path, required=True)
    args = parser.parse_args()

    ours, others = matched(args.ours, args.others)
    print(f"{len(ours['files'])} photos in both")
    for key in ("fit_error", "landmark_spread"):
        print(f"{key}: ours {ours[key].mean():.3%}, others {others[key].mean():.3%}")
    print(f"yaw differs by {np.abs(ours['yaw_deg'] - others['yaw_deg']).mean():.2f} degrees")

    detected = detected_points(args.ours.parent / ".cache", ours["files"])
    fitted = fitted_points(MorphableModel.load(args.face_model), ours)
    for name, pairs in (("lids", LID_OPENINGS), ("lips", LIP_OPENINGS)):
        r = np.corrcoef(opening(fitted, pairs), opening(detected, pairs))[0, 1]
        print(f"opening of the {name}, fit against detected points: r = {r:.3f}")

    annotated = np.isfinite(others["annotated68"]).all((1, 2))
    if annotated.any():
        truth = others["annotated68"][annotated].astype(np.float64)
        print(f"{annotated.sum()} annotated photos, NME all 68 / inner 51:")
        for name, table in (("ours", ours), ("others' landmarks68", others)):
            errors = nme(table["landmarks68"][annotated, :, :2].astype(np.float64), truth)
            print(f"  {name}: {errors.mean():.2%} / {errors[:, 17:].mean():.2%}")


def matched(*paths: Path) -> list[dict[str, np.ndarray]]:
    """The rows of the photos that all tables hold, in the first one's order."""
    tables = [dict(np.load(path, allow_pickle=False)) for path in paths]
    rows = [{str(name): row for row, name in enumerate(table["files"])} for table in tables]
    names = [name for name in rows[0] if all(name in one for one in rows)]
    result = []
    for table, row in zip(tables, rows, strict=True):
        chosen, count = [row[name] for name in names], len(table["files"])
        per_photo = {key: values for key, values in table.items() if values.shape[:1] == (count,)}
        result.append({key: values[chosen] for key, values in per_photo.items()})
    return result


def detected_points(cache: Path, files: np.ndarray) -> np.ndarray:
    points: dict[str, np.ndarray] = {}
    for path in cache.glob("*.npz"):
        with np.load(path, allow_pickle=False) as chunk:
            if "points" in chunk:
                points.update(zip(chunk["files"].tolist(), chunk["points"], strict=True))
    return np.stack([points[str(name)] for name in files])


def fitted_points(model: MorphableModel, table: dict[str, np.ndarray]) -> np.ndarray:
    """MediaPipe's points of the labelled faces (N, 468, 2), pixels."""
    places = Correspondence.load()
    basis = basis_at(model, places.vertices, places.weights)
    shown = table.get("plane", np.concatenate([table["identity"], table["expression"]], axis=1))
    camera = (table[key].astype(np.float64) for key in ("scale", "rotation", "translation"))
    return project_head(basis.points(shown.astype(np.float64)), *camera)[..., :2]


def opening(points: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Mean distance of the pairs over sqrt(w*h) of the points' box, for each photo."""
    gaps = np.linalg.norm(points[:, pairs[:, 0]] - points[:, pairs[:, 1]], axis=2).mean(1)
    return gaps / np.sqrt(np.prod(np.ptp(points, axis=1), axis=1))


def nme(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N, 68)."""
    size = np.sqrt(np.prod(np.ptp(truth, axis=1), axis=1))
    return np.linalg.norm(points - truth, axis=2) / size[:, None]


if __name__ == "__main__":
    main()
