"""Measures the warning-sign screen: labeled messages in, a table of recall and false alarms out.

Usage::

    python -m benchmarks.safety --data DIR [--frozen tests/safety/frozen.jsonl] [--model MODEL]

``DIR`` holds JSON Lines files: ``real_redflags.jsonl`` (labels name the sign),
``real_hard_negatives.jsonl``, ``real_inscope.jsonl``, ``real_oos.jsonl``; other ``*.jsonl`` files
may carry ``tier``, ``signs``, ``status`` and ``slice`` themselves, as the frozen set does. Without
``--model``, the archive of a trained model, the classifier is trained first. Messages are printed
unless ``--quiet`` is given: use it on public data only. ``--write-docs`` puts the figures into the
safety documents.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.archive import stored  # noqa: E402
from stridewell.encoder import shared_encoder  # noqa: E402
from stridewell.safety import SIGNS, Finding, SafetyScreen  # noqa: E402
from stridewell.safety.classifier import train  # noqa: E402
from stridewell.safety.examples import load_examples  # noqa: E402

EMERGENCY_LABELS = {
    "saddle", "genital", "genital_numbness", "bladder", "urinary", "bowel", "both_legs",
    "bilateral_leg_weakness_numbness", "bilateral", "chest_pain", "trauma", "aortic", "overdose",
}  # fmt: skip
CRISIS_LABELS = {"suicidal", "self_harm"}
SAME_DAY_LABELS = {
    "foot_drop", "leg_weakness", "fever", "immune", "cancer", "cancer_history", "weight_loss",
    "lump", "night_pain", "osteoporosis", "sexual",
}  # fmt: skip
URGENCY = {None: 0, "same_day": 1, "crisis": 2, "emergency": 3}


@dataclass(frozen=True)
class Case:
    """One labeled message; ``tier`` is what somebody has, ``None`` for no opening at all."""

    text: str
    file: str
    tier: str | None
    status: str
    signs: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    strict: bool = True
    earlier: tuple[str, ...] = ()


def read_cases(path: Path) -> Iterator[Case]:
    """Read one file of cases."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield _case(json.loads(line), path.stem)


def _case(row: dict[str, Any], name: str) -> Case:
    labels = [str(label) for label in _listed(row.get("labels"))]
    signs = tuple(str(s) for s in _listed(row.get("signs") or row.get("sign")) or labels)
    status = str(row.get("status") or "none")
    if "tier" in row:
        tier = row["tier"]
        tier = None if tier in (None, "none", "not_a_sign", "", "ordinary") else str(tier)
        if tier and status == "none":
            status = "self"
    else:
        tier = _tier(labels)
        status = "self" if tier else "none"
    slices = tuple(str(s) for s in _listed(row.get("slices") or row.get("slice")))
    has_it = status in ("self", "other")
    return Case(
        text=str(row["text"]),
        file=name,
        tier=tier if has_it else None,
        status=status,
        signs=signs if tier else (),
        slices=slices,
        strict=bool(row.get("strict", True)),
        earlier=tuple(_listed(row.get("earlier"))),
    )


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def _tier(labels: Iterable[str]) -> str | None:
    chosen = set(labels)
    if chosen & EMERGENCY_LABELS:
        return "emergency"
    if chosen & CRISIS_LABELS:
        return "crisis"
    return "same_day" if chosen & SAME_DAY_LABELS else None


def opening(finding: Finding) -> str | None:
    """Return the tier that the reply opens with; ``None`` when it does not open with one."""
    return finding.tier if finding.affirmed else None


def right(case: Case, finding: Finding) -> bool:
    """Tell whether the opening is at least as urgent as it must be, or absent where it must be."""
    shown = opening(finding)
    if case.tier is None:
        return shown is None
    if case.tier == "crisis":
        return shown == "crisis" or (shown == "emergency" and "suicidal" in finding.signs)
    return URGENCY[shown] >= URGENCY[case.tier] if case.tier == "emergency" else shown is not None


def load_screen(archive: Path) -> SafetyScreen:
    """Return the screen of a trained model, as the dialogue server would load it."""
    from components.safety_screen import SafetyScreenComponent, load_from_resource

    with stored(archive, SafetyScreenComponent) as (storage, resource):
        return load_from_resource(storage, resource)


def build_screen(model: Path | None) -> SafetyScreen:
    """Load a trained screen, or train one on the project's own data."""
    if model:
        return load_screen(model)
    data = PROJECT / "data" / "safety"
    encoder = shared_encoder()
    plain = SafetyScreen.load(data)
    questions = [text for text in nlu_questions() if plain.screen(text).tier is None]
    examples = load_examples(data / "examples")
    return SafetyScreen(plain.lexicon, train(examples, encoder.encode, plain, questions), encoder)


def nlu_questions() -> list[str]:
    """Return the questions of the NLU training data."""
    import yaml

    questions: list[str] = []
    for path in sorted((PROJECT / "data" / "nlu").glob("*.yml")):
        for group in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("nlu", []):
            if "intent" in group:
                lines = str(group["examples"]).splitlines()
                questions += [line.strip()[2:] for line in lines if line.strip().startswith("- ")]
    return questions


def main() -> int:
    """Print the tables; the return value is 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--frozen", type=Path)
    parser.add_argument("--model", type=Path, help="the archive of a trained model")
    parser.add_argument("--quiet", action="store_true", help="figures only, no messages")
    parser.add_argument("--write-docs", action="store_true", help="fill in the safety documents")
    options = parser.parse_args()
    paths = sorted(options.data.glob("*.jsonl"))
    if options.frozen:
        paths.append(options.frozen)
    screen = build_screen(options.model)
    cases = [case for path in paths for case in read_cases(path)]
    results, added = measure(screen, cases)
    missed = report(results, added, options.quiet)
    if options.write_docs:
        write_docs(screen, results, added)
    return missed


def measure(
    screen: SafetyScreen, cases: Iterable[Case]
) -> tuple[list[tuple[Case, Finding]], list[float]]:
    """Screen every case; return what was found, and each one's processor time in milliseconds."""
    results: list[tuple[Case, Finding]] = []
    added: list[float] = []
    with threadpool_limits(1):  # as in a server
        for case in cases:
            shared_encoder().encode([case.text])  # the pipeline has done this before
            begin = time.process_time()
            finding = screen.screen(case.text, case.earlier)
            added.append((time.process_time() - begin) * 1000)
            results.append((case, finding))
    return results, added


def write_docs(
    screen: SafetyScreen, results: list[tuple[Case, Finding]], added: list[float]
) -> None:
    """Put the figures into the safety documents, with those of the lexicon alone."""
    from benchmarks import safety_figures

    emergencies = [c for c, _ in results if c.file == "frozen" and c.tier == "emergency"]
    alone, _ = measure(SafetyScreen(screen.lexicon), emergencies)
    measured = safety_figures.figures(results)
    measured["emergency_recall_lexicon"] = safety_figures.share(right(*r) for r in alone)
    measured["added_milliseconds"] = f"{statistics.median(added):.1f} ms"
    measured["measured_on"] = date.today().isoformat()
    missing = safety_figures.write({name: v for name, v in measured.items() if v})
    print(f"not measured, left as they were: {', '.join(missing) or 'none'}")


def report(results: list[tuple[Case, Finding]], added: list[float], quiet: bool) -> int:
    """Print recall, under-triage and over-triggering, then every miss and false alarm."""
    groups: dict[str, list[bool]] = defaultdict(list)
    under, affirmed = 0, 0
    line_kept: Counter[str] = Counter()
    mentions: Counter[str] = Counter()
    for case, finding in results:
        good = right(case, finding)
        if case.tier:
            affirmed += 1
            groups[f"recall of {case.tier}"].append(good)
            if case.tier != "crisis":
                groups["recall of same day or higher"].append(opening(finding) is not None)
            if case.tier == "emergency":
                under += opening(finding) != "emergency"
            for sign in case.signs:
                groups[f"  sign {sign}"].append(good)
            for part in case.slices:
                groups[f"  slice {part}"].append(good)
        else:
            groups[f"no opening, {case.file}, {case.status}"].append(good)
            for part in case.slices:
                groups[f"  not a sign, slice {part}"].append(good)
            if case.status in ("denied", "asked", "past"):
                mentions[case.status] += 1
                line_kept[case.status] += finding.tier is not None
    for name in sorted(groups):
        values = groups[name]
        print(f"{name:55} {sum(values):5d} of {len(values):5d}  {sum(values) / len(values):.3f}")
    for status, number in sorted(mentions.items()):
        kept = line_kept[status]
        print(f"safety line kept, {status:37} {kept:5d} of {number:5d}  {kept / number:.3f}")
    emergencies = sum(case.tier == "emergency" for case, _ in results)
    print(f"strict under-triage (emergency answered with less)      {under:5d} of {emergencies:5d}")
    print(
        f"added processor time per message: median {statistics.median(added):.2f} ms, "
        f"worst {max(added):.1f} ms"
    )
    if not quiet:
        for case, finding in results:
            if not right(case, finding):
                kind = "MISS " if case.tier else "ALARM"
                seen = f"{finding.tier}/{finding.status} {', '.join(finding.evidence[:3])}"
                print(f"{kind} [{case.file}] {case.tier or case.status}: {case.text} -> {seen}")
    unknown = {s for c, _ in results for s in c.signs} - set(SIGNS)
    if unknown:
        print(f"labels outside the vocabulary: {', '.join(sorted(unknown))}")
    return int(any(not right(case, finding) for case, finding in results if case.tier))


if __name__ == "__main__":
    sys.exit(main())
