"""Writes a message as hurried people do: a text and a random source in, a misspelled copy out."""

from __future__ import annotations

import random
import re

_SOUNDS = [
    ("tion", "shun"), ("ph", "f"), ("ck", "k"), ("th", "f"), ("wh", "w"), ("ee", "ea"),
    ("ea", "ee"), ("ing", "in"), ("ou", "u"), ("ll", "l"), ("ss", "s"), ("ie", "ei"), ("er", "a"),
    ("gh", ""), ("le", "el"), ("mb", "m"), ("kn", "n"), ("au", "or"), ("ai", "ay"), ("igh", "i"),
]  # fmt: skip
_SHORT = {
    "you": "u", "with": "wiv", "have": "av", "because": "cos", "and": "nd", "my": "me",
    "when": "wen", "what": "wot", "your": "ur", "are": "r", "please": "pls", "the": "da",
    "should": "shud", "could": "cud", "through": "thru", "about": "abt", "something": "summat",
}  # fmt: skip


def noisy(text: str, chance: random.Random) -> str:
    """Return a copy with dropped, swapped and doubled letters, or spelled by ear."""
    if chance.random() < 0.7:
        text = text.lower().replace("'", "").replace("’", "")
    if chance.random() < 0.6:
        text = re.sub(r"[.,!?;:]", "", text)
    rate = chance.choice([0.15, 0.3, 0.45])
    return " ".join(
        _misspelled(word, chance) if chance.random() < rate else word for word in text.split()
    )


def _misspelled(word: str, chance: random.Random) -> str:
    if word.lower() in _SHORT and chance.random() < 0.5:
        return _SHORT[word.lower()]
    if len(word) < 4:
        return word
    cut = chance.randrange(1, len(word) - 1)
    kind = chance.randrange(5)
    if kind == 0:
        return word[:cut] + word[cut + 1 :]
    if kind == 1:
        return word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
    if kind == 2:
        return word[:cut] + word[cut] + word[cut:]
    heard = [pair for pair in _SOUNDS if pair[0] in word[1:]]
    if not heard:
        return word
    old, new = chance.choice(heard)
    return word[0] + word[1:].replace(old, new, 1)
