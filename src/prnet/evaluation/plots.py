"""Pictures of an evaluation: cumulative curves, error against yaw, contact sheets."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, install_command
from prnet.evaluation.protocols import area_under_curve, cumulative_shares
from prnet.evaluation.run import Evaluation
from prnet.files.atomic import write_bytes
from prnet.files.image import save_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST = 10.0
"""Largest error of the cumulative plot, in per cent, as in the paper."""
YAW_STEP = 10.0
SHEET = 20


def require_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401  only whether it is there
    except ModuleNotFoundError as error:
        raise PrnetError(
            f"expected matplotlib for the plots, got none ({install_command('evaluate')}, "
            "or --no-plots)"
        ) from error


def write_plots(folder: Path, evaluation: Evaluation) -> list[Path]:
    """``ced.png``, ``nme_by_yaw.png`` (where yaws are known), ``worst.jpg``, ``failed.jpg``."""
    written = []
    if evaluation.measures:
        written.append(_figure(folder / "ced.png", evaluation, _draw_ced))
        if np.isfinite(evaluation.yaw).any():
            written.append(_figure(folder / "nme_by_yaw.png", evaluation, _draw_by_yaw))
        errors = evaluation.measures[0].errors
        scored = np.flatnonzero(np.isfinite(errors))
        worst = scored[np.argsort(-errors[scored], kind="stable")][:SHEET]
        written += _sheet(folder / "worst.jpg", evaluation, worst)
        written += _sheet(folder / "failed.jpg", evaluation, np.flatnonzero(np.isinf(errors)))
    return written


def _figure(path: Path, evaluation: Evaluation, draw: Callable[[Axes, Evaluation], None]) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    draw(axes, evaluation)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    axes.set_title(
        f"{evaluation.dataset.path.name}; {evaluation.words}\ncrop {evaluation.crop}", fontsize=8
    )
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120)
    write_bytes(path, stream.getvalue())
    return path


def _draw_ced(axes: Axes, evaluation: Evaluation) -> None:
    """Share of the images at or below each error; failed images never come in."""
    thresholds, limit = np.linspace(0, WIDEST, 501), evaluation.settings.limit
    for measure in evaluation.measures:
        area = area_under_curve(measure.errors, limit)
        scored = measure.errors[np.isfinite(measure.errors)]
        mean = f"{scored.mean():.2f} %" if len(scored) else "-"
        axes.plot(
            thresholds,
            100 * cumulative_shares(measure.errors, thresholds),
            label=f"{measure.name}: mean {mean}, AUC to {limit:g} % {area:.3f}",
        )
    axes.set(
        xlabel="NME, % (normaliser: see the table)",
        ylabel=f"share of the {len(evaluation.dataset.samples)} images, %",
        xlim=(0, WIDEST),
        ylim=(0, 100),
    )


def _draw_by_yaw(axes: Axes, evaluation: Evaluation) -> None:
    """Every image of the first measure as a dot; of each, the means of bins of `YAW_STEP`."""
    yaw = np.abs(evaluation.yaw)
    first = evaluation.measures[0]
    errors = np.where(np.isfinite(first.errors), first.errors, np.nan)
    axes.plot(yaw, errors, ".", ms=3, alpha=0.3, color="grey", label="one image")
    edges = np.arange(0, max(90.0, np.nanmax(yaw)) + YAW_STEP, YAW_STEP)
    for measure in evaluation.measures:
        centres, means = [], []
        for low in edges[:-1]:
            inside = (yaw >= low) & (yaw < low + YAW_STEP) & np.isfinite(measure.errors)
            if inside.any():
                centres.append(low + YAW_STEP / 2)
                means.append(measure.errors[inside].mean())
        axes.plot(centres, means, "o-", ms=4, label=f"{measure.name}, mean of {YAW_STEP:g} degrees")
    axes.set(xlabel="|yaw| of the truth, degrees", ylabel="NME, %", ylim=(0, None))


def _sheet(path: Path, evaluation: Evaluation, rows: NDArray[np.intp]) -> list[Path]:
    """Photos of the samples ``rows``: truth red, prediction green. None without a photo."""
    from prnet.appearance.contact_sheet import Picture, contact_sheet

    pictures: list[Picture] = []
    for row in rows:
        sample, predicted = evaluation.dataset.samples[row], evaluation.landmarks[row]
        error = evaluation.measures[0].errors[row]
        share = f"{error:.1f} %" if np.isfinite(error) else "failed"
        try:
            photo = sample.read_photo()
        except PrnetError:
            continue
        pictures.append((photo, f"{share} {Path(sample.name).name}", sample.landmarks, predicted))
        if len(pictures) == SHEET:
            break
    if not pictures:
        return []
    save_image(path, contact_sheet(pictures))
    return [path]
