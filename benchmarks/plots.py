"""Draws the plots of the benchmark: points in, SVG files out.

The same points give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.metrics import Bin, Curve, Pair

# Okabe and Ito's colors, which people with a color vision deficiency can tell apart.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LINES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)))
STYLE = {
    "svg.hashsalt": "stridewell",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Bars:
    """One panel of bars: a group for each place, a bar in it for each system.

    Attributes:
        title: What is measured, with its unit.
        places: n names of the groups.
        rows: For each system n values.
    """

    title: str
    places: Sequence[str]
    rows: Sequence[Sequence[float]]


def draw_risk_coverage(panels: Sequence[tuple[str, Sequence[Curve]]], path: Path) -> None:
    """Draw one panel for each data set, with one curve for each system."""
    with plt.rc_context(STYLE):
        _, grid = plt.subplots(
            1, len(panels), figsize=(4.6 * len(panels), 4.2), sharey=True, squeeze=False
        )
        for axes, (title, curves) in zip(grid[0], panels, strict=True):
            for number, curve in enumerate(curves):
                style = {"color": COLORS[number % 6], "linestyle": LINES[number % 6]}
                axes.plot(curve.x, curve.y, label=curve.name, **style)
            axes.set(title=title, xlabel="share of messages answered", xlim=(0, 1), ylim=(0, 1))
            axes.legend(loc="upper left", frameon=False)
        grid[0][0].set_ylabel("share of answers that are wrong")
        _write(path)


def draw_reliability(panels: Sequence[tuple[str, Sequence[Bin]]], path: Path) -> None:
    """Draw how often the best intent is right against how sure the model is."""
    with plt.rc_context(STYLE):
        _, grid = plt.subplots(
            1, len(panels), figsize=(3.8 * len(panels), 3.9), sharey=True, squeeze=False
        )
        for axes, (title, bins) in zip(grid[0], panels, strict=True):
            axes.plot([0, 1], [0, 1], color="#777777", linewidth=1)
            x, y = [each.confidence for each in bins], [each.right for each in bins]
            axes.plot(x, y, color=COLORS[0], marker="o")
            _counts(axes, bins)
            axes.set(
                title=title, xlabel="confidence", xlim=(0, 1), ylim=(-0.07, 1.07), aspect="equal"
            )
        grid[0][0].set_ylabel("share that is right")
        _write(path)


def _counts(axes: Axes, bins: Sequence[Bin]) -> None:
    for each in bins:
        # Above the line's left half and below its right half there is room.
        up = each.confidence < 0.5
        axes.annotate(
            str(each.count),
            (each.confidence, each.right),
            xytext=(0, 8 if up else -15),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )


def draw_pairs(pairs: Sequence[Pair], total: int, path: Path) -> None:
    """Draw how often the worst pairs of intents are taken for each other, in both directions."""
    with plt.rc_context({**STYLE, "axes.grid.axis": "x"}):
        _, axes = plt.subplots(figsize=(9.5, 0.32 * len(pairs) + 1.2))
        places = range(len(pairs))
        forth, back = [pair.forth for pair in pairs], [pair.back for pair in pairs]
        axes.barh(places, forth, color=COLORS[0], label="first taken for second")
        axes.barh(places, back, left=forth, color=COLORS[4], label="second taken for first")
        names = [f"{pair.first}, {pair.second}".replace("ask_", "") for pair in pairs]
        axes.set_yticks(list(places), names)
        axes.invert_yaxis()
        axes.set_xlabel(f"of {total} held-out examples")
        axes.legend(loc="lower right", frameon=False)
        _write(path)


def draw_bars(systems: Sequence[str], panels: Sequence[Bars], path: Path) -> None:
    """Draw panels of bars, three in a row, with the value above each bar."""
    width = 0.8 / len(systems)
    with plt.rc_context({**STYLE, "axes.grid.axis": "y"}):
        lines = -(-len(panels) // 3)
        figure, grid = plt.subplots(lines, 3, figsize=(11, 3.1 * lines), squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            for number, (system, values) in enumerate(zip(systems, panel.rows, strict=True)):
                places = [place + number * width for place in range(len(values))]
                drawn = axes.bar(places, values, width, color=COLORS[number], label=system)
                axes.bar_label(drawn, [f"{value:.3g}" for value in values], fontsize=8, padding=2)
            middles = [place + width * (len(systems) - 1) / 2 for place in range(len(panel.places))]
            axes.set_xticks(middles, panel.places)
            axes.set_title(panel.title)
            axes.margins(x=0.15, y=0.15)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncol=len(systems), frameon=False)
        _write(path, bottom=0.06)


def _write(path: Path, bottom: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.tight_layout(rect=(0, bottom, 1, 1))
    drawn = StringIO()
    # Without a date the same points give the same file.
    plt.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    plt.close()
    # Quoted, the generic family would be the name of a font that nobody has.
    path.write_text(drawn.getvalue().replace("'sans-serif'", "sans-serif"), encoding="utf-8")
