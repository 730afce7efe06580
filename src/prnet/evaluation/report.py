"""An evaluation as a table, as JSON and as one CSV row an image."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.evaluation.protocols import POSE_LIMIT, area_under_curve, by_yaw, failure_rate
from prnet.evaluation.run import ALL_LANDMARKS, Evaluation, Measure
from prnet.evaluation.samples import Dataset
from prnet.files.atomic import write_bytes
from prnet.files.keep import check_replaceable, keep_files
from prnet.files.results import make_folder

RESULTS = ("summary.json", "images.csv", "ced.png", "nme_by_yaw.png", "worst.jpg", "failed.jpg")
"""All that an evaluation may write into its folder, its plots too."""
ANGLES = ("pitch", "yaw", "roll")
FAILURE_RULE = (
    "means are over the scored images; the area under the curve and the share above the limit "
    "count failed images as above every limit"
)
POSE_WORDS = (
    f"degrees, R = Rx(pitch) Ry(yaw) Rz(roll) as AFLW2000-3D counts them; images with a true angle "
    f"beyond +-{POSE_LIMIT:.0f} excluded; bias: mean of predicted - true"
)


def results_folder(out: Path, test_set: Path) -> Path:
    """Not in the test set, where the next run would take pictures of results for photos."""
    if test_set.is_dir() and out.resolve().is_relative_to(test_set.resolve()):
        raise PrnetError(f"{out}: expected --out outside the test set, got one in it")
    return make_folder(out)


def check_photos_stay(folder: Path, dataset: Dataset) -> None:
    """Raises PrnetError where a photo that a table names would be replaced by a result."""
    with keep_files(photo for photo in dataset.photos if photo.name.lower() in RESULTS):
        for name in RESULTS:
            check_replaceable(folder / name)


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Everything but the single images, as plain values (None for what is unknown)."""
    dataset, settings = evaluation.dataset, evaluation.settings
    result: dict[str, Any] = {
        "data set": str(dataset.path),
        "truth": dataset.points,
        "scored": evaluation.words,
        "crop": evaluation.crop,
        "yaw": dataset.yaw
        + (", wrapped to +-180 degrees" if settings.wrap_yaw else ", not wrapped"),
        "images": len(dataset.samples),
        "rule for failures": FAILURE_RULE,
        "measures": [_measure(measure, evaluation) for measure in evaluation.measures],
    }
    if evaluation.pose is not None:
        result["pose"] = _pose(evaluation)
    if evaluation.deviations is not None:
        result["deviations"] = _deviations(evaluation)
    plain: dict[str, Any] = _plain({**result, "failures": evaluation.failures})
    return plain


def bin_names(evaluation: Evaluation) -> list[str]:
    """As 0-30, 30-60, 60+."""
    edges = [f"{edge:g}" for edge in evaluation.settings.yaw_edges]
    return [f"{low}-{high}" for low, high in pairwise(["0", *edges])] + [f"{edges[-1]}+"]


def _measure(measure: Measure, evaluation: Evaluation) -> dict[str, Any]:
    errors, limit = measure.errors, evaluation.settings.limit
    scored = errors[np.isfinite(errors)]
    bins = by_yaw(errors, evaluation.yaw, evaluation.settings.yaw_edges)
    return {
        "name": measure.name,
        "points": measure.points,
        "normaliser": measure.normaliser,
        "unit": "per cent",
        "images": len(scored),
        "failed": int(np.isinf(errors).sum()),
        "mean": scored.mean() if len(scored) else None,
        "median": np.median(scored) if len(scored) else None,
        "by |yaw|": {
            **{
                name: {"images": count, "mean": mean}
                for name, count, mean in zip(
                    bin_names(evaluation), bins.counts, bins.means, strict=True
                )
            },
            "mean of the bins": bins.mean,
            "std of the bins": bins.std,
            "yaw unknown": bins.unknown,
            "yaw beyond 180": bins.beyond_180,
        },
        "limit": limit,
        "area under the curve": area_under_curve(errors, limit),
        "share above the limit": failure_rate(errors, limit),
    }


def _pose(evaluation: Evaluation) -> dict[str, Any]:
    pose = evaluation.pose
    assert pose is not None
    return {
        "unit": POSE_WORDS,
        "images": int(np.isfinite(pose.errors).all(axis=1).sum()),
        "failed": int(np.isinf(pose.errors).any(axis=1).sum()),
        "excluded": pose.excluded,
        "mean absolute error": {
            **dict(zip(ANGLES, pose.mae, strict=True)),
            "mean": pose.mean,
        },
        "bias": dict(zip(ANGLES, pose.bias, strict=True)),
        "yaw falls short by |yaw|": dict(
            zip(bin_names(evaluation), _medians_by_yaw(pose.short, evaluation), strict=True)
        ),
    }


def _deviations(evaluation: Evaluation) -> dict[str, Any]:
    scores = evaluation.deviations
    assert scores is not None
    bins = by_yaw(scores.shares, evaluation.yaw, evaluation.settings.yaw_edges)
    points = len(evaluation.settings.exact or ALL_LANDMARKS)
    return {
        "points": f"{points} points, x and y, beside the deviations told for them",
        "images": int(np.isfinite(scores.shares).sum()),
        "share within one deviation": scores.within,
        "by |yaw|": dict(zip(bin_names(evaluation), bins.means, strict=True)),
        "deviations that hold 68.3 %": scores.wide,
        "correlation": scores.correlation,
    }


def _medians_by_yaw(values: NDArray[np.float64], evaluation: Evaluation) -> list[float | None]:
    bins = np.digitize(np.abs(evaluation.yaw), evaluation.settings.yaw_edges, right=True)
    parts = [
        values[np.isfinite(values) & (bins == number)]
        for number in range(len(evaluation.settings.yaw_edges) + 1)
    ]
    return [float(np.median(part)) if len(part) else None for part in parts]


def _plain(value: Any) -> Any:
    """NumPy numbers -> Python's, rounded; NaN and infinity, which JSON has not, -> None."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 5) if np.isfinite(value) else None
    return value


def table(evaluation: Evaluation, *, listed: int = 10) -> str:
    """What to read on the screen."""
    facts = summary(evaluation)
    lines = [
        f"{facts['data set']}: {facts['images']} images, {len(evaluation.failures)} failed",
        f"truth:  {facts['truth']}",
        f"scored: {facts['scored']}",
        f"crop:   {facts['crop']}",
        f"yaw:    {facts['yaw']}",
    ]
    if facts["measures"]:
        limit = f"{evaluation.settings.limit:g} %"
        names = bin_names(evaluation)
        bins = "{:>13} " * len(names)
        row = "{:<20} {:>6} {:>6} | " + bins + "{:>6} {:>5} | {:>6} {:>7}"
        heads = [f"|yaw| {names[0]}", *names[1:], "mean", "std", f"AUC {limit}", f"> {limit}"]
        lines += ["", row.format("NME, %", "mean", "median", *heads)]
        lines += [row.format(*_cells(measure, names)) for measure in facts["measures"]]
        lines += [""]
        for measure in facts["measures"]:
            lines.append(f"{measure['name']}: {measure['points']}; over {measure['normaliser']}")
    if evaluation.pose is not None:
        lines += ["", *_pose_lines(facts["pose"])]
    if evaluation.deviations is not None:
        lines += ["", *_deviation_lines(facts["deviations"])]
    if evaluation.failures:
        lines += ["", f"failed; {FAILURE_RULE}:"]
        pairs = list(evaluation.failures.items())
        lines += [f"  {name}: {reason}" for name, reason in pairs[:listed]]
        lines += [f"  and {len(pairs) - listed} more"] if len(pairs) > listed else []
    return "\n".join(lines)


def _cells(measure: dict[str, Any], names: list[str]) -> list[str]:
    bins = measure["by |yaw|"]
    parts = [f"{_number(bins[name]['mean'])} ({bins[name]['images']})" for name in names]
    share = measure["share above the limit"]
    return [
        measure["name"],
        _number(measure["mean"]),
        _number(measure["median"]),
        *parts,
        _number(bins["mean of the bins"]),
        _number(bins["std of the bins"]),
        _number(measure["area under the curve"], 3),
        "-" if share is None else f"{share:.1%}",
    ]


def _pose_lines(pose: dict[str, Any]) -> list[str]:
    error, bias = pose["mean absolute error"], pose["bias"]
    angles = ", ".join(
        f"{name} {_number(error[name])} (bias {_number(bias[name])})" for name in ANGLES
    )
    counts = f"{pose['images']} images, {pose['excluded']} excluded, {pose['failed']} failed"
    short = ", ".join(
        f"{name} {_number(value, 1)}" for name, value in pose["yaw falls short by |yaw|"].items()
    )
    return [
        f"pose: {angles}, mean {_number(error['mean'])}; {counts}",
        f"  |yaw| falls short of the true one by (median): {short}",
        f"  {pose['unit']}",
    ]


def _deviation_lines(facts: dict[str, Any]) -> list[str]:
    if not facts["images"]:
        return ["deviations: none told"]
    bins = ", ".join(f"{name} {_share(share)}" for name, share in facts["by |yaw|"].items())
    return [
        f"deviations: {_share(facts['share within one deviation'])} of the errors within one, "
        f"by |yaw| {bins}; 68.3 % within {_number(facts['deviations that hold 68.3 %'])}; "
        f"correlation {_number(facts['correlation'])}; {facts['images']} images",
        f"  {facts['points']}",
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def write_json(path: Path, evaluation: Evaluation) -> None:
    write_bytes(path, (json.dumps(summary(evaluation), indent=2) + "\n").encode())


def write_csv(path: Path, evaluation: Evaluation) -> None:
    """One row an image: name, yaw, each measure, pose errors, share of errors within one deviation,
    why it failed. Empty: no value."""
    measures, pose, deviations = evaluation.measures, evaluation.pose, evaluation.deviations
    heads = [f"{name} error" for name in ANGLES] if pose is not None else []
    heads += ["share within one deviation"] if deviations is not None else []
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["image", "yaw", *(m.name for m in measures), *heads, "failure"])
    for i, sample in enumerate(evaluation.dataset.samples):
        values = [evaluation.yaw[i], *(measure.errors[i] for measure in measures)]
        values += [] if pose is None else list(pose.errors[i])
        values += [] if deviations is None else [deviations.shares[i]]
        cells = [f"{value:.4f}" if np.isfinite(value) else "" for value in values]
        writer.writerow([sample.name, *cells, evaluation.failures.get(sample.name, "")])
    write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))
