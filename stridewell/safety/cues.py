"""What the rules say of a message, as numbers: a reading and its matches in, a row of cues out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from stridewell.encoder import Array
from stridewell.safety.finding import AFFIRMED, MENTIONED, TIERS
from stridewell.safety.matcher import Match, Reading

CUES = 16


def read_cues(reading: Reading, matches: Sequence[Match]) -> Array:
    """Return the cues of one message, float32 of shape (CUES,), each 0 or 1.

    Args:
        reading: The message, read by the lexicon.
        matches: The wordings found in it, with their status.
    """
    row = np.zeros(CUES, dtype=np.float32)
    for match in matches:
        if match.status in AFFIRMED:
            row[TIERS.index(match.wording.tier)] = 1
        else:
            row[len(TIERS) + MENTIONED.index(match.status)] = 1
    row[6:] = [
        reading.asks_anywhere,
        reading.asks_throughout,
        reading.speaks_of_past,
        bool(reading.status_spans("past_marks")),
        bool(reading.status_spans("past_sure")),
        bool(reading.denied),
        bool(reading.found.get("well")),
        bool(reading.status_spans("first_person")),
        bool(reading.status_spans("other_people") or reading.status_spans("other_pronouns")),
        bool(reading.status_spans("past_void")),
    ]
    return row


# Words without which a message is never read as a question or a tale of long ago, however sure the
# classifier is: both ways of seeing must agree before an opening is taken back. A denial is never
# taken from the classifier: it would silence people who deny one sign and have another.
_SPEAKS_OF = {
    "asked": re.compile(
        r"\?|^(?:what|why|how|when|which|who|can|could|does|do|is|are|will|would|should)\b"
    ),
    "past": re.compile(
        r"\b(?:years? (?:ago|back)|yrs? ago|decades?|(?:long|some) time ago|ages ago|long ago|"
        r"(?:19|20)\d\d|back in|used to|as a (?:kid|child|teen\w*|student)|"
        r"when (?:i|he|she|they) w(?:as|ere)|once had|"
        r"since then|recovered|healed|sorted|better (?:now|since)|"
        r"in (?:my|his|her) (?:teens|twenties|thirties)|the (?:\w+ies|\d0s))\b"
    ),
}
_ABOUT_ONESELF = re.compile(r"\b(?:i|i'?m|i'?ve|my|me|mine)\b")


def speaks_of(message: str, status: str) -> bool:
    """Tell whether a message has a word that a question or a tale of long ago needs.

    Args:
        message: The message, spelling repaired.
        status: "denied", "asked" or "past".
    """
    text = message.lower().replace("\u2019", "'")
    if status not in _SPEAKS_OF or (status == "asked" and _ABOUT_ONESELF.search(text)):
        return False
    return bool(_SPEAKS_OF[status].search(text))
