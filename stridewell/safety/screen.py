"""The screen itself: takes a message and the ones before it in, hands on a finding.

Two ways of seeing a sign, either is enough: the lexicon and the classifier. What the message says
about the sign only sets the status. Order of urgency among signs that somebody has: emergency,
crisis, same day. A message with both an emergency and a suicidal thought is an emergency whose
signs include ``suicidal``, so that the reply can add the crisis lines.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from stridewell.encoder import Array
from stridewell.safety.classifier import Judgment, Prepared, SignClassifier
from stridewell.safety.cues import read_cues, speaks_of
from stridewell.safety.finding import AFFIRMED, NOTHING, SIGNS, TIERS, Finding
from stridewell.safety.lexicon import Lexicon, load_lexicon
from stridewell.safety.matcher import Match, Matcher, Reading
from stridewell.safety.spelling import Spelling
from stridewell.safety.text import Words, clean, make_pipeline, read, units

logger = logging.getLogger(__name__)

BOT_MARK = "\x01bot\x01"
CONTEXT_MESSAGES = 3
FRAGMENT_WORDS = 14
# Below this the classifier doubts a sign that the lexicon takes for somebody's own. The sign's
# line stays in the reply; only the opening changes. It must be very sure: "what does it mean if you
# can't pee" asks, and has it all the same.
DOUBT = 0.03
# The classifier must be this sure to overrule the lexicon where that reads a sign that nobody has.
OVERRULE = 0.5
# And this sure, without a wording of the lexicon, of a crisis or a same-day sign, and of an
# emergency in a long message: runners say that they are done, dying and tired of it all, speak of
# bad nights, and the more they tell, the likelier a sentence sounds like a sign by chance.
SURE, SURE_OF_EMERGENCY, LONG_WORDS = 0.45, 0.4, 25
# So few words must be clearer still to open with the crisis text: "no I'd rather not".
SHORT_WORDS, SHORT_CRISIS = 5, 0.9
# "Goodbye", "I'm done": one or two words say nothing that the lexicon would not know.
BARE_WORDS = 2
# From here on a sign that nobody has, but that is spoken of, gets its line.
MENTION = 0.4


class Encoder(Protocol):
    """Anything that turns n texts into n unit vectors."""

    def encode(self, texts: Sequence[str]) -> Array: ...


def bot_question(text: str) -> str:
    """Mark a text in ``earlier`` as the assistant's own last question."""
    return BOT_MARK + text


class SafetyScreen:
    """Looks for warning signs in a message. Safe to share between threads."""

    def __init__(
        self,
        lexicon: Lexicon,
        classifier: SignClassifier | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        self.lexicon = lexicon
        self.classifier = classifier
        self.encoder = encoder
        self._complained = False
        self.words = Words(
            lexicon.vocabulary()
            | {
                w
                for list_ in lexicon.status.values()
                for e in list_
                for w in e.lstrip("=@").split()
            },
            guarded=[w for e in lexicon.status["not_typos"] for w in e.split()],
        )
        self.spelling = Spelling(self.words)
        self._nlp = make_pipeline(self.words)
        self.matcher = Matcher(lexicon, self._nlp, self.words)
        # One message is read once, whatever asks for it; the ones before it were read already.
        self._reading = lru_cache(maxsize=256)(self._read)
        self._matches = lru_cache(maxsize=256)(self._find)
        self._judgment = lru_cache(maxsize=256)(self._classify)

    @classmethod
    def load(
        cls, lexicon_dir: Path, model_dir: Path | None = None, encoder: Encoder | None = None
    ) -> SafetyScreen:
        """Load the lexicon and, when it is there, the classifier.

        Args:
            lexicon_dir: Folder of the lexicon files.
            model_dir: Folder that :meth:`SignClassifier.save` wrote, or ``None``.
            encoder: Sentence encoder; without one only the lexicon is used.

        Raises:
            LexiconError: A lexicon file is missing or broken.
        """
        lexicon = load_lexicon(Path(lexicon_dir))
        classifier = None
        if model_dir is not None:
            try:
                classifier = SignClassifier.load(Path(model_dir))
            except Exception as error:
                logger.error(
                    "The warning-sign classifier in %s cannot be loaded (%s). "
                    "The lexicon works without it; train the model again.",
                    model_dir,
                    error,
                )
        return cls(lexicon, classifier, encoder)

    def screen(self, text: str | None, earlier: Sequence[str] = ()) -> Finding:
        """Look for warning signs.

        Args:
            text: The message.
            earlier: Up to three messages of the user before it, oldest first; the assistant's last
                question may be among them, marked with :func:`bot_question`. A sign that only the
                earlier messages hold is not repeated.

        Returns:
            The most urgent finding; ``NOTHING`` without a sign.
        """
        message = clean(text)
        before = [m for m in list(earlier or ())[-CONTEXT_MESSAGES - 1 :] if m]
        said = [clean(m) for m in before if not str(m).startswith(BOT_MARK)][-CONTEXT_MESSAGES:]
        asked = [clean(str(m)[len(BOT_MARK) :]) for m in before if str(m).startswith(BOT_MARK)]
        if not message:
            return NOTHING
        seen = self.matches(message, tuple(said))
        finding = self._weigh(seen, self._judge(text or "", message), message)
        if finding.affirmed or not (said or asked):
            return finding
        together = self._together(message, said, asked)
        return together if together.affirmed else finding

    def matches(self, message: str, said: tuple[str, ...] = ()) -> tuple[Match, ...]:
        """Return the wordings found in a cleaned message, after the ones said before."""
        return self._matches(message, said)

    def _read(self, text: str) -> Reading:
        return Reading(self.matcher, read(self._nlp, self.words, text))

    def _find(self, message: str, said: tuple[str, ...]) -> tuple[Match, ...]:
        needs = frozenset(
            name for earlier in said for name in self._reading(earlier).found if ":" not in name
        )
        reading = self._reading(message)
        found = tuple(reading.matches(needs))
        # "Can sciatica cause foot drop? I have that": the second half turns the question round.
        if any(m.status in AFFIRMED for m in found) or not reading.status_spans("that_is_me"):
            return found
        return tuple(Match(m.wording, m.spans, "self") if m.status == "asked" else m for m in found)

    def prepare(self, text: str) -> Prepared:
        """Repair the spelling of a message, cut it and read the rules' cues."""
        repaired = self.spelling.repair(text)
        cues = read_cues(self._reading(repaired), self.matches(repaired))
        whole, *others = units(repaired) or [repaired]
        return Prepared(whole, tuple(others), cues)

    def _judge(self, raw: str, message: str) -> Judgment | None:
        if self.classifier is None or self.encoder is None:
            return None
        if not any(character.isalpha() for character in message):
            return None
        try:
            return self._judgment(raw, message)
        except Exception as error:
            if not self._complained:
                logger.error(
                    "The warning-sign classifier failed (%s); the lexicon alone goes on.",
                    type(error).__name__,
                )
                self._complained = True
            return None

    def _classify(self, raw: str, message: str) -> Judgment:
        assert self.classifier
        assert self.encoder
        prepared = self.prepare(message)
        # The pipeline has encoded the raw text already; its vector comes from the cache.
        whole = raw if prepared.text == raw.strip() else prepared.text
        vectors = self.encoder.encode([whole, *prepared.parts])
        return self.classifier.judge(prepared, vectors)

    def _weigh(self, seen: Sequence[Match], judged: Judgment | None, message: str) -> Finding:
        """Join both ways of seeing: either is enough for a sign."""
        found = self._combine(seen, [])
        if judged is None or self.classifier is None:
            return found
        threshold = float(self.classifier.settings["threshold"])
        if not seen:
            if judged.nearest < self.classifier.settings["nearest"]:
                return found  # Far from all that the classifier knows, its figures mean nothing.
            words = len(message.split())
            if judged.tier != "emergency":
                threshold = max(threshold, SURE)
            elif words > LONG_WORDS:
                threshold = max(threshold, SURE_OF_EMERGENCY)
            if judged.tier == "crisis" and words <= SHORT_WORDS:
                threshold = max(threshold, SHORT_CRISIS)
                if words <= BARE_WORDS:
                    return found
        elif not found.affirmed:
            threshold = max(threshold, OVERRULE)
        if judged.has_it >= threshold:
            # Whose sign it is, the wording knows better than the message as a whole.
            status = str(found.status) if found.affirmed else self._whose(message)
            vote = (judged.tier, judged.signs[judged.tier], status)
            kept = [m for m in seen if m.status in AFFIRMED]
            return self._combine(kept, [vote])
        mention = judged.mention
        if found.affirmed and judged.has_it < DOUBT and speaks_of(message, mention):
            return Finding(found.tier, found.signs, mention, found.evidence)
        if not found.tier and 1.0 - judged.probabilities["none"] >= MENTION:
            return self._combine([], [(judged.tier, judged.signs[judged.tier], mention)])
        return found

    def _whose(self, message: str) -> str:
        return self._reading(message).who()

    def _combine(self, seen: Sequence[Match], votes: Sequence[tuple[str, str, str]]) -> Finding:
        entries = [(m.wording.tier, m.wording.sign, m.status, m.wording.id) for m in seen] + [
            (tier, sign, status, f"classifier/{sign}") for tier, sign, status in votes
        ]
        if not entries:
            return NOTHING
        affirmed = [entry for entry in entries if entry[2] in AFFIRMED]
        chosen = affirmed or entries
        tier = min((entry[0] for entry in chosen), key=TIERS.index)
        statuses = [entry[2] for entry in chosen if entry[0] == tier]
        status = next(s for s in ("self", "other", "asked", "past", "denied") if s in statuses)
        signs = sorted(
            {entry[1] for entry in chosen},
            key=lambda s: (min(TIERS.index(e[0]) for e in chosen if e[1] == s), SIGNS.index(s)),
        )
        evidence = tuple(dict.fromkeys(entry[3] for entry in chosen))[:12]
        return Finding(tier, tuple(signs), status, evidence)

    # Signs that only make sense with the message before

    def _together(self, message: str, said: Sequence[str], asked: Sequence[str]) -> Finding:
        reading = self._reading(message)
        length = len(reading.norms)
        if asked and _opens_with(reading, "yes_words"):
            found = self._answered_yes(asked[-1], said, message)
            if found.affirmed:
                return found
        if (said and reading.status_spans("that_is_me")) or (
            said and _opens_with(reading, "yes_words") and length <= 4
        ):
            last = self.matches(said[-1])
            if last and not any(m.status in AFFIRMED for m in last):
                return self._combine([Match(m.wording, m.spans, "self") for m in last], [])
        if length > FRAGMENT_WORDS or not said:
            return NOTHING
        return self._across(message, said)

    def _answered_yes(self, question: str, said: Sequence[str], message: str) -> Finding:
        statement = question.replace("?", " .")
        texts = [statement, *(f"{said[-1]} {statement}" for _ in said[-1:])]
        found = []
        for number, text in enumerate(texts):
            reading = self._reading(text)
            for wording in self.lexicon.wordings:
                if WELL_CONCEPT in wording.concepts:
                    continue
                if wording.needs and not any(reading.found.get(n) for n in wording.needs):
                    continue
                for spans in reading._combinations(wording):
                    reaches = max(end for _, end in spans)
                    cut = len(self._reading(said[-1]).norms) if number else 0
                    if reaches > cut:
                        found.append(Match(wording, spans, "self"))
        return self._combine(found, [])

    def _across(self, message: str, said: Sequence[str]) -> Finding:
        for previous in (said[-1:], said[-2:]):
            joined = [part.rstrip(" .!?…,;") for part in previous]
            text = " ".join([*joined, message])
            cut = len(self._reading(" ".join(joined)).norms)
            alone = {m.wording.sign for part in previous for m in self.matches(part)}
            matches = [
                m
                for m in self.matches(text)
                if m.status in AFFIRMED and m.start < cut < m.end and m.wording.sign not in alone
            ]
            if matches:
                return self._combine(matches, [])
        return NOTHING


WELL_CONCEPT = "well"


def _opens_with(reading: Reading, key: str) -> bool:
    return any(start <= 1 for start, _ in reading.status_spans(key))
