"""Draw the rooms of the package and what they import, from the imports themselves.

    python tools/draw_rooms.py --out docs/images/rooms.png

A room stands above those that it imports. An arrow that follows from others is left out. Needs
matplotlib (extra ``evaluate``).
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import textwrap
from pathlib import Path
from typing import Any

from house import HOUSE, imports, module_name, room_of

LEFT_OUT = ("", "errors", "words", "packaged", "cli", "__main__")
"""Any room may import ``errors``, ``words`` and ``packaged``, which import none; the command line
loads its commands by name."""

PHOTO, REST = "#cfe3f5", "#eeeeee"
WIDTH, HEIGHT = 3.5, 0.68
GAP_X, GAP_Y = 3.75, 1.0


def needs() -> dict[str, set[str]]:
    """Room -> rooms that it imports; the rooms of ``training`` count as one."""
    found: dict[str, set[str]] = {}
    for path, _, module, _ in imports():
        here, there = (room_of(name).split(".")[0] for name in (module_name(path), module))
        if here not in LEFT_OUT:
            rooms = found.setdefault(here, set())
            if module.startswith("prnet.") and there not in (*LEFT_OUT, here):
                rooms.add(there)
    return found


def below(room: str, needed: dict[str, set[str]]) -> set[str]:
    """All rooms that a room imports, and those that they import."""
    return needed[room].union(*(below(other, needed) for other in needed[room]))


def arrows(needed: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports that do not follow from others, sorted."""
    return sorted(
        (room, other)
        for room, others in needed.items()
        for other in others
        if not any(other in below(between, needed) for between in others)
    )


def floor(room: str, needed: dict[str, set[str]]) -> int:
    return 1 + max((floor(other, needed) for other in needed[room]), default=-1)


def purpose(room: str) -> str:
    """The first sentence of the room's docstring."""
    path = HOUSE / room / "__init__.py"
    text = (path if path.is_file() else HOUSE / f"{room}.py").read_text(encoding="utf-8")
    sentence = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
    return sentence.split(". ")[0].split(";")[0].replace("`", "").rstrip(".")


def arrow(start: tuple[float, float], end: tuple[float, float]) -> dict[str, Any]:
    """From the foot of a box to the top of another; over several floors, around those between."""
    (x0, y0), (x1, y1) = start, end
    top = y1 + HEIGHT / 2
    look = {"arrowstyle": "-|>", "color": "#444444", "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
    if y0 - y1 > 1.5 * GAP_Y and x0 != x1:
        side = x0 + math.copysign(WIDTH / 2, x1 - x0)
        look["connectionstyle"] = "angle,angleA=0,angleB=90,rad=4"
        return {"xy": (x1, top), "xytext": (side, y0), "arrowprops": look}
    lean = max(-1.0, min(1.0, x1 - x0)) * WIDTH / 4
    return {"xy": (x1 - lean, top), "xytext": (x0 + lean, y0 - HEIGHT / 2), "arrowprops": look}


def draw(out: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.patches import FancyBboxPatch

    needed = needs()
    floors: dict[int, list[str]] = {}
    for room in needed:
        floors.setdefault(floor(room, needed), []).append(room)
    places = {
        room: ((column - (len(rooms) - 1) / 2) * GAP_X, level * GAP_Y)
        for level, rooms in floors.items()
        for column, room in enumerate(sorted(rooms))
    }
    figure, axes = plt.subplots(figsize=(7.6, 0.68 * len(floors) + 0.2))
    photo = {"reconstruct", *below("reconstruct", needed)}
    for room, (x, y) in places.items():
        corner = x - WIDTH / 2, y - HEIGHT / 2
        colour = PHOTO if room in photo else REST
        style = "round,pad=0,rounding_size=0.08"
        box = FancyBboxPatch(corner, WIDTH, HEIGHT, style, facecolor=colour, edgecolor="#666666")
        axes.add_patch(box)
        axes.text(x, y + 0.17, room, ha="center", va="center", weight="bold", size=8)
        words = "\n".join(textwrap.wrap(purpose(room), 42))
        axes.text(x, y - 0.11, words, ha="center", va="center", size=5.4, linespacing=1.05)
    for room, other in arrows(needed):
        axes.annotate("", **arrow(places[room], places[other]))
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.margins(0.01)
    figure.savefig(
        out,
        dpi=130,
        bbox_inches="tight",
        pad_inches=0.05,
        metadata={"Software": "", "Arrows": json.dumps(arrows(needed))},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    draw(parser.parse_args().out)


if __name__ == "__main__":
    main()
