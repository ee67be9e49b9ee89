"""Reads an answer in the hand-off form: a message in, what it asks for out.

Consent needs a plain yes: whatever is neither a yes nor a no is taken as unclear, never as consent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "`": "'"})
_POLITE = r"(?:(?:please|thanks|thank you|now)\W*)*"


class Wish(Enum):
    """What a message in the form asks for."""

    YES = "yes"
    NO = "no"
    SKIP = "skip"
    CANCEL = "cancel"
    WITHDRAW = "withdraw"
    CHANGE_CONTACT = "change contact"
    CHANGE_NOTE = "change note"
    LEAVE_OUT = "leave out"
    CORRECT = "correct"
    NOTE = "note"
    USE_LAST = "use last"
    OTHER = "other"


@dataclass(frozen=True)
class Answer:
    """A wish, with the numbers and the text that belong to it."""

    wish: Wish
    numbers: tuple[int, ...] = ()
    text: str = ""


def _whole(*wordings: str) -> re.Pattern[str]:
    return re.compile(rf"{_POLITE}(?:{'|'.join(wordings)})\W*{_POLITE}", re.IGNORECASE)


_YES = _whole(
    r"(?:(?:yes|yeah|yep|yup|y|sure|ok|okay|certainly|of course|definitely)\W*)+",
    r"(?:yes\W*|ok\W*|okay\W*)?(?:please )?(?:do|do it|send|send it|send this|send the summary"
    r"|send that|go ahead|you may|you can|i agree|i do|i consent|agreed|that's fine|that is fine"
    r"|that's right|looks good|it's right)",
)
_NO = _whole(
    r"(?:(?:no|nope|nah|n)\W*)+",
    r"(?:no\W*)?(?:i )?(?:don't|do not|dont) (?:send|want|agree|consent|do)"
    r"(?: (?:it|that|this|to))*",
    r"(?:no\W*)?(?:i'd |i would )?rather not",
    r"(?:no\W*)?(?:i )?(?:refuse|decline)",
    r"not now",
    r"not today",
)
_SKIP = _whole(
    r"skip(?: it| this| that| the note| the contact)?",
    r"none",
    r"nothing(?: else)?",
    r"no(?: note| contact| email| e-mail| phone)",
    r"leave (?:it|this|that) (?:out|blank|empty)",
    r"pass",
    r"n/a",
    r"(?:i )?prefer not to(?: say)?",
)
_CANCEL = _whole(
    r"cancel(?: it| that| this| everything| the form| the hand-?off)?",
    r"stop(?: it| this| the form)?",
    r"quit|exit|abort",
    r"never ?mind",
    r"forget (?:it|about it)",
    r"(?:i(?:'ve| have)? )?changed my mind",
)
_WITHDRAW = _whole(
    r"(?:i )?(?:want to |would like to |wish to )?(?:withdraw|revoke|retract)"
    r"(?: (?:it|that|this|my|the|request|summary|consent|hand-?off|earlier|last|one))*",
    r"(?:i )?(?:want to |would like to )?"
    r"take (?:it|that|this|my consent|my request|the summary) back",
    r"(?:i )?(?:want to |would like to )?take back (?:it|my consent|my request|the summary)",
)
_USE_LAST = _whole(
    r"use (?:it|that|this|my last message)", r"add (?:it|that|this)(?: to the note)?"
)
_CONTACT_WORDS = r"(?:contact(?: details)?|e-?mail(?: address)?|phone(?: number)?|number)"
_CHANGE = r"(?:change|edit|fix|update|correct|add|redo|remove|delete)"
_CHANGE_CONTACT = _whole(rf"{_CHANGE} (?:the |my |a )?{_CONTACT_WORDS}")
_CHANGE_NOTE = _whole(rf"{_CHANGE} (?:the |my |a )?note")
_CHANGE_TO = re.compile(
    rf"{_CHANGE} (?:the |my )?({_CONTACT_WORDS}|note) to\W+(.+)", re.IGNORECASE | re.DOTALL
)
_LEAVE_OUT = _whole(
    r"(?:leave out|remove|take out|delete|drop|omit)"
    r"(?: (?:messages?|numbers?|lines?|no\.?|words))? \d+(?:(?:\s*,\s*|\s*and\s*|\s+)+\d+)*"
)
_CORRECT = re.compile(
    r"(?:correct|change|replace)(?: (?:message|number|line|no\.?))? (\d+)\s*"
    r"(?::|to\b|with\b|-)\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)
_NOTE = re.compile(r"(?:my )?note\s*(?::|is\b)\s*(.+)", re.IGNORECASE | re.DOTALL)

_WHOLE = (
    (Wish.CANCEL, _CANCEL),
    (Wish.WITHDRAW, _WITHDRAW),
    (Wish.SKIP, _SKIP),
    (Wish.NO, _NO),
    (Wish.YES, _YES),
    (Wish.USE_LAST, _USE_LAST),
    (Wish.CHANGE_CONTACT, _CHANGE_CONTACT),
    (Wish.CHANGE_NOTE, _CHANGE_NOTE),
)
_BUTTONS = {"/affirm": Wish.YES, "/deny": Wish.NO}


def read_answer(text: str) -> Answer:
    """Read what a message in the form asks for.

    Args:
        text: The message, or the payload of a button that the form offered.

    Returns:
        The wish; ``OTHER`` with the text when it is none of the known ones.
    """
    said = text.strip().translate(_APOSTROPHES)
    if said in _BUTTONS:
        return Answer(_BUTTONS[said])
    for wish, pattern in _WHOLE:
        if pattern.fullmatch(said):
            return Answer(wish)
    if _LEAVE_OUT.fullmatch(said):
        return Answer(Wish.LEAVE_OUT, tuple(int(number) for number in re.findall(r"\d+", said)))
    if match := _CORRECT.fullmatch(said):
        return Answer(Wish.CORRECT, (int(match[1]),), match[2].strip())
    if match := _NOTE.fullmatch(said):
        return Answer(Wish.NOTE, text=match[1].strip())
    if match := _CHANGE_TO.fullmatch(said):
        wish = Wish.CHANGE_NOTE if match[1].lower() == "note" else Wish.CHANGE_CONTACT
        return Answer(wish, text=match[2].strip())
    return Answer(Wish.OTHER, text=text.strip())


_ASKING = re.compile(
    r"(?:what|why|how|when|where|who|which|can|could|should|shall|is|are|am|do|does|did|will|would"
    r"|may|might)\b.*",
    re.IGNORECASE | re.DOTALL,
)


def is_question(text: str) -> bool:
    """Tell whether a message reads as a question: by its mark or its first word."""
    said = text.strip()
    return said.endswith("?") or bool(_ASKING.fullmatch(said))
