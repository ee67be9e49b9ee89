"""Other languages are noticed, short or long; English never is, however it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stridewell.other_languages import (
    OTHER,
    LanguageGuesser,
    LanguagesError,
    english_words,
    read_languages,
)
from tests.dialogue.conftest import read
from tests.dialogue.scoring import report
from tests.dialogue.talk import Talk

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = read("other_languages.yml")
LANGUAGES = sorted(set(MESSAGES) - {OTHER})
FOLDS = 5


def examples() -> list[str]:
    """Return all training examples."""
    found = []
    for file in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            lines = entry["examples"].splitlines()
            found += [line[2:].strip() for line in lines if line.startswith("- ")]
    return found


def guesser_for(texts: list[str]) -> LanguageGuesser:
    """Return a guesser that takes the words of ``texts`` for English."""
    return LanguageGuesser({word for text in texts for word in english_words(text)})


@pytest.fixture(scope="module")
def guesser() -> LanguageGuesser:
    """A guesser with the words of all training examples."""
    return guesser_for(examples())


@pytest.mark.parametrize("understood", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_short_messages_in_another_language_are_noticed(
    language: str, understood: bool, guesser: LanguageGuesser
) -> None:
    texts = [*MESSAGES[language]["tune"], *MESSAGES[language]["held_out"]]
    wrong = [t for t in texts if guesser.guess(t, understood) != language]
    assert 1 - len(wrong) / len(texts) >= 0.9, report(wrong, len(texts))


@pytest.mark.parametrize("text", [str(text) for text in read("english_fragments.yml")])
def test_odd_english_is_english(text: str, guesser: LanguageGuesser) -> None:
    assert guesser.guess(text) is None


def test_no_training_example_is_foreign_even_when_its_own_words_are_unknown() -> None:
    texts = examples()
    foreign = []
    for fold in range(FOLDS):
        others = guesser_for([t for i, t in enumerate(texts) if i % FOLDS != fold])
        foreign += [t for i, t in enumerate(texts) if i % FOLDS == fold and others.guess(t)]
    assert not foreign


@pytest.mark.parametrize(
    "text", ["坐骨神経痛でも走れますか", "허리가 아파요", "มันปลอดภัยไหม", "можна бігати?"]
)
def test_another_script_is_noticed_whatever_the_language(
    text: str, guesser: LanguageGuesser
) -> None:
    assert guesser.guess(text) is not None


def test_some_foreign_words_in_an_english_message_change_nothing(guesser: LanguageGuesser) -> None:
    text = "my doctor in Berlin said Guten Tag and then that I can run with sciatica"
    assert guesser.guess(text) is None


def test_a_table_with_an_unknown_language_is_refused() -> None:
    content = {**read_languages(), "latin": {"es": {"name": "KLINGON", "words": []}}}
    with pytest.raises(LanguagesError, match="KLINGON"):
        LanguageGuesser([], content=content)


# The reply


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reply_is_in_the_language_and_names_the_emergency_numbers(
    language: str, talk: Talk
) -> None:
    turn = talk.say(MESSAGES[language]["tune"][0])[-1]
    assert turn.actions == ["utter_only_english"]
    assert not turn.texts[0].startswith("Sorry")
    assert all(number in turn.texts[0] for number in ("112", "911", "999"))


def test_a_language_without_a_reply_of_its_own_gets_the_english_text(talk: Talk) -> None:
    turn = talk.say("허리가 아파요")[-1]
    assert turn.texts[0].startswith("Sorry, I can only understand and answer in English.")


def test_the_next_message_in_english_is_answered_as_ever(talk: Talk) -> None:
    turn = talk.say("¿Puedo correr con ciática?", "does running help sciatica?")[-1]
    assert turn.actions[0] == "utter_ask_does_running_help_sciatica"


def test_a_warning_sign_goes_before_the_language(talk: Talk) -> None:
    turn = talk.say("no puedo correr, I can't pee and I am numb between my legs")[-1]
    assert turn.actions == ["utter_emergency"]
