"""What was measured, and how it is shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One value of a measure, in its unit: ms, s, MiB or Jobs/s.

    ``aim`` is what it shall stay below, None where there is no aim. ``bare`` is the same of the bare thing beside it.
    """

    measure: int
    name: str
    value: float
    unit: str
    aim: float | None = None
    bare: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.bare if self.bare else None

    @property
    def reached(self) -> bool | None:
        """Return whether the aim is reached; None where there is none."""
        return None if self.aim is None else self.value < self.aim


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of the values that so large a share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}".rstrip()


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as lines for a terminal, with their aims and what the bare thing takes."""
    rows = [("", "", "measured", "aim", "", "bare", "ratio")]
    for figure in figures:
        reached = {None: "", True: "reached", False: "MISSED"}[figure.reached]
        rows.append(
            (
                str(figure.measure),
                figure.name,
                _number(figure.value, figure.unit),
                _number(figure.aim, figure.unit) and f"< {_number(figure.aim, figure.unit)}",
                reached,
                _number(figure.bare, figure.unit),
                "" if figure.ratio is None else f"{figure.ratio:.1f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    to_the_right = {2, 3, 5, 6}
    lines = []
    for row in rows:
        cells = (
            text.rjust(width) if column in to_the_right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown(figures: Iterable[Figure]) -> str:
    """Return the figures as the rows of a table of docs/performance.md."""
    rows = ["| measure | measured | beside it | ratio |", "| --- | --- | --- | --- |"]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.1f}"
        cells = (figure.name, _number(figure.value, figure.unit), _number(figure.bare, figure.unit), ratio)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def verdict(figures: Iterable[Figure]) -> str:
    """Return in one line whether all aims are met, and how many are not."""
    reached = [figure.reached for figure in figures if figure.reached is not None]
    missed = reached.count(False)
    return f"{missed} of {len(reached)} aims MISSED" if missed else f"all {len(reached)} aims met"


def write_json(path: Path, circumstances: dict[str, str], figures: Iterable[Figure]) -> None:
    content = {
        "circumstances": circumstances,
        "figures": [{**asdict(figure), "ratio": figure.ratio, "reached": figure.reached} for figure in figures],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
