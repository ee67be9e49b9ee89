"""Rasa's own checks of data and dialogues, with every warning and failure counting."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stridewell.settings import ROOT

STORIES = ROOT / "tests" / "stories" / "test_topics.yml"


def rasa(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a rasa command in the project and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "rasa", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "RASA_TELEMETRY_ENABLED": "false", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def run_stories(stories: Path, model: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run test stories with failures failing the run."""
    return rasa(
        *("test", "core", "--e2e", "--fail-on-prediction-errors", "--no-plot"),
        *("--stories", stories, "--model", model, "--out", out),
    )


def test_the_data_is_valid_without_a_warning() -> None:
    result = rasa("data", "validate", "--fail-on-warnings")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


def test_each_topic_is_understood_and_answered_by_its_rule(
    model_path: Path, tmp_path: Path
) -> None:
    result = run_stories(STORIES, model_path, tmp_path)
    failed = tmp_path / "failed_test_stories.yml"
    detail = failed.read_text() if failed.is_file() else result.stderr[-4000:]
    assert result.returncode == 0, detail


def test_a_broken_story_fails_the_run(model_path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "test_broken.yml"
    broken.write_text(
        'version: "3.1"\nstories:\n- story: broken\n  steps:\n  - user: |\n      hello there\n'
        "    intent: greet\n  - action: utter_goodbye\n"
    )
    result = run_stories(broken, model_path, tmp_path)
    assert result.returncode != 0


@pytest.mark.parametrize("name", ["nlu", "rules"])
def test_rasa_reads_no_other_file_of_data_as_training_data(name: str) -> None:
    trained = {path.parent.name for path in (ROOT / "data").rglob("*.yml") if holds(path, name)}
    assert trained == {name}


def holds(path: Path, key: str) -> bool:
    """Tell whether a file has a top-level key of that name."""
    return any(line.startswith(f"{key}:") for line in path.read_text(encoding="utf-8").splitlines())
