"""Several signs in one message: the most urgent text first, and no sign goes without its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa.shared.core.domain import Domain

from stridewell.safety import SafetyScreen
from stridewell.safety.finding import SIGNS
from stridewell.safety.lexicon import load_lexicon
from stridewell.settings import ROOT
from stridewell.turn import CRISIS_LINES, CRISIS_SIGNS, OPENINGS
from tests.safety.turns import Conversation

TIERS = {
    sign: {w.tier for w in load_lexicon(ROOT / "data" / "safety").wordings if w.sign == sign}
    for sign in SIGNS
}
SAME_DAY = sorted(sign for sign, tiers in TIERS.items() if "same_day" in tiers)
EMERGENCY = sorted(sign for sign, tiers in TIERS.items() if "emergency" in tiers)


@pytest.fixture
def reply(tmp_path: Path) -> Conversation:
    """A new conversation."""
    return Conversation(Domain.load(str(ROOT / "domain.yml")), tmp_path)


def said(conversation: Conversation, tier: str, *signs: str) -> list[str]:
    """Return the actions that answer a message in which somebody has these signs."""
    safety = {"tier": tier, "signs": list(signs), "status": "self", "evidence": []}
    return [step.action for step in conversation.say(safety)]


@pytest.mark.parametrize("crisis", sorted(CRISIS_SIGNS))
@pytest.mark.parametrize("sign", SAME_DAY)
def test_a_crisis_with_a_same_day_sign_gets_both_texts(
    crisis: str, sign: str, reply: Conversation
) -> None:
    assert said(reply, "crisis", crisis, sign) == [OPENINGS["crisis"], OPENINGS["same_day"]]


@pytest.mark.parametrize("sign", EMERGENCY)
def test_an_emergency_with_a_crisis_gets_the_crisis_lines_too(
    sign: str, reply: Conversation
) -> None:
    assert said(reply, "emergency", sign, "suicidal") == [OPENINGS["emergency"], CRISIS_LINES]


def test_two_signs_of_a_crisis_get_one_text(reply: Conversation) -> None:
    assert said(reply, "crisis", *sorted(CRISIS_SIGNS)) == [OPENINGS["crisis"]]


@pytest.mark.parametrize(
    ("message", "tier"),
    [
        ("I want to die and my foot drags when I walk", "crisis"),
        ("I want to die and I can't pee", "emergency"),
        ("I can't pee and I have a fever with my back pain", "emergency"),
    ],
)
def test_the_screen_names_every_sign_and_the_most_urgent_tier(
    message: str, tier: str, lexicon_screen: SafetyScreen
) -> None:
    finding = lexicon_screen.screen(message)
    assert finding.tier == tier
    assert len(finding.signs) == 2
