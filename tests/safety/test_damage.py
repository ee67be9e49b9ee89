"""Damaged parts: the screen spares what it can, and refuses to start without the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.safety_screen import SafetyScreenComponent
from stridewell.encoder import DEFAULT_MODEL, EncoderError, OnnxEncoder, resolve
from stridewell.safety import LexiconError, SafetyScreen
from stridewell.safety.lexicon import FILES
from stridewell.settings import ROOT

LEXICON = ROOT / "data" / "safety"
MESSAGE = "I can't pee since this morning"


@pytest.fixture
def lexicon_folder(tmp_path: Path) -> Path:
    """A copy of the lexicon to break."""
    for name in FILES:
        shutil.copy(LEXICON / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_a_broken_line_of_the_lexicon_stops_the_start_and_is_named(
    name: str, lexicon_folder: Path
) -> None:
    lines = (lexicon_folder / name).read_text(encoding="utf-8").splitlines()
    lines.append('"never closed: [')
    (lexicon_folder / name).write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(LexiconError, match=rf"{name}, line {len(lines)}"):
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
