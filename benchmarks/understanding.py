"""Scores a trained model on questions of real people: a folder in, tables and a JSON file out.

Usage::

    python -m benchmarks.understanding FOLDER [--model models/stridewell.tar.gz] [--all] [--texts]

FOLDER holds ``real_inscope.jsonl``, ``real_oos.jsonl`` and ``real_hard_negatives.jsonl``; each line
has ``text``, ``labels`` (any of them is right) and ``strict``. The model runs as it does in the
server. ``--texts`` prints every error with its question: use it on public data only.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.parsing import Parses, parse_all
from benchmarks.questions import (
    FAR,
    HARD,
    IN_SCOPE,
    NEAR,
    Question,
    answered_topics,
    read_questions,
    texts_of,
)
from benchmarks.systems import FALLBACK
from stridewell.safety.finding import AFFIRMED
from stridewell.settings import ROOT
from stridewell.train import MODEL

RESULTS = ROOT / "results"


@dataclass(frozen=True)
class Reply:
    """What the assistant makes of a question.

    Attributes:
        intent: The intent that decides the reply; ``nlu_fallback`` when it is not understood.
        best: The best intent, however unsure.
        confidence: Its probability of being right.
        offered: The topics offered as a choice; empty when none are.
        questions: The intents answered one after the other; empty when it asks one thing.
        opening: Tier of the safety text that the reply opens with, or ``None``.
    """

    intent: str
    best: str
    confidence: float
    offered: tuple[str, ...]
    questions: tuple[str, ...]
    opening: str | None

    @property
    def answers(self) -> tuple[str, ...]:
        """The intents whose responses are given."""
        return self.questions or (self.intent,)


def replies(parses: Parses) -> list[Reply]:
    """Read what decides the reply from the results of the parser."""
    return [_reply(result) for result in parses.results]


def _reply(result: dict[str, Any]) -> Reply:
    understanding = result.get("understanding") or {}
    ranking = [entry for entry in result["intent_ranking"] if entry["name"] != FALLBACK]
    best: dict[str, Any] = ranking[0] if ranking else {"name": FALLBACK, "confidence": 0.0}
    choose = understanding.get("outcome") == "choose"
    return Reply(
        intent=result["intent"]["name"] or FALLBACK,
        best=best["name"],
        confidence=float(best["confidence"]),
        offered=tuple(understanding.get("choices") or ()) if choose else (),
        questions=tuple(understanding.get("questions") or ()),
        opening=_opening(result.get("safety")),
    )


def _opening(safety: Any) -> str | None:
    """Return the tier that a reply opens with, ``None`` without one."""
    if not isinstance(safety, dict) or not safety.get("tier"):
        return None
    return str(safety["tier"]) if safety.get("status") in AFFIRMED else None


@dataclass
class Judged:
    """A question, its reply, and what to say of it."""

    question: Question
    reply: Reply
    verdict: str


RIGHT, WRONG, OFFERED, MISSED = "right", "wrong", "offered", "missed"
SAFETY, FALSE_ANSWER, HELD_BACK = "safety text", "false answer", "held back"
VERDICTS = (RIGHT, WRONG, OFFERED, MISSED, SAFETY)


def judge(question: Question, reply: Reply, answered: dict[str, str]) -> Judged:
    """Judge one reply.

    In scope: ``right`` (one of the labels is answered), ``wrong`` (another topic is), ``offered``
    (a label is among the choices), ``missed``, or ``safety text`` first. Otherwise:
    ``false answer`` or ``held back``; an answer that a label of a hard negative names is no false
    one. Hard negatives also ``safety text``, which is a false alarm.
    """
    topics = [intent for intent in reply.answers if intent in answered]
    if question.kind == IN_SCOPE:
        if question.labels & set(reply.answers):
            verdict = RIGHT
        elif topics:
            verdict = WRONG
        elif question.labels & set(reply.offered):
            verdict = OFFERED
        else:
            verdict = MISSED
    else:
        verdict = FALSE_ANSWER if set(topics) - question.labels else HELD_BACK
    # A safety text stands alone, in place of any answer.
    if reply.opening:
        verdict = SAFETY
    return Judged(question, reply, verdict)


def summary(judged: Sequence[Judged], answered: dict[str, str]) -> dict[str, Any]:
    """Return the figures as plain data: counts, shares, per group, confusions."""
    kinds = {
        kind: Counter(each.verdict for each in judged if each.question.kind == kind)
        for kind in (IN_SCOPE, NEAR, FAR, HARD)
    }
    groups: dict[str, Counter[str]] = {}
    for each in judged:
        if each.question.kind == IN_SCOPE:
            for group in {answered[label] for label in each.question.labels if label in answered}:
                groups.setdefault(group, Counter())[each.verdict] += 1
    confusions = Counter(
        (_expected(each), each.reply.best if each.verdict == MISSED else each.reply.intent)
        for each in judged
        if each.verdict in (WRONG, MISSED, FALSE_ANSWER)
    )
    in_scope = [each for each in judged if each.question.kind == IN_SCOPE]
    return {
        "counts": {kind: dict(counts) for kind, counts in kinds.items() if counts},
        "shares": {kind: _shares(counts) for kind, counts in kinds.items() if counts},
        "groups": {name: dict(counts) for name, counts in sorted(groups.items())},
        "best_intent_right": _share([each.reply.best in each.question.labels for each in in_scope]),
        "confusions": [
            {"expected": pair[0], "given": pair[1], "times": times}
            for pair, times in sorted(confusions.items(), key=lambda item: (-item[1], item[0]))
        ],
    }


def _expected(judged: Judged) -> str:
    return " or ".join(sorted(judged.question.labels)) or judged.question.kind


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = sum(counts.values())
    return {verdict: round(count / total, 4) for verdict, count in sorted(counts.items())}


def show(found: dict[str, Any], parses: Parses) -> None:
    """Print the tables."""
    for kind, counts in found["counts"].items():
        total = sum(counts.values())
        print(f"\n{kind} ({total})")
        for verdict, count in sorted(counts.items(), key=lambda item: -item[1]):
            print(f"  {verdict:14} {count:4d}  {count / total:.3f}")
    print(f"\nbest intent right, whatever its score: {found['best_intent_right']:.3f}")
    print("\n" + "group of topics".ljust(24) + "".join(f"{name[:7]:>8}" for name in VERDICTS))
    for group, counts in found["groups"].items():
        cells = [counts.get(verdict, 0) for verdict in VERDICTS]
        print(f"{group:24}" + "".join(f"{cell:8d}" for cell in cells))
    print("\nmost frequent errors")
    for row in found["confusions"][:20]:
        print(f"  {row['times']:3d}  {row['expected']}  ->  {row['given']}")
    print(
        f"\nunderstanding alone: median {statistics.median(parses.milliseconds):.1f} ms, "
        f"processor {statistics.median(parses.cpu_milliseconds):.1f} ms; "
        f"loaded in {parses.load_seconds:.1f} s; {parses.memory_mb:.0f} MB"
    )


def main() -> int:
    """Print the tables and write ``results/understanding.json``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--all", action="store_true", help="also what is not marked as strict")
    parser.add_argument("--texts", action="store_true", help="print each error with its question")
    options = parser.parse_args()
    questions = read_questions(options.folder, strict=not options.all)
    answered = answered_topics()
    try:
        parses = parse_all(options.model, texts_of(questions))
    except FileNotFoundError as error:
        parser.error(str(error))
    pairs = zip(questions, replies(parses), strict=True)
    judged = [judge(question, reply, answered) for question, reply in pairs]
    found = summary(judged, answered)
    show(found, parses)
    if options.texts:
        print()
        for each in judged:
            if each.verdict not in (RIGHT, HELD_BACK):
                reply = each.reply
                print(f"{each.verdict}: {_expected(each)} -> {reply.intent} [{reply.best} "
                      f"{reply.confidence:.2f}]: {each.question.text}")  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    record = {
        **found,
        "strict": not options.all,
        "median_milliseconds": statistics.median(parses.milliseconds),
        "median_cpu_milliseconds": statistics.median(parses.cpu_milliseconds),
        "load_seconds": parses.load_seconds,
        "memory_mb": parses.memory_mb,
        # Without the texts: they are not the project's.
        "replies": [
            {"kind": each.question.kind, "verdict": each.verdict, **asdict(each.reply)}
            for each in judged
        ],
    }
    path = RESULTS / "understanding.json"
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    print(f"\nwritten to {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
