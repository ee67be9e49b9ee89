"""The systems that are compared: examples and texts in, ranked intents, times and memory out.

Ours and Rasa's default run as they would in production: ``rasa train nlu`` in a process of its
own, then Rasa's parser in another. TF-IDF with logistic regression runs on scikit-learn alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from benchmarks.parsing import Parses
from benchmarks.questions import Examples
from stridewell.encoder import Array
from stridewell.settings import ROOT

FALLBACK = "nlu_fallback"
SEED = 42


@dataclass
class Outcome:
    """What a system made of n texts.

    Attributes:
        best: n best intents, the fallback left out.
        scores: (n,) scores of the best intents.
        threshold: From which score on the system answers, chosen on training folds; ``None`` when
            it doesn't choose one.
        declined: n booleans: as shipped, the system doesn't answer.
        train_seconds: Training time; for Rasa from start to end of the command.
        train_memory_mb: Largest memory while training; 0 when not measured.
        milliseconds: n times of one parse each.
        cpu_milliseconds: n processor times of the same.
        load_seconds: Time until the trained model has parsed its first text.
        memory_mb: Largest memory of the process that parses.
    """

    best: list[str]
    scores: Array
    threshold: float | None
    declined: list[bool]
    train_seconds: float
    train_memory_mb: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    cpu_milliseconds: list[float] = field(default_factory=list)
    load_seconds: float = 0.0
    memory_mb: float = 0.0


def ours(train: Examples, texts: Sequence[str], accepted_share: float | None = None) -> Outcome:
    """Train and run the pipeline of ``config.yml`` up to the intent classifier.

    Args:
        train: Examples to learn from.
        texts: What to parse.
        accepted_share: Replaces the target from which the threshold is chosen.
    """
    pipeline = _own_pipeline()
    # What may be offered and what no article covers concern the project's own data alone.
    pipeline[-1] = {**pipeline[-1], "offered_from": None, "outside": None}
    if accepted_share is not None:
        pipeline[-1]["accepted_share"] = accepted_share
    return _run_rasa(pipeline, train, texts)


def stock(train: Examples, texts: Sequence[str]) -> Outcome:
    """Train and run what ``rasa init`` sets up, as the installed Rasa defines it."""
    place = files("rasa.engine.recipes.config_files") / "default_config.yml"
    return _run_rasa(yaml.safe_load(place.read_text(encoding="utf-8"))["pipeline"], train, texts)


def tfidf(train: Examples, texts: Sequence[str], accepted_share: float = 0.9) -> Outcome:
    """Train and run TF-IDF of character and word n-grams with logistic regression."""
    begin = time.perf_counter()
    model = _tfidf_model().fit(train.texts, train.labels)
    train_seconds = time.perf_counter() - begin
    scores, milliseconds, cpu = [], [], []
    for text in texts:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        scores.append(model.predict_proba([text])[0])
        milliseconds.append((time.perf_counter() - begin) * 1000.0)
        cpu.append((time.process_time() - begin_cpu) * 1000.0)
    matrix = np.array(scores)
    threshold = _threshold_from_folds(train, accepted_share)
    top = matrix.max(axis=1)
    best = [str(model.classes_[n]) for n in matrix.argmax(axis=1)]
    declined = [bool(score < threshold) for score in top]
    return Outcome(
        best,
        top,
        threshold,
        declined,
        train_seconds,
        milliseconds=milliseconds,
        cpu_milliseconds=cpu,
    )


def _tfidf_model() -> Pipeline:
    ngrams = make_union(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
    )
    return make_pipeline(ngrams, LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced"))


def _threshold_from_folds(train: Examples, accepted_share: float) -> float:
    # A fit on thousands of examples takes minutes; there two folds tell enough.
    folds = StratifiedKFold(5 if len(train.texts) < 2000 else 2, shuffle=True, random_state=SEED)
    labels = np.array(train.labels)
    held_out = cross_val_predict(
        _tfidf_model(), train.texts, labels, cv=folds, method="predict_proba"
    )
    best = np.unique(labels)[held_out.argmax(axis=1)]
    return float(np.quantile(held_out.max(axis=1)[best == labels], 1.0 - accepted_share))


def _own_pipeline() -> list[dict[str, Any]]:
    """Return the components of ``config.yml`` up to the one that names the intent."""
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    pipeline: list[dict[str, Any]] = config["pipeline"]
    for number, component in enumerate(pipeline):
        if component["name"].rpartition(".")[2] in ("QuestionClassifier", "QuestionSplitter"):
            return pipeline[: number + 1]
    raise SystemExit("config.yml has no QuestionClassifier or QuestionSplitter.")


def _run_rasa(pipeline: list[dict[str, Any]], train: Examples, texts: Sequence[str]) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="stridewell-bench-") as name:
        folder = Path(name)
        _write_project(folder, pipeline, train)
        seconds, memory = _train(folder)
        parses = _parse(folder, texts)
    ranked = [_best(result) for result in parses.results]
    thresholds = {result["understanding"]["threshold"] for result in parses.results
                  if "understanding" in result}  # fmt: skip
    return Outcome(
        best=[intent for intent, _ in ranked],
        scores=np.array([score for _, score in ranked]),
        # A message without text has a threshold of its own.
        threshold=min(thresholds) if thresholds else None,
        declined=[result["intent"]["name"] in (FALLBACK, None) for result in parses.results],
        train_seconds=seconds,
        train_memory_mb=memory,
        milliseconds=parses.milliseconds,
        cpu_milliseconds=parses.cpu_milliseconds,
        load_seconds=parses.load_seconds,
        memory_mb=parses.memory_mb,
    )


def _write_project(folder: Path, pipeline: list[dict[str, Any]], train: Examples) -> None:
    config = {
        "recipe": "default.v1",
        "assistant_id": "benchmark",
        "language": "en",
        "pipeline": pipeline,
        "policies": [],
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    blocks = []
    for label in dict.fromkeys(train.labels):
        pairs = zip(train.texts, train.labels, strict=True)
        mine = [" ".join(text.split()) for text, own in pairs if own == label]
        # Rasa reads [..](..) as an entity; the questions of a benchmark have none.
        lines = [f"- {text.replace('[', '(').replace(']', ')')}\n" for text in mine if text]
        blocks.append({"intent": label, "examples": "".join(lines)})
    data = yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True, width=10_000)
    (folder / "nlu.yml").write_text(data, encoding="utf-8")


def _train(folder: Path) -> tuple[float, float]:
    """Train the model of a folder; return seconds and the largest memory in MB."""
    command = [sys.executable, "-m", "rasa", "train", "nlu", "--fixed-model-name", "model"]
    command += ["--config", "config.yml", "--nlu", "nlu.yml", "--out", "."]
    begin = time.perf_counter()
    log = folder / "train.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not (folder / "model.tar.gz").is_file():
        raise SystemExit(f"The training failed:\n{log.read_text(encoding='utf-8')[-3000:]}")
    return time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e6


def _parse(folder: Path, texts: Sequence[str]) -> Parses:
    (folder / "texts.json").write_text(json.dumps(list(texts)), encoding="utf-8")
    names = ("model.tar.gz", "texts.json", "parses.json")
    paths = [str(folder / name) for name in names]
    command = [sys.executable, "-m", "benchmarks.parsing", *paths]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The model can't be run:\n{done.stderr[-3000:]}")
    return Parses(**json.loads((folder / "parses.json").read_text(encoding="utf-8")))


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }


def _best(result: dict[str, Any]) -> tuple[str, float]:
    """Return the best intent and its score, the fallback left out."""
    for entry in result["intent_ranking"]:
        if entry["name"] != FALLBACK:
            return str(entry["name"]), float(entry["confidence"])
    return FALLBACK, 0.0
