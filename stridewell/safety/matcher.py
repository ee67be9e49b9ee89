"""Finds wordings in a message: tokens and the lexicon in, matches with their status out."""

from __future__ import annotations

import datetime
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc

from stridewell.safety.lexicon import Lexicon, Wording
from stridewell.safety.text import Words

Span = tuple[int, int]
SENTENCE_GAP = 3
MATCHES_PER_WORDING = 8
STEPS_PER_WORDING = 4000
NEGATIVE = "neg"
WELL = "well"
# "nothing like that" ends a list of denials; "never felt numbness like that" affirms.
_VAGUE = frozenset(["nothing", "anything", "something", "stuff", "things"])
# After "... and I haven't" the sentence must be over: "and I don't know what to do" denies nothing.
_ANSWER_ENDS = frozenset([".", ",", ";", "!", "?", ":", "-", "\n", "and", "so", "any", "have"])
_YEAR = re.compile(r"(?:19[5-9]|20[0-9])\d|[5-9]0s")


@dataclass(frozen=True)
class Match:
    """One wording found in a message; the spans are token positions, one for each concept."""

    wording: Wording
    spans: tuple[Span, ...]
    status: str

    @property
    def start(self) -> int:
        return min(start for start, _ in self.spans)

    @property
    def end(self) -> int:
        return max(end for _, end in self.spans)


class Matcher:
    """Matches the lexicon's concepts with spaCy and combines them.

    Args:
        lexicon: The lexicon.
        nlp: The pipeline of :func:`stridewell.safety.text.make_pipeline`.
        words: Lemmas and spelling.
    """

    def __init__(self, lexicon: Lexicon, nlp: Language, words: Words) -> None:
        self.lexicon = lexicon
        self._exact = PhraseMatcher(nlp.vocab, attr="NORM")
        self._lemmas = PhraseMatcher(nlp.vocab, attr="LEMMA")
        self._strings = nlp.vocab.strings
        named = dict(lexicon.concepts)
        named.update({f"status:{key}": entries for key, entries in lexicon.status.items()})
        for key, entries in list(named.items()):
            exact: list[Doc] = []
            lemmas: list[Doc] = []
            for entry in self._resolved(entries):
                exact_only = entry.startswith("=")
                parts = entry.lstrip("=").split()
                doc = Doc(nlp.vocab, words=parts, lemmas=[words.lemma(part) for part in parts])
                for token, part in zip(doc, parts, strict=False):
                    token.norm_ = part
                (exact if exact_only else lemmas).append(doc)
            if exact:
                self._exact.add(key, exact)
            if lemmas:
                self._lemmas.add(key, lemmas)

    def _resolved(self, entries: Sequence[str]) -> Iterator[str]:
        for entry in entries:
            if entry.startswith("@"):
                yield from self.lexicon.concepts[entry[1:]]
            else:
                yield entry

    def concepts(self, doc: Doc) -> dict[str, list[Span]]:
        """Return where each concept and status list occurs, by start."""
        found: dict[str, set[Span]] = {}
        for matcher in (self._exact, self._lemmas):
            for key, start, end in matcher(doc):
                found.setdefault(self._strings[key], set()).add((start, end))
        return {name: sorted(spans) for name, spans in found.items()}


class Reading:
    """One message being read."""

    def __init__(self, matcher: Matcher, doc: Doc) -> None:
        self.lexicon = matcher.lexicon
        self.found = matcher.concepts(doc)
        self.norms = [token.norm_ for token in doc]
        self.lemmas = [token.lemma_ for token in doc]
        self.sentence = [0] * len(doc)
        self.bounds: list[Span] = []
        for number, sentence in enumerate(doc.sents if len(doc) else ()):
            self.bounds.append((sentence.start, sentence.end))
            for position in range(sentence.start, sentence.end):
                self.sentence[position] = number
        self.place = [i + SENTENCE_GAP * number for i, number in enumerate(self.sentence)]
        self._read_denials()
        self._read_reported()
        self._read_well()
        self._read_past()

    def status_spans(self, key: str) -> list[Span]:
        return self.found.get(f"status:{key}", [])

    def _in_sentence(self, key: str, number: int) -> list[Span]:
        return [span for span in self.status_spans(key) if self.sentence[span[0]] == number]

    # Denial: a recognized construction that reaches over the sign, and nothing else.

    def _read_denials(self) -> None:
        self.denied: set[int] = set()
        heads: list[Span] = []
        bad_spans = self.status_spans("bad_words")
        fillers = _cover(self.status_spans("denial_fillers"))
        breaks = _cover(self.status_spans("denial_breaks"))
        for head in _longest(self.status_spans("deniers")):
            start, end = head
            number = self.sentence[start]
            limit = self.bounds[number][1]
            if self._void(head, number):
                continue
            # "no feeling" is itself a bad word: its "no" denies nothing.
            later = [span for span in bad_spans if span[0] >= end]
            bad, bad_starts = _cover(later), {span[0] for span in later}
            fill = fillers | bad
            reached: set[int] = set()
            position, loose, first_bad = end, 0, -1
            while position < limit:
                word = self.norms[position]
                if first_bad < 0 and position - end > 6:
                    break
                if word in (",", "/"):
                    if first_bad < 0 or not self._list_goes_on(
                        position, limit, bad_starts, first_bad
                    ):
                        break
                elif position in breaks and position not in bad:
                    break
                elif position in bad:
                    if first_bad < 0:
                        first_bad = position
                    reached.add(position)
                    loose = 0
                elif position not in fill:
                    loose += 1
                    if first_bad < 0 or loose > 2:
                        break
                position += 1
            if first_bad >= 0:
                self.denied |= reached
                heads.append(head)
        if heads:
            governing = _cover(heads)
            self.found[NEGATIVE] = [
                span for span in self.found.get(NEGATIVE, []) if not set(range(*span)) & governing
            ]

    def _list_goes_on(self, comma: int, limit: int, bad_starts: set[int], first_bad: int) -> bool:
        following = self.norms[comma + 1 : comma + 6]
        if following and following[0] in ("or", "nor", "no", "any"):
            return True
        if following[:2] in (["and", "no"], ["and", "or"]):
            return True
        # "no pain, numbness in groin" may affirm the second half; "no fever, numbness or" lists.
        rest = self.norms[comma + 1 : limit]
        if self.norms[first_bad] in ("pain", "pains") and not {"or", "nor"} & set(rest[:6]):
            return False
        nouns = {"problem", "problems", "issue", "issues", "loss", "incontinence", "changes"}
        return any(
            comma + 1 + i in bad_starts and (w.endswith("ness") or w in nouns or w in _LISTED_NOUNS)
            for i, w in enumerate(following[:3])
        )

    def _void(self, head: Span, number: int) -> bool:
        start, end = head
        low, high = self.bounds[number]
        if self.norms[start] == "without" or self.norms[start] == "no":
            for span in self._in_sentence("denial_void_before", number):
                if (
                    low <= span[0] < start
                    and start - span[0] <= 6
                    and self.norms[start] == "without"
                ):
                    return True
        return any(
            end <= span[0] < high and self.norms[span[0] - 1] not in _VAGUE
            for span in self._in_sentence("denial_void_after", number)
        ) and self.norms[start] in (
            "never",
            "havent",
            "hadnt",
            "hasnt",
            "not",
            "no",
            "wasnt",
            "didnt",
        )

    def _read_reported(self) -> None:
        """Deny what somebody asked about, when the answer was no."""
        bad = _cover(self.status_spans("bad_words"))
        for _, asked in self.status_spans("asked_by"):
            number = self.sentence[asked - 1]
            for start, end in self.status_spans("answered_no"):
                between = range(asked, start)
                if (
                    0 <= self.sentence[start] - number <= 1
                    and between
                    and not {"because", "but", "now", "since"} & {self.norms[i] for i in between}
                    and (end == len(self.norms) or self.norms[end] in _ANSWER_ENDS)
                ):
                    self.denied |= bad & set(between)
                    break

    def _read_well(self) -> None:
        not_well = _cover(self.status_spans("not_well"))
        well = []
        for start, end in self.found.get(WELL, []):
            before = set(range(max(0, start - 3), start))
            after = self.norms[end : end + 3]
            if before & not_well or {"until", "till", "before", "but"} & set(after[:2]):
                continue
            well.append((start, end))
        self.found[WELL] = well

    def _read_past(self) -> None:
        """See whether what is told is over, and in which sentences it is told of years ago."""
        not_well = _cover(self.status_spans("not_well"))
        self.over = not self.status_spans("past_returns") and any(
            not set(range(max(0, start - 2), start)) & not_well
            for start, _ in self.status_spans("past_sure")
        )
        recent = str(datetime.date.today().year - 2)
        self.years = {
            self.sentence[i]
            for i, norm in enumerate(self.norms)
            if _YEAR.fullmatch(norm) and (len(norm) < 4 or norm <= recent)
        }

    # Combining concepts

    def matches(self, needs_elsewhere: frozenset[str] = frozenset()) -> list[Match]:
        """Return every wording that the message holds, with its status.

        Args:
            needs_elsewhere: Concepts that occur in the messages before; they satisfy ``with``.
        """
        taken = [
            (match[0][0], match[-1][1])
            for wording in self.lexicon.figurative
            for match in self._combinations(wording)
        ]
        results: list[Match] = []
        for wording in self.lexicon.wordings:
            if wording.needs and not any(
                self.found.get(need) or need in needs_elsewhere for need in wording.needs
            ):
                continue
            for spans in self._combinations(wording):
                low, high = spans[0][0], max(end for _, end in spans)
                if any(start <= low and high <= end for start, end in taken):
                    continue
                status = self._status(wording, spans)
                if status:
                    results.append(Match(wording, spans, status))
        return results

    def _combinations(self, wording: Wording) -> list[tuple[Span, ...]]:
        spans = []
        for concept in wording.concepts:
            found = self.found.get(concept)
            if not found:
                return []
            spans.append(found)
        order = sorted(range(len(spans)), key=lambda index: len(spans[index]))
        if wording.ordered:
            order = list(range(len(spans)))
        starts = [[span[0] for span in found] for found in spans]
        results: list[tuple[Span, ...]] = []
        steps = 0

        def extend(depth: int, chosen: list[Span], low: int, high: int) -> None:
            nonlocal steps
            if len(results) >= MATCHES_PER_WORDING or steps > STEPS_PER_WORDING:
                return
            if depth == len(order):
                if not self._ruled_out(wording, chosen):
                    results.append(tuple(sorted(chosen)))
                return
            found, begins = spans[order[depth]], starts[order[depth]]
            first, last = 0, len(found)
            if chosen:
                first = bisect_left(begins, high - wording.window)
                last = bisect_right(begins, low + wording.window)
                if wording.ordered:
                    first = max(first, bisect_left(begins, chosen[-1][1]))
            for index in range(first, last):
                steps += 1
                span = found[index]
                if any(span[0] < end and start < span[1] for start, end in chosen):
                    continue
                new_low, new_high = min(low, span[0]), max(high, span[1])
                if self.place[new_high - 1] - self.place[new_low] >= wording.window:
                    if chosen:
                        continue
                    if len(order) > 1:
                        continue
                extend(depth + 1, [*chosen, span], new_low, new_high)

        extend(0, [], len(self.norms), 0)
        return results

    def _ruled_out(self, wording: Wording, spans: Sequence[Span]) -> bool:
        if not wording.unless:
            return False
        numbers = {self.sentence[start] for start, _ in spans}
        own = {i for span in spans for i in range(*span)}
        return any(
            self.sentence[start] in numbers and not set(range(start, end)) <= own
            for concept in wording.unless
            for start, end in self.found.get(concept, [])
        )

    # What the message says about the sign

    def _status(self, wording: Wording, spans: tuple[Span, ...]) -> str | None:
        tokens = {i for span in spans for i in range(*span)}
        numbers = {self.sentence[i] for i in tokens}
        start = min(tokens)
        if wording.mention:
            if WELL in wording.concepts:
                return "denied"
            if tokens & self.denied:
                return "denied"
        elif tokens & self.denied:
            return "denied"
        if all(self._asks(number, start) for number in numbers):
            return "asked"
        if any(self._past(number) for number in numbers):
            # Cancer counts however long ago it was.
            return self._who(start, max(tokens)) if wording.sign == "cancer" else "past"
        return None if wording.mention else self._who(start, max(tokens))

    @property
    def asks_anywhere(self) -> bool:
        """Whether a sentence asks in general."""
        return any(self._asks(number) for number in range(len(self.bounds)))

    @property
    def asks_throughout(self) -> bool:
        """Whether every sentence asks in general."""
        return bool(self.bounds) and all(self._asks(n) for n in range(len(self.bounds)))

    @property
    def speaks_of_past(self) -> bool:
        """Whether a sentence speaks of a time long past and over."""
        return any(self._past(number) for number in range(len(self.bounds)))

    def who(self) -> str:
        """Return whose sign the message speaks of, when no wording located it."""
        return self._who(0, len(self.norms) - 1) if len(self.bounds) == 1 else "self"

    def _asks(self, number: int, until: int | None = None) -> bool:
        if self._in_sentence("what_if", number):
            return True
        if self._personal(number) or self._in_sentence("asked_void", number):
            return False
        if self._in_sentence("asked_topics", number):
            return True
        low, high = self.bounds[number]
        # "Numb groin, is walking ok?" does not ask about the groin.
        until = high if until is None else max(until, low + 1)
        return any(
            start < until
            and (
                start - low <= 4
                or self.norms[start - 1] in (",", "and", "but", "so", ":", "-", "or")
            )
            and self.norms[end : end + 1] != ["not"]
            for start, end in self._in_sentence("asked_frames", number)
        )

    def _personal(self, number: int) -> bool:
        return bool(
            self._in_sentence("first_person", number)
            or self._in_sentence("other_pronouns", number)
            or any(
                self.norms[start] not in ("someone", "somebody")
                for start, _ in self._in_sentence("other_people", number)
            )
        )

    def _past(self, number: int) -> bool:
        if self._in_sentence("past_marks", number):
            return self.over or not self._in_sentence("past_void", number)
        return self.over and number in self.years

    def _who(self, start: int, last: int) -> str:
        number = self.sentence[start]
        for candidate in (number, number - 1):
            if candidate < 0:
                break
            _low, high = self.bounds[candidate]
            until = last + 1 if candidate == number else high
            other = [s for s, _ in self._in_sentence("other_people", candidate)]
            pronouns = [s for s, _ in self._in_sentence("other_pronouns", candidate)]
            own = [
                s
                for s, _ in self._in_sentence("first_person", candidate)
                if not any(s < o <= s + 3 for o in other)
                and self.norms[max(0, s - 1) : s + 1] != ["of", "mine"]
            ]
            last_other = max((s for s in [*other, *pronouns] if s < until), default=-1)
            last_own = max((s for s in own if s < until), default=-1)
            if last_own >= 0 and last_own >= last_other:
                return "self"
            if last_other >= 0:
                return "other"
            if own:
                return "self"
            if other:
                return "other"
        return "self"


_LISTED_NOUNS = frozenset(
    [
        "tingling",
        "pins",
        "fever",
        "fevers",
        "chills",
        "incontinence",
        "problems",
        "problem",
        "weight",
        "cancer",
        "lump",
        "lumps",
        "bladder",
        "bowel",
        "bowels",
        "saddle",
        "foot",
        "loss",
        "swelling",
        "retention",
        "leakage",
        "sweats",
        "injury",
        "trauma",
        "accidents",
        "falls",
        "steroids",
        "osteoporosis",
    ]
)


def _cover(spans: Sequence[Span]) -> set[int]:
    return {i for span in spans for i in range(*span)}


def _longest(spans: Sequence[Span]) -> list[Span]:
    chosen: list[Span] = []
    for span in sorted(spans, key=lambda s: (s[0], -s[1])):
        if not chosen or span[0] >= chosen[-1][1]:
            chosen.append(span)
    return chosen
