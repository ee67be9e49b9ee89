"""Writes measured figures of the warning-sign screen into the documents that state them.

A document marks a figure with ``<!-- figure: name -->``; what follows on the line, or up to the
next ``|``, is replaced. Figures that were not measured this time stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.safety import Case, opening, right
from stridewell.safety import Finding

PROJECT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    *sorted((PROJECT / "docs" / "safety").glob("*.md")),
    PROJECT / "docs" / "model-card.md",
)
FIGURE = re.compile(r"(<!-- figure: (\w+) -->)[^|\n]*?(?=\s*(?:\||$))", re.MULTILINE)
FROZEN, RED_FLAGS, IN_SCOPE, HARD = (
    "frozen",
    "real_redflags",
    "real_inscope",
    "real_hard_negatives",
)

Results = Sequence[tuple[Case, Finding]]


def figures(results: Results) -> dict[str, str]:
    """Return every figure that the results give, as the documents show it."""
    by_file = {file: [r for r in results if r[0].file == file] for file in (FROZEN, RED_FLAGS)}
    found: dict[str, str] = {}
    for file, ending in ((FROZEN, ""), (RED_FLAGS, "_real")):
        for tier in ("emergency", "same_day", "crisis"):
            of_tier = [r for r in by_file[file] if r[0].tier == tier]
            found[f"{tier}_recall{ending}"] = share(right(*r) for r in of_tier)
    frozen = by_file[FROZEN]
    emergencies = [r for r in frozen if r[0].tier == "emergency"]
    found["strict_under_triage"] = share((opening(f) != "emergency" for _, f in emergencies), "{n}")
    for name in sorted({part for case, _ in emergencies for part in case.slices}):
        found[f"slice_{name}"] = share(right(*r) for r in emergencies if name in r[0].slices)
    harmless = [r for r in frozen if r[0].tier is None]
    found["over_triggering_not_a_sign"] = _opened(harmless)
    for status in ("denied", "asked", "past", "none"):
        found[f"over_triggering_{status}"] = _opened(r for r in harmless if r[0].status == status)
    for name, file in (("in_scope", IN_SCOPE), ("hard", HARD)):
        found[f"over_triggering_{name}"] = _opened(r for r in results if r[0].file == file)
    found["safety_line_kept"] = share(
        finding.tier is not None
        for case, finding in frozen
        if case.status in ("denied", "asked", "past")
    )
    return {name: value for name, value in found.items() if value}


def share(good: Iterable[bool], form: str = "{share:.3f} ({n} of {all})") -> str:
    """Return a share in words; nothing when there was nothing to measure."""
    values = list(good)
    if not values:
        return ""
    n, number = sum(values), len(values)
    return form.format(share=n / number, n=n, all=number)


def _opened(results: Iterable[tuple[Case, Finding]]) -> str:
    return share(opening(finding) is not None for _, finding in results)


def write(measured: Mapping[str, str], documents: Iterable[Path] = DOCUMENTS) -> list[str]:
    """Put figures into the documents.

    Returns:
        Names of the figures that a document asks for and that were not measured.
    """
    missing: set[str] = set()

    def replaced(found: re.Match[str]) -> str:
        name = found[2]
        if name not in measured:
            missing.add(name)
            return found[0]
        return f"{found[1]} {measured[name]}"

    for path in documents:
        path.write_text(FIGURE.sub(replaced, path.read_text(encoding="utf-8")), encoding="utf-8")
    return sorted(missing)
