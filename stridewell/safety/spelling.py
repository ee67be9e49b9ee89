"""Repairs spelling for the sentence encoder: a message in, the same message in words it knows out.

Only words that do not exist are touched. A word of the lexicon goes first; otherwise the most
common English word one letter away (two for long words) is taken, if there is one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from stridewell.safety.text import WORD_LIST, Words, clean

# "U2" and "w4r2" hold no words.
_TOKEN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z']*(?![A-Za-z0-9])")
_SHORT_FORMS = dict(
    pair.split("=")
    for pair in [
        "u=you",
        "ur=your",
        "wen=when",
        "wot=what",
        "wat=what",
        "wiv=with",
        "bak=back",
        "num=numb",
        "cos=because",
        "coz=because",
        "cuz=because",
        "bc=because",
        "nd=and",
        "abt=about",
        "thru=through",
        "shud=should",
        "cud=could",
        "wud=would",
        "pls=please",
        "plz=please",
        "r=are",
        "hav=have",
        "av=have",
        "ov=of",
        "wil=will",
        "wont=won't",
        "cant=can't",
        "dont=don't",
        "doesnt=doesn't",
        "didnt=didn't",
        "im=I'm",
        "ive=I've",
        "isnt=isn't",
        "couldnt=couldn't",
        "wouldnt=wouldn't",
        "havent=haven't",
        "hasnt=hasn't",
        "arent=aren't",
        "wasnt=wasn't",
        "wernt=weren't",
        "iv=I've",
        "gona=going_to",
        "gonna=going_to",
        "gunna=going_to",
        "wanna=want_to",
        "wana=want_to",
        "dunno=don't_know",
        "smth=something",
        "summat=something",
        "sumthing=something",
        "nuffin=nothing",
        "nothin=nothing",
        "nowt=nothing",
        "fink=think",
        "bin=been",
        "mi=my",
        "tho=though",
        "rly=really",
        "realy=really",
        "evry=every",
        "olny=only",
        "onli=only",
        "jus=just",
        "giv=give",
        "liv=live",
        "woz=was",
        "wos=was",
        "wus=was",
        "ova=over",
        "neva=never",
        "eva=ever",
        "docter=doctor",
        "legz=legs",
        "fone=phone",
        "kno=know",
        "dat=that",
        "dis=this",
        "dem=them",
        "teh=the",
        "bcak=back",
        "pian=pain",
        "lef=left",
    ]
)
_KEPT = frozenset(
    ["kerb", "midfoot", "forefoot", "mileage", "physio", "meself", "chils", "infliximab", "stents"]
)
_ENDINGS = ("ed", "ing", "s", "es", "er", "ly", "d")
# "overdone", "deactivate": a prefix and a word make a word that no list has.
_PREFIXES = ("over", "under", "out", "un", "re", "de", "dis", "mis", "non", "pre", "sub", "anti")


class Spelling:
    """Repairs the words of a message.

    Args:
        words: The lexicon's own word list and repair.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._common = _common_words()
        self._rank = {word: rank for rank, word in enumerate(self._common)}
        self._fixed = lru_cache(maxsize=16384)(self._fix)

    def repair(self, text: str) -> str:
        """Return the cleaned text with words that do not exist replaced by their likeliest."""
        return _TOKEN.sub(lambda found: self._fixed(found.group()), clean(text))

    def _fix(self, word: str) -> str:
        low = word.lower().replace("'", "")
        if low in _SHORT_FORMS:
            return _SHORT_FORMS[low].replace("_", " ")
        if "'" in word or len(low) < 4 or self._exists(low):
            return word
        repaired = " ".join(self._words.repair(low))
        near = process.extract(
            low,
            self._common,
            scorer=OSA.distance,
            score_cutoff=1 if len(low) < 7 else 2,
            limit=30,
        )
        best = min(
            ((int(d), found[0] != low[0], self._rank[found], found) for found, d, _ in near),
            default=None,
        )
        if repaired != low and (
            best is None or " " in repaired or OSA.distance(low, repaired) <= best[0]
        ):
            return repaired
        return best[3] if best else word

    def _exists(self, low: str) -> bool:
        if low in _KEPT or low in self._rank or low in self._words.real:
            return True
        if self._words.lemma(low) in self._words.real:
            return True
        rests = (low.removeprefix(start) for start in _PREFIXES if low.startswith(start))
        if any(len(rest) >= 4 and rest in self._rank for rest in rests):
            return True
        stems = (low.removesuffix(end) for end in _ENDINGS if low.endswith(end))
        return any(
            len(stem) >= 4 and any(w in self._rank for w in (stem, stem + "e", stem[:-1]))
            for stem in stems
        )


@lru_cache(maxsize=1)
def _common_words() -> list[str]:
    # The tokenizer's list is in order of frequency.
    if not WORD_LIST.is_file():
        return []
    with WORD_LIST.open(encoding="utf-8") as lines:
        words = [line.strip() for line in lines]
    return [w for w in words if len(w) >= 4 and w.isalpha() and w.isascii()]
