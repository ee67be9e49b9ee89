"""The warning-sign screen: takes a message in, hands on a :class:`Finding`."""

from stridewell.safety.finding import NOTHING, SIGNS, STATUSES, TIERS, Finding
from stridewell.safety.lexicon import LexiconError
from stridewell.safety.screen import SafetyScreen, bot_question

__all__ = [
    "NOTHING",
    "SIGNS",
    "STATUSES",
    "TIERS",
    "Finding",
    "LexiconError",
    "SafetyScreen",
    "bot_question",
]
