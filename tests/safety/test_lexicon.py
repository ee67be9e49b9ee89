"""A lexicon that cannot be read as meant refuses to load and names the line."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest

from stridewell.safety import SIGNS, LexiconError, SafetyScreen
from stridewell.safety.lexicon import FILES, load_lexicon
from tests.safety.conftest import DATA


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(DATA / name, tmp_path / name)
    return tmp_path


def test_every_sign_has_a_source_and_an_honest_review() -> None:
    lexicon = load_lexicon(DATA)
    assert set(lexicon.signs) == set(SIGNS)
    for sign in lexicon.signs.values():
        assert sign.source
        assert sign.source_date
        assert sign.reviewed == "none yet" or datetime.date.fromisoformat(sign.reviewed)


def test_no_review_date_has_passed() -> None:
    for sign in load_lexicon(DATA).signs.values():
        assert sign.review_due is None or sign.review_due >= datetime.date.today(), sign.name


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(LexiconError, match=name):
        SafetyScreen.load(copy)


def test_broken_yaml_is_named_with_its_line(copy: Path) -> None:
    (copy / "crisis.yml").write_text("signs:\n  suicidal:\n    source: [\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=r"crisis\.yml, line \d+"):
        SafetyScreen.load(copy)


def _spoil(folder: Path, name: str, old: str, new: str) -> int:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return line


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("      - numb + wipe within 11", "      - numb + wiep within 11", "wiep"),
        ("      - numb + wipe within 11", "      - numb and wipe", "is not a wording"),
        ("  genital:\n", "  genitall:\n", "is no sign"),
        ("    mentions:\n", "    mentionz:\n", "is not a part"),
    ],
)
def test_a_mistake_is_named_with_its_line(copy: Path, old: str, new: str, problem: str) -> None:
    line = _spoil(copy, "emergency.yml", old, new)
    with pytest.raises(LexiconError, match=rf"emergency\.yml, line {line}: .*{problem}"):
        SafetyScreen.load(copy)


def test_a_bad_review_date_is_named(copy: Path) -> None:
    line = _spoil(
        copy,
        "crisis.yml",
        "    review_due: 2027-05-21\n",
        "    review_due: soon\n",
    )
    with pytest.raises(LexiconError, match=rf"crisis\.yml, line {line}: review_due"):
        SafetyScreen.load(copy)
