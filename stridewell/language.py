"""The spaCy pipeline of the assistant: a text in, tokens, sentences and questions out.

A blank English pipeline with rule-based sentence borders is all that is loaded: the trained
English pipelines add 12 MB or more and several milliseconds a message, and tagging or parsing
brought nothing that the sentence vectors do not already hold (docs/model-card.md has the figures).
"""

from __future__ import annotations

from dataclasses import dataclass

import spacy
from spacy.language import Language
from spacy.matcher import Matcher
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from stridewell.phrases import compile_phrase

# What stands behind this many tokens of a long story is not cut.
MOST_TOKENS = 250

_GROUPS = {
    "be": ["is", "are", "am", "was", "'s", "’s", "'re", "s"],
    "modal": [
        "can",
        "could",
        "should",
        "would",
        "will",
        "shall",
        "may",
        "might",
        "must",
        "ca",
        "wo",
    ],
    "do": ["do", "does", "did"],
    "have": ["has", "have", "had"],
    "not": ["n't", "nt", "not", "n’t"],
    "asker": ["i", "you", "we", "it", "u"],
    "pronoun": [
        "i",
        "you",
        "u",
        "we",
        "he",
        "she",
        "it",
        "they",
        "this",
        "that",
        "these",
        "those",
        "there",
        "anyone",
        "people",
        "one",
    ],
    "determiner": ["the", "my", "your", "his", "her", "our", "their", "a", "an", "any"],
    "activity": [
        "running",
        "jogging",
        "swimming",
        "cycling",
        "walking",
        "hiking",
        "exercising",
        "stretching",
        "resting",
        "warming",
        "pushing",
        "sprinting",
        "biking",
        "yoga",
        "pilates",
        "rest",
        "exercise",
        "sciatica",
        "shoes",
        "insoles",
        "doctors",
        "physios",
        "strengthening",
        "sitting",
        "treadmill",
        "core",
        "endorphins",
        "bones",
        "muscles",
        "runners",
    ],
    "asked": ["what", "which", "how", "when", "where", "why", "who", "wat", "wich"],
    "measure": [
        "much",
        "many",
        "often",
        "long",
        "far",
        "fast",
        "soon",
        "bad",
        "hard",
        "slow",
        "slowly",
        "kind",
        "type",
        "sort",
        "about",
    ],
}
_INVERTED = [
    "<be>|<modal>|<do>|<have> <not>? <pronoun>",
    "<be>|<modal>|<do> <not>? <activity>",
    "<be>|<modal>|does|did <not>? <determiner>",
]
# A question starts here, after a joining word or a comma, or where a sentence starts.
_STARTS = [
    *_INVERTED,
    *(f"<asked> {inverted}" for inverted in _INVERTED),
    *(f"<asked> * {inverted}" for inverted in _INVERTED),
    *(f"<asked> * * {inverted}" for inverted in _INVERTED),
    *(f"<asked> <measure> * * {inverted}" for inverted in _INVERTED),
    "what|how|wat about",
    "what if",
    "how|when|where|what|which|who to",
    "which|what * to",
    "what|how|why <be>|<modal>|<do>",
    "what|how|why causes|caused|helps|makes|triggers|come",
    "what * causes|caused|helps|triggers",
    "are|does * *",
    "which|who <be>|<modal>",
    "which|what * <be>|<modal>",
    "any|more tips|advice|alternatives",
    "tell|explain|give me|us|what|how|why|about",
]
# ... and here even in the middle of words without a mark ("my back hurts should i stop").
_UNMARKED_STARTS = [
    "<modal>|<do> <not>? <asker>",
    "is it",
    "<asked> <modal>|<do> <not>? <asker>",
    "<asked> * <modal>|<do> <not>? <asker>",
    "what|how about",
]
_WONDERING = ["wonder|wondering|know|ask|asking|tell|advise <asker>|me? if|whether|<asked>"]
_JOINING = frozenset(
    [
        "and",
        "also",
        "plus",
        "but",
        "&",
        "/",
        "then",
        "so",
        ",",
        ";",
        "-",
        "–",
        "—",
        ":",
        "...",
        "…",
        "(",
        "n",
    ]
)
_ADDING = frozenset(["and", "also", "plus", "&", "+"])
_KEEPS_TOGETHER = frozenset(
    ["or", "if", "whether", "that", "than", "because", "as", "like", "know", "knows"]
)
_ASKED = frozenset(_GROUPS["asked"])
_STATES = frozenset(["i", "my", "we", "me", "am", "im"])
# A sentence that starts with one of these asks, whatever follows; "when I run, ..." may not.
_OPENS_QUESTION = frozenset(["what", "which", "why", "how", "who", "whats", "hows", "wat"])
# "and which shoes?": a question word with few words up to the end of the sentence.
_SHORT_REST = 4
_NOT_AFTER_SHORT = frozenset(
    [*_GROUPS["pronoun"], *_GROUPS["determiner"], "is", "are", "was", "running", "my"]
)


@dataclass(frozen=True)
class Part:
    """A stretch of a message: one question, or a sentence that asks nothing."""

    span: Span
    asks: bool


def build_pipeline() -> Language:
    """Make the pipeline: English tokens and rule-based sentence borders."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer", config={"punct_chars": [".", "!", "?", "\n", "…", ";"]})
    return nlp


def sentences(doc: Doc) -> list[str]:
    """Return the sentences of ``doc`` as stripped texts, empty ones left out."""
    return [text for text in (span.text.strip() for span in doc.sents) if text]


class QuestionBorders:
    """Cuts a message into its questions and the sentences that ask nothing.

    A sentence is cut before each place where a further question starts; what leads up to its first
    question stays with it. What "or" joins is never cut.

    Args:
        vocab: The vocabulary of the pipeline that makes the docs.
    """

    def __init__(self, vocab: Vocab) -> None:
        self._matcher = Matcher(vocab)
        for name, phrases in (
            ("START", _STARTS),
            ("UNMARKED", _UNMARKED_STARTS),
            ("WONDERING", _WONDERING),
        ):
            self._matcher.add(name, [compile_phrase(phrase, _GROUPS) for phrase in phrases])
        self._start, self._unmarked, self._wondering = (
            vocab.strings[name] for name in ("START", "UNMARKED", "WONDERING")
        )

    def parts(self, doc: Doc) -> list[Part]:
        """Cut a message.

        Args:
            doc: The message, with sentence borders.

        Returns:
            Its parts in order.
        """
        found: list[Part] = []
        for sentence in doc[:MOST_TOKENS].sents:
            found += self._cut(sentence)
        return found

    def _cut(self, sentence: Span) -> list[Part]:
        words = [token.lower_ for token in sentence]
        starts, wonders = self._starts(sentence, words)
        asks = bool(starts) or wonders or words[-1] == "?" or words[0] in _OPENS_QUESTION
        borders = starts
        if starts and starts[0] > 0:
            joined = words[starts[0] - 1] in _ADDING
            lead_states = bool(_STATES.intersection(words[: starts[0]]))
            if not joined or lead_states or starts[0] < 3:
                borders = [0, *starts[1:]]
            else:
                borders = [0, *starts]
        borders = borders or [0]
        spans = (
            _trimmed(sentence[left:right])
            for left, right in zip(borders, [*borders[1:], len(sentence)], strict=True)
        )
        return [Part(span, asks) for span in spans if span is not None]

    def _starts(self, sentence: Span, words: list[str]) -> tuple[list[int], bool]:
        matches = sorted(self._matcher(sentence), key=lambda match: (match[1] - match[2], match[1]))
        wondering = [end for key, _, end in matches if key == self._wondering]
        taken: list[tuple[int, int]] = []
        for key, start, end in matches:
            if key == self._wondering or any(start < b and a < end for a, b in taken):
                continue
            if (key == self._start and self._opens(words, start)) or (
                key == self._unmarked and self._opens_unmarked(words, start)
            ):
                taken.append((start, end))
        found = {start for start, _ in taken}
        found |= {
            i
            for i in range(1, len(words))
            if words[i] in ("if", "whether")
            and words[i - 1] == "and"
            and min(wondering, default=i) < i
        }
        if wondering and found:
            found.add(0)
        short = self._short_rest(words)
        if short is not None and not any(a <= short < b for a, b in taken):
            found.add(short)
        return sorted(found), bool(wondering)

    @staticmethod
    def _opens(words: list[str], start: int) -> bool:
        if not any(char.isalnum() for word in words[:start] for char in word):
            return True
        before = words[start - 1]
        if before == "," and words[start] in ("which", "who"):
            return False
        if before in _KEEPS_TOGETHER:
            return False
        return before in _JOINING

    @staticmethod
    def _opens_unmarked(words: list[str], start: int) -> bool:
        before = words[max(0, start - 5) : start]
        return (
            bool(before) and before[-1] not in _KEEPS_TOGETHER and not _ASKED.intersection(before)
        )

    @staticmethod
    def _short_rest(words: list[str]) -> int | None:
        end = len(words)
        while end and not any(char.isalnum() for char in words[end - 1]):
            end -= 1
        for start in range(1, end):
            short = end - start <= _SHORT_REST or words[start] == "which"
            last = start + 1 == end
            if (
                short
                and words[start] in _ASKED
                and words[start - 1] in _ADDING
                and (last or words[start + 1] not in _NOT_AFTER_SHORT)
            ):
                return start
        return None


def _trimmed(span: Span) -> Span | None:
    start, end = 0, len(span)
    while start < end and span[start].lower_ in _JOINING | {"so", ".", ")", "\n"}:
        start += 1
    while start < end and span[end - 1].lower_ in _JOINING | {")", "\n"}:
        end -= 1
    trimmed = span[start:end]
    return trimmed if any(char.isalnum() for char in trimmed.text) else None
