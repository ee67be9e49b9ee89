"""Understands two questions in one message, and messages that lean on the one before.

Takes what ``QuestionClassifier`` takes and hands on the same; in ``understanding`` also:

* ``questions``: two intents, in order, when the message asks two different things;
* ``subjects``: those that the message names;
* ``follow_up``: what it asks for when it only makes sense after another message;
* ``with_subject``: what it means with "sciatica" or "back pain" put in, when it isn't understood
  without;
* ``place``: which of the choices offered before it picks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import SPACY_DOCS
from rasa.shared.nlu.constants import (
    FEATURE_TYPE_SENTENCE,
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from spacy.tokens import Doc

from components.question_classifier import QuestionClassifier
from components.sentence_encoder import SentenceEncoder
from stridewell.encoder import OnnxEncoder, shared_encoder
from stridewell.follow_ups import FollowUps, load_follow_ups
from stridewell.language import QuestionBorders, build_pipeline
from stridewell.questions import asked_parts, intents_asked

UNDERSTANDING = "understanding"
OUT_OF_SCOPE = "out_of_scope"
# How many of the likeliest intents the words of a text point to.
POINTS_TO = 5


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class QuestionSplitter(QuestionClassifier):
    """``QuestionClassifier`` that also understands each question of a message by itself.

    Stands in its place in the pipeline, after a spaCy pipeline with sentence borders, and takes the
    same settings. A part of a message counts as a question when it is worded as one and its own
    best intent is as sure as that of a whole message must be. A message that asks one thing costs
    no further run of the sentence encoder; all parts of one that asks several take one run.

    Configuration:
        encoder: Settings of ``SentenceEncoder`` that differ from its defaults; they must be the
            same as those of the featurizer in the pipeline.

    Raises:
        FollowUpError: At load, when ``data/follow_ups.yml`` can't be used.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config (see parent class for full docstring)."""
        return {**QuestionClassifier.get_default_config(), "encoder": {}}

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> QuestionSplitter:
        """Load a trained classifier and the words of follow-ups (see parent class)."""
        splitter = super().load(config, model_storage, resource, execution_context, **kwargs)
        assert isinstance(splitter, cls)
        vocab = build_pipeline().vocab
        splitter._follow_ups = load_follow_ups(vocab)
        splitter._borders = QuestionBorders(vocab)
        return splitter

    _follow_ups: FollowUps | None = None
    _borders: QuestionBorders | None = None

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent, ranking and understanding of each message."""
        super().process(messages)
        for message in messages:
            doc = message.get(SPACY_DOCS[TEXT])
            if doc is not None and len(doc) and self._follow_ups and self._borders:
                found = self._look_into(doc, self._follow_ups, self._borders)
                if message.get(INTENT)[INTENT_NAME_KEY] == OUT_OF_SCOPE:
                    # About something else as a whole: its parts only sound like our questions.
                    found.pop("questions", None)
                understanding = {**(message.get(UNDERSTANDING) or {}), **found}
                if "follow_up" not in found and not _sureness(message):
                    understanding["with_subject"] = self._with_subjects(message, self._follow_ups)
                message.set(UNDERSTANDING, understanding, add_to_output=True)
        return messages

    def _look_into(
        self, doc: Doc, follow_ups: FollowUps, borders: QuestionBorders
    ) -> dict[str, Any]:
        subjects = follow_ups.subjects(doc)
        found: dict[str, Any] = {"subjects": list(subjects)}
        follow_up = follow_ups.recognize(doc)
        if follow_up:
            found["follow_up"] = follow_up.as_data()
        place = follow_ups.place(doc)
        if place:
            found["place"] = place
        asked = asked_parts(borders.parts(doc), follow_ups, subjects)
        questions = intents_asked(
            asked, lambda groups: self._understood(groups, follow_ups), follow_ups, subjects
        )
        if questions:
            found["questions"] = questions
        return found

    def _with_subjects(self, message: Message, follow_ups: FollowUps) -> dict[str, str]:
        """Return what a message that isn't understood means with each subject put in."""
        wordings = follow_ups.with_subjects(message.get(SPACY_DOCS[TEXT]))
        parts = self._classified([text for group in wordings.values() for text in group])
        found: dict[str, str] = {}
        for subject, group in wordings.items():
            intent = self._best([message, *(parts[text] for text in group)], follow_ups)
            if intent:
                found[subject] = intent
        return found

    def _understood(
        self, groups: Sequence[Sequence[str]], follow_ups: FollowUps
    ) -> list[str | None]:
        """Return the intent of each part from its wordings, ``None`` where none is sure enough."""
        parts = self._classified([text for group in groups for text in group])
        return [self._best([parts[text] for text in group], follow_ups) for group in groups]

    @staticmethod
    def _best(wordings: Sequence[Message], follow_ups: FollowUps) -> str | None:
        """Return the intent of a text, or of a wording of it with a subject put in.

        Only an intent that the text's own words point to counts for the latter: the subject alone
        would turn any words into a question about it.
        """
        own, *others = wordings
        if _sureness(own) > 0:
            return str(own.get(INTENT)[INTENT_NAME_KEY])
        best = max(others, key=_sureness, default=own)
        intent = str(best.get(INTENT)[INTENT_NAME_KEY])
        pointed_to = {e[INTENT_NAME_KEY] for e in own.get(INTENT_RANKING_KEY)[:POINTS_TO]}
        family = {intent, *follow_ups.table.twins(intent)}
        asks = _sureness(best) > 0 and intent.startswith("ask_")
        return intent if asks and family & pointed_to else None

    def _classified(self, texts: Sequence[str]) -> dict[str, Message]:
        """Classify texts of our own making, with one run of the encoder for all."""
        if not texts:
            return {}
        parts = [Message({TEXT: text}) for text in texts]
        for part, vector in zip(parts, self._encoder().encode(texts), strict=True):
            part.add_features(Features(vector[None, :], FEATURE_TYPE_SENTENCE, TEXT, "part"))
        super().process(parts)
        return dict(zip(texts, parts, strict=True))

    def _encoder(self) -> OnnxEncoder:
        config = {**SentenceEncoder.get_default_config(), **self._config["encoder"]}
        return shared_encoder(
            config["model"],
            config["model_sha256"],
            config["tokenizer"],
            config["tokenizer_sha256"],
            config["threads"],
        )


def _sureness(part: Message) -> float:
    """Return the confidence of a part's intent, nothing where the classifier isn't sure enough."""
    answered = part.get(UNDERSTANDING)["outcome"] == "answer"
    return float(part.get(INTENT)["confidence"]) if answered else 0.0
