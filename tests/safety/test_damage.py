"""Damaged parts: the screen spares what it can, and refuses to start without the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource

from components.safety_screen import (
    LEXICON_FOLDER,
    MODEL_FOLDER,
    SafetyScreenComponent,
    load_from_resource,
)
from stridewell.encoder import DEFAULT_MODEL, EncoderError, OnnxEncoder, resolve
from stridewell.safety import LexiconError, SafetyScreen
from stridewell.safety.lexicon import FILES
from stridewell.settings import ROOT
from tests.safety.test_screen import STATUS_TABLE

LEXICON = ROOT / "data" / "safety"
MESSAGE = "I can't pee since this morning"


@pytest.fixture
def lexicon_folder(tmp_path: Path) -> Path:
    """A copy of the lexicon to break."""
    for name in FILES:
        shutil.copy(LEXICON / name, tmp_path / name)
    return tmp_path


def break_last_line(path: Path) -> int:
    """Add a line that is no YAML; return its number."""
    lines = [*path.read_text(encoding="utf-8").splitlines(), '"never closed: [']
    path.write_text("\n".join(lines), encoding="utf-8")
    return len(lines)


@pytest.mark.parametrize("name", FILES)
def test_a_broken_line_of_the_lexicon_stops_the_start_and_is_named(
    name: str, lexicon_folder: Path
) -> None:
    line = break_last_line(lexicon_folder / name)
    with pytest.raises(LexiconError, match=rf"{name}, line {line}"):
        SafetyScreen.load(lexicon_folder)


def test_a_sign_that_is_taken_out_of_the_lexicon_stops_the_start(lexicon_folder: Path) -> None:
    path = lexicon_folder / "emergency.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("  overdose:\n", "  overdoes:\n"),
        encoding="utf-8",
    )
    with pytest.raises(LexiconError, match="'overdoes' is no sign"):
        SafetyScreen.load(lexicon_folder)


def test_an_altered_sentence_model_is_refused(tmp_path: Path) -> None:
    altered = tmp_path / "model.onnx"
    altered.write_bytes(resolve(DEFAULT_MODEL).read_bytes()[:-1] + b"\0")
    with pytest.raises(EncoderError, match="has been altered"):
        OnnxEncoder(model=str(altered))


def test_a_file_from_elsewhere_is_refused_as_sentence_model(tmp_path: Path) -> None:
    other = tmp_path / "model.onnx"
    other.write_bytes(b"something else")
    with pytest.raises(EncoderError, match="has been altered"):
        OnnxEncoder(model=str(other))


def test_the_screen_is_part_of_the_pipeline() -> None:
    config = (ROOT / "config.yml").read_text(encoding="utf-8")
    name = f"{SafetyScreenComponent.__module__}.{SafetyScreenComponent.__name__}"
    assert config.count(f"- name: {name}") == 1


def test_training_stops_at_a_broken_lexicon_and_names_the_line(
    lexicon_folder: Path, tmp_path: Path
) -> None:
    """`make run` trains anew when the lexicon has changed, so it ends here."""
    shutil.copytree(LEXICON / "examples", lexicon_folder / "examples")
    line = break_last_line(lexicon_folder / "crisis.yml")
    screen = f"{SafetyScreenComponent.__module__}.{SafetyScreenComponent.__name__}"
    config = {
        "recipe": "default.v1",
        "assistant_id": "broken",
        "language": "en",
        "pipeline": [{"name": screen, "data": str(lexicon_folder)}],
    }
    questions = {"nlu": [{"intent": "greet", "examples": "- hello\n- good morning\n"}]}
    (tmp_path / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (tmp_path / "nlu.yml").write_text(yaml.safe_dump(questions), encoding="utf-8")
    training = subprocess.run(
        [sys.executable, "-m", "rasa", "train", "nlu", "--nlu", "nlu.yml", "--out", "models"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RASA_TELEMETRY_ENABLED": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert training.returncode != 0
    assert f"crisis.yml, line {line}" in training.stdout + training.stderr
    assert not list(tmp_path.glob("models/*"))


@pytest.fixture
def unpacked(model_path: Path, tmp_path: Path) -> tuple[LocalModelStorage, Resource, Path]:
    """The trained model to break: its storage, the screen in it, and the screen's folder."""
    storage, metadata = LocalModelStorage.from_model_archive(tmp_path, model_path)
    nodes = metadata.predict_schema.nodes.values()
    resource = next(node.resource for node in nodes if node.uses is SafetyScreenComponent)
    assert resource
    with storage.read_from(resource) as folder:
        return storage, resource, folder


def test_a_model_with_a_broken_lexicon_is_refused_with_file_and_line(
    unpacked: tuple[LocalModelStorage, Resource, Path],
) -> None:
    storage, resource, folder = unpacked
    line = break_last_line(folder / LEXICON_FOLDER / "emergency.yml")
    with pytest.raises(LexiconError, match=rf"emergency.yml, line {line}"):
        load_from_resource(storage, resource)


@pytest.mark.parametrize("damage", ["missing", "cut off"])
def test_a_model_without_its_classifier_still_sees_every_sign(
    damage: str, unpacked: tuple[LocalModelStorage, Resource, Path]
) -> None:
    storage, resource, folder = unpacked
    for part in (folder / MODEL_FOLDER).iterdir():
        if damage == "missing":
            part.unlink()
        else:
            part.write_bytes(part.read_bytes()[:20])
    screen = load_from_resource(storage, resource)
    assert screen.classifier is None
    unseen = {sign for sign, (text, *_) in STATUS_TABLE.items() if not screen.screen(text).affirmed}
    assert unseen == set()
