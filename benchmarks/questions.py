"""Reads what is measured on: folders in, labeled questions out.

Two kinds: HINT3 folders (``hint3_<bot>/train.csv`` and ``test.csv``, columns sentence and label)
and questions of real people as JSON Lines (``real_inscope.jsonl``, ``real_oos.jsonl``,
``real_hard_negatives.jsonl``). Neither is part of the project.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stridewell.settings import ROOT

OUT_OF_SCOPE = "NO_NODES_DETECTED"
IN_SCOPE, NEAR, FAR, HARD = "in scope", "out of scope, near", "out of scope, far", "hard negative"


@dataclass(frozen=True)
class Examples:
    """Texts with one label each."""

    texts: list[str]
    labels: list[str]


@dataclass(frozen=True)
class Question:
    """A real question: ``labels`` name the intents that answer it, if any does."""

    text: str
    kind: str
    labels: frozenset[str]
    strict: bool = True


@dataclass(frozen=True)
class Bot:
    """A bot of HINT3: examples to learn from and questions of its users."""

    name: str
    train: Examples
    test: Examples


def read_bots(folder: Path) -> list[Bot]:
    """Read all ``hint3_*`` folders.

    Raises:
        SystemExit: There is none, or a file is missing.
    """
    folders = sorted(folder.glob("hint3_*"))
    if not folders:
        raise SystemExit(
            f"{folder} has no folder named hint3_<bot>. Get HINT3 v1 (hellohaptik/HINT3) and put "
            "each bot's train.csv and test.csv into a folder of that name."
        )
    return [
        Bot(place.name.removeprefix("hint3_"), _csv(place / "train.csv"), _csv(place / "test.csv"))
        for place in folders
    ]


def _csv(path: Path) -> Examples:
    if not path.is_file():
        raise SystemExit(f"{path} is missing: it should hold the columns sentence and label.")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Examples([row["sentence"] for row in rows], [row["label"] for row in rows])


def read_questions(folder: Path, strict: bool = True) -> list[Question]:
    """Read the questions of real people.

    Args:
        folder: Where the three files are; each may be missing, but not all.
        strict: Leave out those that are not marked as fair and self-contained.

    Raises:
        SystemExit: None of the files is there.
    """
    found: list[Question] = []
    for name in ("real_inscope", "real_oos", "real_hard_negatives"):
        path = folder / f"{name}.jsonl"
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [_question(json.loads(line), name) for line in lines if line.strip()]
    if not found:
        raise SystemExit(f"{folder} has no real_inscope.jsonl, real_oos.jsonl or the like.")
    return [question for question in found if question.strict or not strict]


def _question(row: dict[str, Any], file: str) -> Question:
    labels = frozenset(row["labels"])
    strict = bool(row.get("strict", True))
    if file == "real_inscope":
        return Question(row["text"], IN_SCOPE, labels, strict)
    if file == "real_hard_negatives":
        return Question(row["text"], HARD, labels, strict)
    return Question(row["text"], FAR if "oos_far" in labels else NEAR, frozenset(), strict)


def project_examples() -> Examples:
    """Read the project's own training examples, in the order of their files."""
    texts: list[str] = []
    labels: list[str] = []
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            if "intent" in block:
                lines = (line.strip() for line in block["examples"].splitlines())
                mine = [line[2:].strip() for line in lines if line.startswith("- ")]
                texts += mine
                labels += [block["intent"]] * len(mine)
    return Examples(texts, labels)


def answered_topics() -> dict[str, str]:
    """Return the intents that the articles answer, each with its group."""
    register = yaml.safe_load((ROOT / "data" / "articles.yml").read_text(encoding="utf-8"))
    topics: dict[str, dict[str, Any]] = register["topics"]
    return {name: topic["group"] for name, topic in topics.items() if topic["group"] != "declined"}


def texts_of(questions: Sequence[Question]) -> list[str]:
    """Return the texts of questions."""
    return [question.text for question in questions]
