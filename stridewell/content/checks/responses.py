"""Checks of the responses: name, text, sources and buttons."""

from __future__ import annotations

import re

from stridewell.content.checks.names import BUILT_IN_INTENTS, did_you_mean
from stridewell.content.domain import DOMAIN_FILE, Button, Response, Variation
from stridewell.content.findings import Findings
from stridewell.content.limits import Limits
from stridewell.content.project import Project
from stridewell.content.reading import PLACEHOLDER, count_words, reading_grade
from stridewell.content.register import REGISTER_FILE, Topic

_PAYLOAD_INTENT = re.compile(r"/([^{\s]+)")
# A variation under a condition on this slot is not in English, and has no English reading grade.
LANGUAGE_SLOT = "language"
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def check_responses(project: Project, limits: Limits, findings: Findings) -> None:
    """Check every response of the domain."""
    for response in project.domain.responses.values():
        _ResponseCheck(response, project, limits, findings).run()


class _ResponseCheck:
    """The check of one response."""

    def __init__(
        self, response: Response, project: Project, limits: Limits, findings: Findings
    ) -> None:
        self._response = response
        self._name = response.name
        self._intent = response.name.removeprefix("utter_")
        self._topic = project.register.topics.get(self._intent)
        self._project = project
        self._domain = project.domain
        self._limits = limits
        self._findings = findings

    def run(self) -> None:
        self._check_name()
        variations = self._response.variations
        if variations and all(variation.conditions for variation in variations):
            self._findings.add(
                self._response.place,
                f"every variation of {self._name} has a condition, so it may say nothing at all."
                " Add one without.",
            )
        for variation in variations:
            self._check_length(variation)
            self._check_form(variation)
            self._check_conditions(variation)
            self._check_buttons(variation)
            if self._topic:
                self._check_sources(variation, self._topic)
            else:
                self._check_foreign_topic(variation)

    def _check_name(self) -> None:
        """An answer to no intent is never said, unless code or a form's slot asks for it."""
        if not self._intent.startswith("ask_") or self._intent in self._domain.intents:
            return
        asks_for_slot = any(self._intent.endswith(f"_{slot}") for slot in self._domain.slots)
        if not asks_for_slot and self._name not in self._project.named_in_code:
            self._findings.add(
                self._response.place,
                f"{self._name} answers no intent: {self._intent} is not in {DOMAIN_FILE}."
                " Add the intent, or correct the name."
                f"{did_you_mean(self._intent, self._domain.intents)}",
            )

    def _check_length(self, variation: Variation) -> None:
        words = count_words(variation.text)
        most = self._limits.topic_words
        if self._topic and words > most:
            self._findings.add(
                variation.place,
                f"{self._name} has {words} words; the limit is {most}. Cut {words - most};"
                f" details can go under 'says:' of {REGISTER_FILE}.",
            )
        other_language = any(slot == LANGUAGE_SLOT for slot, _ in variation.conditions)
        if words < self._limits.graded_words or other_language:
            return
        grade = reading_grade(variation.text)
        if grade > self._limits.reading_grade:
            self._findings.add(
                variation.place,
                f"{self._name} reads at school grade {grade:.1f}; the limit is"
                f" {self._limits.reading_grade}. Use shorter sentences and shorter words.",
            )

    def _check_form(self, variation: Variation) -> None:
        if _BLANK_LINE.search(variation.text):
            self._findings.add(
                variation.place,
                f"the text of {self._name} holds a blank line, which splits it into two messages."
                " Make it one paragraph.",
            )
        for placeholder in PLACEHOLDER.findall(variation.text):
            if placeholder not in self._domain.slots:
                self._findings.add(
                    variation.place,
                    f"{self._name} holds the placeholder {{{placeholder}}}, but {DOMAIN_FILE} has"
                    f" no slot of that name. Add the slot, or correct the name."
                    f"{did_you_mean(placeholder, self._domain.slots)}",
                )

    def _check_conditions(self, variation: Variation) -> None:
        for slot, place in variation.conditions:
            if slot not in self._domain.slots:
                self._findings.add(
                    place,
                    f"a condition of {self._name} asks for '{slot}', which is not a slot of"
                    f" {DOMAIN_FILE}. Add the slot, or correct the name."
                    f"{did_you_mean(slot, self._domain.slots)}",
                )

    def _check_buttons(self, variation: Variation) -> None:
        extra = len(variation.buttons) - self._limits.buttons
        if extra > 0:
            self._findings.add(
                variation.place,
                f"{self._name} has {len(variation.buttons)} buttons; some channels show"
                f" {self._limits.buttons} at most. Remove {extra}.",
            )
        for button in variation.buttons:
            self._check_button(button)

    def _check_button(self, button: Button) -> None:
        most = self._limits.title_characters
        if len(button.title) > most:
            self._findings.add(
                button.place,
                f"the button '{button.title}' of {self._name} has {len(button.title)} characters;"
                f" some channels show {most} at most. Shorten it.",
            )
        if not button.payload:
            return
        match = _PAYLOAD_INTENT.match(button.payload)
        known = BUILT_IN_INTENTS.union(self._domain.intents)
        if match is None:
            self._findings.add(
                button.payload_place,
                f"the button '{button.title}' of {self._name} sends '{button.payload}'."
                " Let it send the intent it stands for, as in '/ask_swimming'.",
            )
        elif match[1] not in known:
            self._findings.add(
                button.payload_place,
                f"the button '{button.title}' of {self._name} sends '{button.payload}', but"
                f" {match[1]} is not an intent of {DOMAIN_FILE}. Add the intent, or correct the"
                f" name.{did_you_mean(match[1], known)}",
            )

    def _check_foreign_topic(self, variation: Variation) -> None:
        topics = self._project.register.topics
        if variation.topic and variation.topic not in topics:
            self._findings.add(
                variation.topic_place,
                f"the metadata of {self._name} names the topic '{variation.topic}', which is not in"
                f" {REGISTER_FILE}. Add the topic, or correct the name."
                f"{did_you_mean(variation.topic, topics)}",
            )

    def _check_sources(self, variation: Variation, topic: Topic) -> None:
        place, known = variation.articles_place, self._project.register.articles
        if variation.topic != topic.id:
            self._findings.add(
                variation.topic_place,
                f"the metadata of {self._name} should say 'topic: {topic.id}', but it says"
                f" {variation.topic or 'nothing'}. Correct it.",
            )
        given = set(variation.articles or ())
        for article in given - known.keys():
            self._findings.add(
                place,
                f"the metadata of {self._name} names the source '{article}', which {REGISTER_FILE}"
                f" does not have. Add the article, or correct the name."
                f"{did_you_mean(article, known)}",
            )
        for article in (given & known.keys()) - topic.says.keys():
            self._findings.add(
                place,
                f"the metadata of {self._name} names {article}, but the register does not tell what"
                f" it says on {topic.id} ({topic.place}). Tell it there, or remove it here.",
            )
        for article in topic.says.keys() - given:
            self._findings.add(
                place,
                f"the metadata of {self._name} leaves out {article}, which the register names for"
                f" {topic.id} ({topic.says_places[article]}). Add it here, or remove it there.",
            )
