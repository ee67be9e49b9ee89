"""Recognizes messages that lean on the message before and finds the topic that they ask for.

``FollowUps.recognize`` takes the doc of a message and hands on a ``FollowUp``: what kind of
question it is, which subject or thing it names, and whether it is tied to what came before.
``Table.resolve`` takes that and the topic before and hands on a topic. All words and all answers
are in ``data/follow_ups.yml``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from stridewell.phrases import PhraseError, Phrases, Spelling
from stridewell.settings import ROOT

FOLLOW_UPS_FILE = ROOT / "data" / "follow_ups.yml"
MOST_WORDS = 14
SUBJECT_ONLY = "subject"
THING = "thing"
SAME = "same"
TO_CLASSIFIER = "classifier"


class FollowUpError(Exception):
    """The table of follow-ups can't be used; the message names the entry and what is wrong."""


@dataclass(frozen=True)
class FollowUp:
    """A message that leans on the one before.

    Attributes:
        kind: A key of ``kinds``, or ``subject`` or ``thing`` when only that is named.
        subjects: The subjects that it names.
        things: The topics of the things that it names, in order.
        tied: It starts with a word such as "and" or "so", or ends with one such as "then".
    """

    kind: str
    subjects: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    tied: bool = False

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data for a message's parse result."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> FollowUp:
        """Read what ``as_data`` wrote."""
        return cls(
            str(data["kind"]),
            tuple(data.get("subjects") or ()),
            tuple(data.get("things") or ()),
            bool(data.get("tied")),
        )


@dataclass(frozen=True)
class Table:
    """Which topic answers which follow-up: the part of ``data/follow_ups.yml`` without words.

    Raises:
        FollowUpError: A kind has neither topic nor family, or names a family that doesn't exist.
    """

    kinds: Mapping[str, Mapping[str, Any]]
    families: Mapping[str, Mapping[str, str]]
    switching: tuple[str, ...]
    subject_topics: Mapping[str, Sequence[str]]
    for_both: frozenset[str]
    subject_only: Mapping[str, str]
    subject_after: Mapping[str, Mapping[str, str]]
    not_counted: frozenset[str]

    def __post_init__(self) -> None:
        for name, kind in self.kinds.items():
            if ("topic" in kind) == ("family" in kind):
                raise FollowUpError(
                    f"The follow-up '{name}' needs either a topic or a family: give it one of them."
                )
            if "family" in kind and kind["family"] not in self.families:
                raise FollowUpError(
                    f"The follow-up '{name}' names the family '{kind['family']}', which doesn't "
                    "exist: add it under 'families'."
                )

    def subject_of(self, topic: str | None) -> str | None:
        """Return the only subject that a topic is about, if it is about one."""
        found = {
            subject
            for name in self.switching
            for subject, member in self.families[name].items()
            if member == topic
        }
        found |= {subject for subject, topics in self.subject_topics.items() if topic in topics}
        return found.pop() if len(found) == 1 else None

    def twin(self, topic: str | None, subject: str | None) -> str | None:
        """Return the answer for ``subject`` to the question that ``topic`` answers for another."""
        for name in self.switching:
            members = self.families[name]
            if subject and topic in members.values() and subject in members:
                return members[subject]
        return None

    def twins(self, topic: str) -> set[str]:
        """Return the answers for all subjects to the question that ``topic`` answers for one."""
        for name in self.switching:
            if topic in self.families[name].values():
                return set(self.families[name].values())
        return set()

    def stands_alone(self, follow_up: FollowUp) -> bool:
        """Return whether a message can be understood without the one before."""
        if follow_up.tied or follow_up.kind == SUBJECT_ONLY:
            return False
        if follow_up.kind == THING or follow_up.subjects:
            return True
        return (self.kinds.get(follow_up.kind) or {}).get("alone") == TO_CLASSIFIER

    def resolve(
        self,
        follow_up: FollowUp,
        last_topic: str | None,
        last_subject: str | None,
        declined: Collection[str | None] = (),
    ) -> str | None:
        """Find the topic that a follow-up asks for.

        Args:
            follow_up: What was recognized.
            last_topic: The topic before it.
            last_subject: The subject talked about before it.
            declined: Topics that the articles don't answer.

        Returns:
            The topic, or ``None`` when the table has none.
        """
        subject = follow_up.subjects[0] if len(follow_up.subjects) == 1 else None
        if follow_up.things:
            return follow_up.things[0]
        if follow_up.kind == SUBJECT_ONLY:
            return self._switch(last_topic, subject)
        kind = self.kinds.get(follow_up.kind)
        if kind is None:
            return None
        target = (kind.get("after") or {}).get(last_topic)
        if target is None and last_topic in declined:
            target = kind.get("after_declined")
        target = target or kind.get("topic") or kind.get("family")
        if target == SAME:
            return last_topic
        members = self.families.get(str(target))
        if members is None:
            return str(target)
        wanted = subject or self.subject_of(last_topic) or last_subject
        return members.get(str(wanted)) or next(iter(members.values()))

    def _switch(self, last_topic: str | None, subject: str | None) -> str | None:
        if subject is None:
            return None
        after = self.subject_after.get(str(last_topic)) or {}
        if subject in after:
            return after[subject]
        if last_topic in self.for_both:
            return last_topic
        return self.twin(last_topic, subject) or self.subject_only.get(subject)


class FollowUps:
    """The words of follow-ups, ready to be looked for.

    Args:
        content: The content of ``data/follow_ups.yml``.
        vocab: The vocabulary of the pipeline that makes the docs.

    Raises:
        FollowUpError: A part is missing or can't be read.
    """

    def __init__(self, content: Mapping[str, Any], vocab: Vocab) -> None:
        self.table = read_table(content)
        try:
            groups = content["groups"]

            def phrases(named: Mapping[Any, Iterable[str]]) -> Phrases:
                return Phrases(
                    vocab, {str(key): list(lines) for key, lines in named.items()}, groups
                )

            self._joining = phrases({"joining": content["openers"]["joining"]})
            self._about = phrases({"about": content["openers"]["about"]})
            self._polite = phrases({"polite": content["openers"]["polite"]})
            self._closers = phrases({"closers": content["closers"]})
            self._subjects = phrases(content["subjects"])
            self._subject_leads = phrases({"leads": content["subject_leads"]})
            self._pronouns = frozenset(groups["it"])
            self._subject_words: Mapping[str, str] = content["subject_words"]
            self._subject_starts = frozenset(content["subject_starts"])
            self._run = frozenset(groups["run"])
            self._kinds = phrases({name: k["phrases"] for name, k in content["kinds"].items()})
            self._things = phrases(content["things"])
            self._thing_leads = phrases({"leads": content["thing_leads"]})
            self._thing_trails = phrases({"trails": content["thing_trails"]})
            self._places = phrases(content["places"])
            self._closing = phrases({"closing": content["closing_questions"]})
            self._joiners = frozenset(content["thing_joiners"])
            self._spelling = Spelling(self._known_words())
        except (KeyError, TypeError, AttributeError) as error:
            raise FollowUpError(f"The table of follow-ups lacks a part: {error}") from error
        except PhraseError as error:
            raise FollowUpError(str(error)) from error

    def _known_words(self) -> set[str]:
        known = {*self._joiners}
        for part in vars(self).values():
            if isinstance(part, Phrases) and part is not self._closing:
                known |= part.words
        return known

    def _words(self, doc: Doc | Span) -> list[str]:
        return [self._spelling.correct(word) for word in words_of(doc)]

    def subjects(self, doc: Doc | Span) -> tuple[str, ...]:
        """Return the subjects that a message names, each once, in the order of the table."""
        found = {name for name, _, _ in self._subjects.spans(self._words(doc))}
        return tuple(sorted(found, key=list(self.table.subject_only).index))

    def with_subjects(self, doc: Doc | Span) -> dict[str, list[str]]:
        """Return wordings of a short message with a subject put in, under each subject.

        "Can I go for a jog?" gives "can i go for a jog with sciatica" and the like. A message that
        names a subject, or is long enough to stand for itself, gives none.
        """
        if len(doc) > MOST_WORDS or self.subjects(doc):
            return {}
        words, _, _ = self._bodies(words_of(doc))[-1]
        if not words:
            return {}
        wordings: dict[str, list[str]] = {}
        for subject, name in self._subject_words.items():
            wordings[subject] = [f"{' '.join(words)} with {name}"]
            if not self._run.intersection(words):
                wordings[subject].append(f"{' '.join(words)} when running with {name}")
            last = max((i for i, word in enumerate(words) if word in self._pronouns), default=0)
            if last:
                wordings[subject].append(" ".join([*words[:last], name, *words[last + 1 :]]))
        return wordings

    def place(self, doc: Doc | Span) -> int | None:
        """Return which of the choices offered a message picks: 1 for the first, -1 for the last."""
        words = words_of(doc)
        name = self._places.whole(words) if len(words) <= 4 else None
        return int(name) if name else None

    def closes(self, doc: Doc | Span) -> bool:
        """Return whether a sentence is a closing line that asks nothing of its own."""
        words = words_of(doc)
        return len(words) <= MOST_WORDS and self._closing.whole(words) is not None

    def recognize(self, doc: Doc | Span) -> FollowUp | None:
        """Recognize a message that leans on the one before, as a whole or not at all."""
        if len(doc) > 2 * MOST_WORDS:
            return None
        words = self._words(doc)
        # Every word of a follow-up is a word of the table, so most messages are done here.
        if not words or len(words) > MOST_WORDS or not self._spelling.words.issuperset(words):
            return None
        for body, tied, about in reversed(self._bodies(words)):
            shorter = self._closers.without_end(body)
            for candidate in (body, shorter) if shorter != body else (body,):
                ends_tied = tied or len(candidate) < len(body)
                found = self._whole(candidate, about, ends_tied)
                if found:
                    kind, subjects, things = found
                    return FollowUp(kind, subjects, things, ends_tied)
        return None

    def _bodies(self, words: list[str]) -> list[tuple[list[str], bool, bool]]:
        """Return the words with fewer and fewer of their openers, and what those openers were."""
        bodies = [(words, False, False)]
        while True:
            rest, tied, about = bodies[-1]
            polite = self._polite.without_start(rest)
            joined = self._joining.without_start(rest)
            named = self._about.without_start(rest)
            if len(joined) < len(rest):
                bodies.append((joined, True, about))
            elif len(named) < len(rest):
                bodies.append((named, tied, True))
            elif len(polite) < len(rest):
                bodies.append((polite, tied, about))
            else:
                return bodies

    def _whole(
        self, words: list[str], about: bool, tied: bool
    ) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
        kind = None if about else self._kinds.whole(words)
        if kind:
            return kind, (), ()
        subject, before = self._subject_at_end(words)
        if subject and not before:
            leans = words[0] in self._subject_starts
            states = words[0] in ("i", "my", "we")
            return (
                (SUBJECT_ONLY, (subject,), ())
                if leans or ((about or tied) and not states)
                else None
            )
        if subject and self._run.intersection(words):
            return None
        if subject and not about and (kind := self._kinds.whole(before)):
            return kind, (subject,), ()
        things = self._all_things(before if subject else words)
        if things:
            return THING, (subject,) if subject else (), things
        return None

    def _subject_at_end(self, words: list[str]) -> tuple[str | None, list[str]]:
        for name, start, end in self._subjects.spans(words):
            if end == len(words):
                before = words[:start]
                while before:
                    shorter = self._subject_leads.without_end(before)
                    if shorter == before:
                        break
                    before = shorter
                if self._subject_leads.whole(before):
                    before = []
                return name, before
        return None, words

    def _all_things(self, words: list[str]) -> tuple[str, ...]:
        parts: list[list[str]] = [[]]
        for word in words:
            if word in self._joiners:
                parts.append([])
            else:
                parts[-1].append(word)
        whole = self._thing(words)
        if whole:
            return (whole,)
        if len(parts) < 2:
            return ()
        things = [self._thing(part) for part in parts]
        if not all(things):
            return ()
        return tuple(dict.fromkeys(thing for thing in things if thing))

    def _thing(self, words: list[str]) -> str | None:
        if not words:
            return None
        bare = self._thing_leads.without_start(words)
        trimmed = self._thing_trails.without_end(bare)
        for candidate in (words, bare, trimmed):
            name = self._things.whole(candidate)
            if name:
                return name
        return None


def words_of(doc: Doc | Span) -> list[str]:
    """Return the lower-case words of a doc, marks left out."""
    return [token.lower_.replace("’", "'") for token in doc if any(c.isalnum() for c in token.text)]


def read_table(content: Mapping[str, Any]) -> Table:
    """Read the part of the table without words.

    Raises:
        FollowUpError: A part is missing or can't be used.
    """
    try:
        return Table(
            kinds=content["kinds"],
            families=content["families"],
            switching=tuple(content["switching_families"]),
            subject_topics=content["subject_topics"],
            for_both=frozenset(content["topics_for_both"]),
            subject_only=content["subject_only"],
            subject_after=content["subject_after"],
            not_counted=frozenset(content["not_counted"]),
        )
    except (KeyError, TypeError) as error:
        raise FollowUpError(f"The table of follow-ups lacks a part: {error}") from error


def read_content(path: Path = FOLLOW_UPS_FILE) -> Mapping[str, Any]:
    """Read the table's file.

    Raises:
        FollowUpError: The file is missing or isn't YAML.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise FollowUpError(f"{path} can't be read: {error}") from error
    if not isinstance(content, dict):
        raise FollowUpError(f"{path} holds no table of follow-ups.")
    return content


@lru_cache(maxsize=1)
def load_table() -> Table:
    """Read the project's table once.

    Raises:
        FollowUpError: The file is missing or can't be used.
    """
    return read_table(read_content())


@lru_cache(maxsize=2)
def load_follow_ups(vocab: Vocab) -> FollowUps:
    """Read the project's table and words once for a vocabulary.

    Raises:
        FollowUpError: The file is missing or can't be used.
    """
    return FollowUps(read_content(), vocab)
