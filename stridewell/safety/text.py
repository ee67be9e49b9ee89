"""Cleans a message and cuts it: raw text in, tokens with lemmas and the units to classify out.

The spaCy pipeline is built here from rules alone: a tokenizer that keeps contractions whole, the
sentencizer, and one pipe that corrects spelling and sets lemmas. No downloaded lemma table is used;
lemmas come from the regular endings of English, checked against a word list, and from the
irregular forms below.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import spacy
from rapidfuzz import process
from rapidfuzz.distance import OSA
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

MAX_CHARACTERS = 20_000
WORD_LIST = Path(__file__).parents[2] / "components/assets/bert-base-uncased/vocab.txt"

# Letters of other scripts that look like Latin ones (chosen by hand).
_LOOKALIKES = str.maketrans(
    dict(
        zip(
            "аеорсухіјѕһԁԛԝгкмтвнпЬбαεορτυχικνηβγƅɑɡɩıⅼ",
            "aeopcyxijshdqwrkmtbhnb6aeoptuxiknnbybagiil",
            strict=False,
        )
    )
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´′＇ʹ", "'"))
_STRESS_MARKS = re.compile(r"(?<=\w)[*_~|](?=\w)")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_]){3,}\w(?!\w)")
_SPACE = re.compile(r"[ \t\r\f\v]+")


def clean(text: str | None) -> str:
    """Undo what hides a word: odd code points, look-alike letters, zero-width characters.

    Returns:
        The text with its case, apostrophes and punctuation, at most ``MAX_CHARACTERS`` long.
    """
    if not text:
        return ""
    text = unicodedata.normalize("NFKC", str(text)[: MAX_CHARACTERS * 2]).translate(_APOSTROPHES)
    if not text.isascii():
        text = "".join(
            c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c in "\n\t"
        )
        text = text.translate(_LOOKALIKES)
        text = "".join(
            c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)
        )
    text = _STRESS_MARKS.sub("", text)
    text = _SPACED.sub(lambda found: re.sub(r"[ .\-_]", "", found.group()), text)
    return _SPACE.sub(" ", text).strip()[:MAX_CHARACTERS]


_IRREGULAR = {
    "feel": "felt", "lose": "lost", "go": "went gone goes going gonna", "wet": "wetted",
    "have": "has had having ive", "be": "is are was were been being am", "get": "got gotten",
    "fall": "fell fallen", "give": "gave given giving gives", "do": "does did done doing",
    "take": "took taken", "wake": "woke woken waking", "shit": "shat shitted", "die": "dying died",
    "foot": "feet", "keep": "kept", "hold": "held", "come": "came coming", "make": "made",
    "hurt": "hurts hurting", "break": "broke broken", "hit": "", "throw": "threw thrown",
    "leg": "legs leggs", "knee": "knees", "lie": "lying lay laid", "spread": "", "feeling": "",
    "poo": "pooed pooing poos", "pee": "peed peeing pees peeed", "wee": "weed weeing wees weeed",
    "wipe": "wiped wiping wipes", "drag": "dragged dragging drags", "thigh": "thighs",
    "oneself": "myself himself herself themselves themself yourself ourselves itself meself mysel",
    "my": "his her their your our the me mi mah",
    "cant": "cannot couldnt cudnt cannae cantt carnt",
    "dont": "doesnt didnt doesn didn dnt", "wont": "wouldnt woudnt",
    "isnt": "arent wasnt werent aint",
    "havent": "hasnt hadnt", "and": "&", "tummy": "tummies", "begin": "began begun",
    "drive": "drove", "slip": "slipped", "stop": "stopped", "think": "thought", "buttock": "buttox",
    "stick": "stuck", "sit": "sat", "stand": "stood", "run": "ran", "swell": "swollen",
    "bite": "bit",
    "want": "wanna", "see": "saw seen", "tell": "told", "know": "knew known", "shake": "shook",
}  # fmt: skip
_LEMMAS = {form: base for base, forms in _IRREGULAR.items() for form in (base, *forms.split())}
# Words whose ending looks like an inflection but is part of the word.
_WHOLE = frozenset(
    [
        "this",
        "its",
        "his",
        "was",
        "is",
        "as",
        "us",
        "yes",
        "bus",
        "plus",
        "less",
        "loss",
        "across",
        "unless",
        "numbness",
        "weakness",
        "illness",
        "during",
        "thing",
        "nothing",
        "something",
        "anything",
        "everything",
        "sudden",
        "need",
        "feed",
        "seed",
        "indeed",
        "bed",
        "red",
        "hundred",
        "bring",
        "string",
        "spring",
        "king",
        "pins",
        "news",
        "always",
        "sometimes",
        "besides",
        "perhaps",
        "is",
        "has",
        "does",
        "penis",
        "anus",
        "pelvis",
        "pubis",
        "arthritis",
        "sepsis",
        "stairs",
        "osteoporosis",
        "diagnosis",
        "paralysis",
        "sis",
        "sensation",
        "nuts",
        "balls",
        "bits",
        "privates",
        "genitals",
        "suicides",
        "legs",
    ]
)


class Words:
    """Knows real words, so that only a word that does not exist is taken for a typo.

    Args:
        lexicon: Lower-case words of the lexicon.
        known: Real words that are no typos; defaults to the tokenizer's word list.
        guarded: More real words that must never be corrected.
    """

    def __init__(
        self,
        lexicon: Iterable[str],
        known: Iterable[str] | None = None,
        guarded: Iterable[str] = (),
    ) -> None:
        self.lexicon = frozenset(lexicon)
        real = set(_word_list() if known is None else known)
        self.real = frozenset(real | self.lexicon | set(guarded) | set(_LEMMAS) | _WHOLE)
        self._stems = frozenset(word[:n] for word in real for n in range(5, len(word)))
        self._targets = sorted(word for word in self.lexicon if len(word) >= 4 and word.isalpha())
        self._repair = lru_cache(maxsize=8192)(self._repair_uncached)
        self.lemma = lru_cache(maxsize=16384)(self._lemma_uncached)

    def repair(self, word: str) -> tuple[str, ...]:
        """Return the word, its likely intention, or its two halves when run together."""
        if word in self.real or len(word) < 4 or len(word) > 30:
            return (word,)
        return self._repair(word)

    def _repair_uncached(self, word: str) -> tuple[str, ...]:
        for times in (r"\1\1", r"\1"):
            shorter = re.sub(r"(\w)\1{2,}", times, word)
            if shorter != word and (shorter in self.real or self.lemma(shorter) in self.lexicon):
                return (shorter,)
        word = re.sub(r"(\w)\1{2,}", r"\1\1", word)
        if not word.isalpha():
            return (word,)
        whole = self._with_g(word)
        if whole:
            return (whole,)
        base = self.lemma(word)
        if base in self.real or self._inflected(word):
            return (word,)
        for cut in range(3, len(word) - 2):
            left, right = word[:cut], word[cut:]
            if left in self.lexicon and (
                right in self.lexicon or self.lemma(right) in self.lexicon
            ):
                return (left, right)
        close = self._closest(word)
        if close is None and base != word:
            close = self._closest(base)
        if close is None and word.endswith("s"):
            close = self._closest(word[:-1])
        return (close,) if close else (word,)

    def _with_g(self, word: str) -> str | None:
        """Return "harming" for "harmin"; ``None`` where no word was said without its g."""
        if len(word) < 5 or not word.endswith("in") or word in self.real:
            return None
        whole = f"{word}g"
        return whole if whole in self.real or self.lemma(whole) != whole else None

    def _inflected(self, word: str) -> bool:
        # "inventing" is missing from the list, "invented" is there: a real word all the same.
        for ending in ("ing", "ed", "er", "ers", "es", "s", "ly"):
            stem = word.removesuffix(ending)
            if stem != word and len(stem) >= 5 and stem in self._stems:
                return True
        return False

    def _closest(self, word: str) -> str | None:
        length = len(word)
        if length < 4:
            return None
        allowed = 1 if length < 8 else 2
        found = process.extract(
            word, self._targets, scorer=OSA.distance, score_cutoff=allowed, limit=8
        )
        best: tuple[int, int, str] | None = None
        for target, distance, _ in found:
            same_start = target[0] == word[0] or target[:2] == word[1::-1]
            if length == 4 and sorted(target) != sorted(word) and target[-1] != word[-1]:
                continue
            if not same_start and (length < 6 or distance > 1):
                continue
            candidate = (int(distance), abs(len(target) - length), target)
            best = min(best, candidate) if best else candidate
        return best[2] if best else None

    def _lemma_uncached(self, word: str) -> str:
        if word in _LEMMAS:
            return _LEMMAS[word]
        if word in _WHOLE or len(word) < 4:
            return word
        for base in _bases(word):
            if base in _LEMMAS:
                return _LEMMAS[base]
            if len(base) >= 3 and (base in self.real):
                return base
        return word


def _bases(word: str) -> Iterable[str]:
    if word.endswith("ies") or word.endswith("ied"):
        yield word[:-3] + "y"
    if word.endswith("ing"):
        stem = word[:-3]
        if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "aeiosl":
            yield stem[:-1]
        yield stem
        yield stem + "e"
    if word.endswith("ed"):
        stem = word[:-2]
        if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "aeiosl":
            yield stem[:-1]
        yield stem
        yield stem + "e"
    if word.endswith("es"):
        if word.endswith(("shes", "ches", "sses", "xes", "zes")):
            yield word[:-2]
        yield word[:-1]
        yield word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        yield word[:-1]


@lru_cache(maxsize=1)
def _word_list() -> frozenset[str]:
    # The tokenizer's list holds common whole words of English; without the
    # file every word is its own guess, which only makes spelling repair a little too eager.
    if not WORD_LIST.is_file():
        return frozenset()
    with WORD_LIST.open(encoding="utf-8") as lines:
        return frozenset(
            word for line in lines if (word := line.strip()).isalpha() and word.isascii()
        )


def make_pipeline(words: Words) -> Language:
    """Return the spaCy pipeline: tokens, sentences, corrected spelling (NORM) and LEMMA."""
    nlp = spacy.blank("en")
    edge = r"""[\(\)\[\]{}<>"“”«»,;:!?…\.\-–—/\\*+=~|#@&^%$£€•]"""
    nlp.tokenizer = Tokenizer(
        nlp.vocab,
        prefix_search=re.compile(rf"^(?:{edge}|')").search,
        suffix_search=re.compile(rf"(?:{edge}|')$").search,
        infix_finditer=re.compile(r"[,;:!?…\.\-–—/\\()+=&\[\]]").finditer,
    )
    nlp.add_pipe("sentencizer", config={"punct_chars": [".", "!", "?", "…", "\n", "\n\n", "。"]})
    nlp.max_length = MAX_CHARACTERS * 4
    return nlp


_CONTRACTED = re.compile(r"(?<=[a-z])'(?:s|d|ll|re|ve)$")
_KEEP_S = frozenset(["it's", "that's", "he's", "she's", "what's", "there's", "who's", "where's"])


def read(nlp: Language, words: Words, text: str) -> Doc:
    """Tokenize cleaned text, repair its spelling and set lemmas.

    Returns:
        A document whose ``norm_`` is the corrected lower-case word without apostrophe and whose
        ``lemma_`` is its base form. Words that were run together are apart.
    """
    rough = nlp.make_doc(text.replace("\n", " \n "))
    norms: list[str] = []
    for token in rough:
        low = token.lower_
        if low.strip() == "" and "\n" not in low:
            continue
        if "'" in low:
            if low not in _KEEP_S and low not in ("i'm", "i've"):
                low = _CONTRACTED.sub("", low)
            low = low.replace("'", "")
        norms.extend(words.repair(low) if low else ())
    norms = [norm if "\n" not in norm else "\n" for norm in norms]
    doc = Doc(nlp.vocab, words=norms, spaces=[True] * len(norms))
    doc = nlp.get_pipe("sentencizer")(doc) if len(doc) else doc
    for token, norm in zip(doc, norms, strict=False):
        token.norm_ = norm
        token.lemma_ = words.lemma(norm)
    return doc


_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_CLAUSE = re.compile(
    r"\s*[,;:()\[\]–—]+\s+|\s+-+\s+|\s+(?=(?:but|and|although|though|because|since|so|when|while|plus|"
    r"also|"
    r"except|however|then|which)\s)",
    re.IGNORECASE,
)
LONG_SENTENCE = 22
MAX_UNITS, MAX_UNITS_LONG, LONG_TEXT = 12, 48, 3000


def units(text: str) -> list[str]:
    """Cut cleaned text into the whole message, its sentences, and the clauses of long sentences.

    A short one-sentence message is its own only unit, so that its vector is the one that the
    pipeline has already computed.

    Returns:
        The whole message first, then its parts; at most ``MAX_UNITS`` texts, more for a message of
        more than ``LONG_TEXT`` characters. A sentence said twice counts once.
    """
    most = MAX_UNITS if len(text) <= LONG_TEXT else MAX_UNITS_LONG
    sentences = [part.strip() for part in _SENTENCE.split(text) if part.strip()]
    # A message without any full stop can be a page long: cut it by length as well.
    sentences = [piece for part in sentences for piece in _by_length(part, 60)]
    if len(set(sentences)) < len(sentences):
        sentences = list(dict.fromkeys(sentences))
        text = " ".join(sentences)
    found = [text]
    if len(sentences) > 1:
        found += sentences
    for sentence in sentences:
        if len(sentence.split()) > LONG_SENTENCE:
            found += _clauses(sentence)
    unique = list(dict.fromkeys(unit for unit in found if any(c.isalpha() for c in unit)))
    if len(unique) <= most:
        return unique
    if len(sentences) <= most - 1:
        return list(dict.fromkeys([text, *sentences]))
    size = -(-len(sentences) // (most - 1))
    grouped = [" ".join(sentences[i : i + size]) for i in range(0, len(sentences), size)]
    return [text, *grouped]


def _by_length(sentence: str, limit: int) -> list[str]:
    parts = sentence.split()
    if len(parts) <= limit:
        return [sentence]
    step = limit // 2
    return [" ".join(parts[i : i + limit]) for i in range(0, len(parts) - step, step)]


def _clauses(sentence: str) -> list[str]:
    clauses: list[str] = []
    for part in _CLAUSE.split(sentence):
        if clauses and (len(part.split()) < 4 or len(clauses[-1].split()) < 4):
            clauses[-1] += " " + part
        elif part:
            clauses.append(part)
    return clauses if len(clauses) > 1 else []
