"""Compares the understanding with others in one run: data in, a table, plots and JSON out.

Usage::

    python -m benchmarks.nlu FOLDER [--eval FOLDER] [--stock] [--only NAME ...] [--no-figures]

FOLDER holds ``hint3_<bot>`` folders with ``train.csv`` and ``test.csv`` (HINT3 v1), and beside
them or under ``--eval`` questions of real people as ``benchmarks.understanding`` takes them; on
those the systems learn from the project's own examples. ``--stock`` adds what ``rasa init`` sets
up, which takes minutes for each bot and an hour or more for the project's examples; ``--only``
restricts the run to some data sets (the bots' names and ``project``). What an earlier run measured
stays in the record, with its date, until it is measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.metrics import (
    Bin,
    Curve,
    Pair,
    Predictions,
    calibration_error,
    reliability,
    risk_coverage,
    worst_pairs,
)
from benchmarks.plots import draw_pairs, draw_reliability, draw_risk_coverage
from benchmarks.questions import (
    FAR,
    HARD,
    IN_SCOPE,
    NEAR,
    OUT_OF_SCOPE,
    Bot,
    Examples,
    Question,
    answered_topics,
    project_examples,
    read_bots,
    read_questions,
    texts_of,
)
from benchmarks.systems import Outcome, ours, stock, tfidf
from stridewell.encoder import Array, shared_encoder
from stridewell.intent_model import IntentModel
from stridewell.settings import ROOT

# The examples of HINT3 have no class for what is out of scope, so that only the threshold can
# reject it; the project has many, and can accept more. Both are targets, neither is tuned per bot.
HINT3_ACCEPTED_SHARE = 0.9
OURS, STOCK, TFIDF = "Stridewell", "Rasa default pipeline", "TF-IDF + logistic regression"
SYSTEMS = (OURS, STOCK, TFIDF)
PROJECT, REAL = "project", "questions of real people"
FIGURES = ROOT / "docs" / "figures"
RECORD = ROOT / "results" / "nlu.json"
PUBLISHED = Path(__file__).with_name("published.yml")


def compare_on_bot(bot: Bot, with_stock: bool) -> dict[str, tuple[Outcome, Predictions]]:
    """Train and run each system on a bot of HINT3."""
    systems: dict[str, Callable[[Examples, Sequence[str]], Outcome]] = {
        OURS: lambda train, texts: ours(train, texts, HINT3_ACCEPTED_SHARE),
        TFIDF: lambda train, texts: tfidf(train, texts, HINT3_ACCEPTED_SHARE),
    }
    if with_stock:
        systems[STOCK] = stock
    found = {}
    for name, run in systems.items():
        print(f"{bot.name}: {name} ...", flush=True)
        outcome = run(bot.train, bot.test.texts)
        found[name] = (outcome, Predictions(bot.test.labels, outcome.best, outcome.scores))
    return found


def bot_figures(outcome: Outcome, predictions: Predictions) -> dict[str, Any]:
    """Return the figures of one system on one bot."""
    answered = ~np.array(outcome.declined)
    shipped = [
        best if given else OUT_OF_SCOPE for best, given in zip(outcome.best, answered, strict=True)
    ]
    as_shipped = Predictions(predictions.labels, shipped, np.ones(len(shipped)))
    return {
        "in_scope_accuracy_at_0.1": predictions.in_scope_accuracy(0.1),
        "out_of_scope_recall_at_0.5": predictions.rejected(0.5),
        "best_mcc": predictions.best_mcc(),
        "auroc": predictions.auroc(),
        "mcc_as_shipped": as_shipped.mcc(0.0),
        "threshold_from_training_folds": outcome.threshold,
        "in_scope_accuracy_as_shipped": as_shipped.in_scope_accuracy(0.0),
        "out_of_scope_recall_as_shipped": float((~answered)[~predictions.in_scope].mean()),
        **_costs(outcome),
    }


def _costs(outcome: Outcome) -> dict[str, float]:
    return {
        "train_seconds": outcome.train_seconds,
        "train_memory_mb": outcome.train_memory_mb,
        "median_milliseconds": statistics.median(outcome.milliseconds),
        "median_cpu_milliseconds": statistics.median(outcome.cpu_milliseconds),
        "load_seconds": outcome.load_seconds,
        "memory_mb": outcome.memory_mb,
    }


def compare_on_project(
    questions: list[Question], with_stock: bool
) -> dict[str, tuple[Outcome, Array]]:
    """Train each system on the project's examples, run it on questions of real people.

    Returns:
        For each system the outcome and (questions,) booleans: the best intent is right.
    """
    systems: dict[str, Callable[[Examples, Sequence[str]], Outcome]] = {OURS: ours, TFIDF: tfidf}
    if with_stock:
        systems[STOCK] = stock
    found = {}
    for name, run in systems.items():
        print(f"project: {name} ...", flush=True)
        outcome = run(project_examples(), texts_of(questions))
        pairs = zip(outcome.best, questions, strict=True)
        right = np.array([best in question.labels for best, question in pairs])
        found[name] = (outcome, right)
    return found


def project_figures(outcome: Outcome, right: Array, questions: list[Question]) -> dict[str, Any]:
    """Return the figures of one system on the questions of real people."""
    topics = answered_topics()
    kinds = np.array([question.kind for question in questions])
    answered = ~np.array(outcome.declined) & np.array([best in topics for best in outcome.best])
    # What a threshold could still tell apart: right answers from answers that should not be given.
    given = np.array([best in topics for best in outcome.best]) & (~right | (kinds == IN_SCOPE))
    scores = np.where(given, outcome.scores, 0.0)
    shares = {kind: float((answered & ~right)[kinds == kind].mean()) for kind in (NEAR, FAR, HARD)
              if (kinds == kind).any()}  # fmt: skip
    in_scope = kinds == IN_SCOPE
    return {
        "in_scope_best_intent_right": float(right[in_scope].mean()),
        "in_scope_right": float((right & ~np.array(outcome.declined))[in_scope].mean()),
        "in_scope_wrong": float((answered & ~right)[in_scope].mean()),
        **{f"{kind} answered": share for kind, share in shares.items()},
        "auroc": Predictions(
            ["in" if each else OUT_OF_SCOPE for each in in_scope], outcome.best, scores
        ).auroc(),
        **_costs(outcome),
    }


def held_out_on_project() -> tuple[Array, Array, list[str], list[str]]:
    """Fit our model on the project's examples.

    Returns:
        (n,) booleans, right when held out; (n,) confidences; n intents; n best ones.
    """
    examples = project_examples()
    model = IntentModel()
    held_out = model.fit(examples.texts, shared_encoder().encode(examples.texts), examples.labels)
    best = [held_out.labels[column] for column in held_out.best]
    return held_out.right, model.confidence(held_out.top), examples.labels, best


def show(title: str, record: dict[str, Any]) -> None:
    """Print the table of a data set: a column for each system, a row for each figure."""
    rows = record["data_sets"][title]
    names = [name for name in SYSTEMS if name in rows]
    print(f"\n{title:36}" + "".join(f"{name:>28}" for name in names))
    for figure in rows[OURS]["figures"]:
        cells = [rows[name]["figures"].get(figure) for name in names]
        texts = ["-" if cell is None else f"{cell:.3f}" for cell in cells]
        print(f"{figure:36}" + "".join(f"{text:>28}" for text in texts))
    print(f"{'run':36}" + "".join(f"{rows[name]['run']['started']:>28}" for name in names))


def show_published(bot: str) -> None:
    """Print what others published on a bot."""
    published = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    print("published".ljust(36) + "accuracy at .1, recall at .5, best MCC, AUROC")
    for system in published["systems"]:
        figures = ["  -  " if value is None else f"{value:.3f}" for value in system.get(bot, [])]
        print(f"{system['name'][:34]:36}{'  '.join(figures)}")


def main() -> int:
    """Run the comparison; print tables, update ``results/nlu.json``, draw the figures."""
    options = _options()
    record = _earlier()
    for bot in read_bots(options.folder):
        if _wanted(options.only, bot.name):
            _run_bot(bot, options.stock, record)
            _write(record)
    if _wanted(options.only, PROJECT):
        _run_held_out(record)
        folder = options.eval or options.folder
        if options.eval or list(folder.glob("real_*.jsonl")):
            _run_project(read_questions(folder), options.stock, record)
        _write(record)
    if options.figures:
        _draw(record)
    return 0


def _run_bot(bot: Bot, with_stock: bool, record: dict[str, Any]) -> None:
    title = f"HINT3 {bot.name}"
    for name, (outcome, predictions) in compare_on_bot(bot, with_stock).items():
        curve = risk_coverage(name, predictions.right, predictions.scores)
        bins = reliability(predictions.right, predictions.scores) if name == OURS else None
        _keep(record, title, name, bot_figures(outcome, predictions), curve, bins)
    show(title, record)
    show_published(bot.name)


def _run_project(questions: list[Question], with_stock: bool, record: dict[str, Any]) -> None:
    in_scope = np.array([question.kind == IN_SCOPE for question in questions])
    for name, (outcome, right) in compare_on_project(questions, with_stock).items():
        curve = _risk(name, outcome, right, in_scope)
        bins = None
        if name == OURS:  # few questions, so few bins
            bins = reliability(right[in_scope], outcome.scores[in_scope], 5)
        _keep(record, REAL, name, project_figures(outcome, right, questions), curve, bins)
    show(REAL, record)


def _run_held_out(record: dict[str, Any]) -> None:
    print("project: held out ...", flush=True)
    right, confidence, labels, best = held_out_on_project()
    bins = reliability(right, confidence)
    pairs = worst_pairs(labels, best)
    record["held_out"] = {
        "examples": len(labels),
        "right": float(right.mean()),
        "bins": [asdict(each) for each in bins],
        "calibration_error": calibration_error(bins),
        "worst_pairs": [asdict(pair) for pair in pairs],
    }
    print(f"own examples, held out with their like: {right.mean():.3f} right")
    for pair in pairs:
        print(f"  {pair.forth + pair.back:4d}  {pair.first}, {pair.second}")


def _keep(
    record: dict[str, Any],
    title: str,
    name: str,
    figures: dict[str, Any],
    curve: Curve,
    bins: list[Bin] | None,
) -> None:
    """Put the figures of one system on one data set into the record."""
    step = max(len(curve.x) // 200, 1)
    row = {"figures": figures, "run": record["this_run"]}
    row["curve"] = {"x": curve.x[::step], "y": curve.y[::step]}
    if bins is not None:
        row["bins"] = [asdict(each) for each in bins]
        row["calibration_error"] = calibration_error(bins)
    record["data_sets"].setdefault(title, {})[name] = row


def _risk(name: str, outcome: Outcome, right: Array, in_scope: Array) -> Curve:
    """Risk over the questions that would get an article's answer; declining is never wrong."""
    topics = answered_topics()
    given = np.array([best in topics for best in outcome.best])
    curve = risk_coverage(name, (right & in_scope)[given], outcome.scores[given])
    share = float(given.mean())
    return Curve(name, [x * share for x in curve.x], curve.y)


def _draw(record: dict[str, Any]) -> None:
    """Draw all that the record holds, also from earlier runs."""
    curves, bins = [], []
    for title, rows in sorted(record["data_sets"].items()):
        curves.append((title, [Curve(name, **rows[name]["curve"]) for name in SYSTEMS
                               if name in rows]))  # fmt: skip
        if OURS in rows:
            bins.append((title, [Bin(**each) for each in rows[OURS]["bins"]]))
    held_out = record.get("held_out")
    if held_out:
        bins.append(("own examples, held out", [Bin(**each) for each in held_out["bins"]]))
        pairs = [Pair(**pair) for pair in held_out["worst_pairs"]]
        draw_pairs(pairs, held_out["examples"], FIGURES / "confusions.svg")
    if curves:
        draw_risk_coverage(curves, FIGURES / "risk-coverage.svg")
    if bins:
        draw_reliability(bins, FIGURES / "reliability.svg")


def _earlier() -> dict[str, Any]:
    """Return the record of earlier runs; what this run measures replaces theirs."""
    record: dict[str, Any] = {"data_sets": {}}
    if RECORD.is_file():
        record = json.loads(RECORD.read_text(encoding="utf-8"))
    record["this_run"] = _machine()
    return record


def _write(record: dict[str, Any]) -> None:
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(record, indent=1), encoding="utf-8")


def _wanted(only: Sequence[str] | None, name: str) -> bool:
    return not only or name in only


def _machine() -> dict[str, Any]:
    return {
        "started": time.strftime("%Y-%m-%d %H:%M"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load_at_start": os.getloadavg()[0],
        "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds hint3_<bot> folders")
    parser.add_argument("--eval", type=Path, help="holds questions of real people")
    parser.add_argument("--stock", action="store_true", help="also Rasa's default pipeline")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="bots, or 'project'")
    parser.add_argument("--no-figures", dest="figures", action="store_false")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
