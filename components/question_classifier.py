"""Names the intent of a message, or says that it doesn't know it.

Takes the text and its sentence vector; hands on ``intent``, ``intent_ranking`` and
``understanding`` (what the dialogue needs to answer, to offer choices, or to say "I don't know").
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, astuple, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.fingerprints import FEATURE_CODE, fingerprint
from stridewell import intent_model
from stridewell.encoder import Array
from stridewell.intent_model import (
    IntentModel,
    IntentModelError,
    Settings,
    Thresholds,
    choose_thresholds,
)
from stridewell.outside import load_outside
from stridewell.settings import ROOT

logger = logging.getLogger(__name__)

THRESHOLDS = "thresholds.json"
# How the examples were understood that were held out; nothing needs it to classify.
HELD_OUT = "held_out.npz"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class QuestionClassifier(IntentClassifier, GraphComponent):
    """Intent classifier over sentence vectors, n-grams and nearest examples, with a threshold.

    Each message gets ``understanding``: the ``outcome``, which is ``answer`` (the best intent is
    sure enough), ``choose`` (it isn't, but the right one is probably among the ``choices``) or
    ``unknown``; the ``choices``, best first; the ``confidence`` of the best intent and the
    ``threshold`` that it had to reach. Confidences are probabilities of being right, fitted on
    held-out examples.

    Configuration:
        accepted_share: Of the held-out examples that are understood right, this share is answered.
        offered_share: Choices are offered while the right one is among them this often.
        choices: How many choices are offered at most.
        offered_from: A YAML file, its path seen from the project's folder. Only intents under its
            key ``topics`` whose names begin with ``ask_`` are offered. Without it every intent is.
        never_offered: Intents that are not offered in any case.
        outside: A YAML file of subjects that no article covers, its path seen from the project's
            folder (see ``stridewell.outside``). A text about one of them gets the topic that
            declines it, unless its best intent is one that has no sources. Needs ``offered_from``.
        ranking_length: How many intents ``intent_ranking`` names.
        model: Settings of ``stridewell.intent_model.Settings`` that differ from its defaults.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        """Components that should be included in the pipeline before this component."""
        return [DenseFeaturizer]

    @staticmethod
    def required_packages() -> list[str]:
        """Any extra python dependencies required for this component to run."""
        return ["sklearn"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config (see parent class for full docstring)."""
        return {
            "accepted_share": 0.9,
            "offered_share": 0.5,
            "choices": 3,
            "offered_from": None,
            "never_offered": [],
            "outside": None,
            "ranking_length": 10,
            "model": {},
        }

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Return a hash of the code that learns, so that a changed one learns anew."""
        return fingerprint([*FEATURE_CODE, Path(intent_model.__file__), Path(__file__)])

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Check the configuration.

        Raises:
            InvalidConfigException: A share is not between 0 and 1, or a model setting is unknown.
        """
        for share in ("accepted_share", "offered_share"):
            if not 0.0 < config[share] <= 1.0:
                raise InvalidConfigException(
                    f"{share} of QuestionClassifier is {config[share]}: give a number above 0 and "
                    "up to 1."
                )
        if config["outside"] and not config["offered_from"]:
            raise InvalidConfigException("outside of QuestionClassifier needs offered_from.")
        known = {field.name for field in fields(Settings)}
        for name in config["model"]:
            if name not in known:
                raise InvalidConfigException(
                    f"QuestionClassifier has no model setting '{name}'. "
                    f"It knows these: {', '.join(sorted(known))}."
                )

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: IntentModel | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self.validate_config(config)
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model
        self._thresholds = thresholds
        self._offered = _offered(config, model.labels) if model else set()
        self._outside = load_outside(ROOT / config["outside"]) if config["outside"] else None
        self._answered = _topics(config, "says") if self._outside else set()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> QuestionClassifier:
        """Create an untrained classifier (see parent class for full docstring)."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the model, choose the thresholds, store both."""
        examples = [m for m in training_data.intent_examples if m.get(TEXT)]
        model = IntentModel(_settings(self._config["model"]))
        held_out = model.fit(
            [example.get(TEXT) for example in examples],
            np.vstack([_vector(example) for example in examples]),
            [example.get(INTENT) for example in examples],
        )
        thresholds = choose_thresholds(
            held_out,
            self._config["accepted_share"],
            self._config["offered_share"],
            self._config["choices"],
            _offered(self._config, model.labels),
        )
        logger.info(
            "%d examples; held out with their like, %.3f are understood right; "
            "answered from a confidence of %.2f, offered as a choice from %.2f.",
            len(examples),
            held_out.right.mean(),
            *model.confidence(np.array(astuple(thresholds))),
        )
        self._model, self._thresholds = model, thresholds
        self._offered = _offered(self._config, model.labels)
        with self._model_storage.write_to(self._resource) as folder:
            model.save(folder)
            (folder / THRESHOLDS).write_text(json.dumps(asdict(thresholds)), encoding="utf-8")
            np.savez(
                folder / HELD_OUT, targets=held_out.targets, best=held_out.best, top=held_out.top
            )
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> QuestionClassifier:
        """Load a trained classifier (see parent class for full docstring).

        Raises:
            IntentModelError: The stored model can't be read.
        """
        with model_storage.read_from(resource) as folder:
            model = IntentModel.load(folder)
            try:
                stored = json.loads((folder / THRESHOLDS).read_text(encoding="utf-8"))
                thresholds = Thresholds(**stored)
            except (OSError, TypeError, ValueError) as error:
                raise IntentModelError(
                    f"The thresholds can't be read, train the model again: {error}"
                ) from error
        return cls(config, model_storage, resource, model, thresholds)

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent, ranking and understanding of each message."""
        for message in messages:
            self._classify(message)
        return messages

    def _classify(self, message: Message) -> None:
        text = message.get(TEXT)
        if not (self._model and self._thresholds and text and text.strip()):
            _set(message, [_FALLBACK], Understanding("unknown", [], 0.0, 1.0))
            return
        scores = self._declined(text, self._model.scores([text], _vector(message))[0])
        order = np.argsort(-scores, kind="stable")
        confidences = self._model.confidence(scores).tolist()
        ranking = [
            {"name": self._model.labels[i], "confidence": confidences[i]}
            for i in order[: self._config["ranking_length"]]
        ]
        threshold = float(self._model.confidence(np.array(self._thresholds.answer)))
        top = float(scores[order[0]])
        choices = self._choices(order)
        if top >= self._thresholds.answer:
            outcome = "answer"
        elif top >= self._thresholds.choose and ranking[0]["name"] in choices:
            outcome = "choose"
        else:
            outcome = "unknown"
        understanding = Understanding(outcome, choices, ranking[0]["confidence"], threshold)
        if outcome != "answer":
            ranking.insert(0, {**_FALLBACK, "confidence": 1.0 - ranking[0]["confidence"]})
        _set(message, ranking, understanding)

    def _declined(self, text: str, scores: Array) -> Array:
        """Return the scores, with the topic on top that declines what the text is about, if any."""
        assert self._model
        assert self._thresholds
        best = self._model.labels[int(scores.argmax())]
        topic = self._outside.declining(text, best) if self._outside else None
        if topic not in self._model.labels:
            return scores
        answered = np.isin(self._model.labels, list(self._answered))
        sure = max(float(scores.max()), self._thresholds.answer)
        scores = np.where(answered, 0.0, scores)
        if scores.max() < self._thresholds.answer:
            scores[self._model.labels.index(topic)] = sure
        return scores

    def _choices(self, order: Array) -> list[str]:
        assert self._model
        best = (self._model.labels[i] for i in order)
        allowed = (name for name in best if name in self._offered)
        return list(islice(allowed, self._config["choices"]))


@dataclass(frozen=True)
class Understanding:
    """What the dialogue gets to know of a message (see ``QuestionClassifier``)."""

    outcome: str
    choices: list[str]
    confidence: float
    threshold: float


_FALLBACK: dict[str, Any] = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": 1.0}


def _set(message: Message, ranking: list[dict[str, Any]], understanding: Understanding) -> None:
    message.set(INTENT, ranking[0], add_to_output=True)
    message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
    message.set("understanding", asdict(understanding), add_to_output=True)


def _offered(config: dict[str, Any], labels: list[str]) -> set[str]:
    """Return the intents that may be offered as a choice."""
    offered = set(labels) - set(config["never_offered"])
    if config["offered_from"] is None:
        return offered
    return {name for name in offered & _topics(config) if name.startswith("ask_")}


def _topics(config: dict[str, Any], holding: str | None = None) -> set[str]:
    """Return the topics of ``offered_from``, all or those with something under a key."""
    path = ROOT / config["offered_from"]
    try:
        topics = yaml.safe_load(path.read_text(encoding="utf-8"))["topics"]
        return {name for name, topic in topics.items() if holding is None or topic.get(holding)}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InvalidConfigException(
            f"offered_from of QuestionClassifier names {path}, which has no readable 'topics': "
            f"{error}"
        ) from error


def _settings(given: dict[str, Any]) -> Settings:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return Settings(**values)


def _vector(message: Message) -> Array:
    """Return the message's sentence vector as (1, dimension)."""
    _, sentence = message.get_dense_features(TEXT, [])
    if sentence is None:
        raise ValueError("QuestionClassifier needs a dense sentence featurizer in the pipeline.")
    return np.asarray(sentence.features, dtype=np.float32).reshape(1, -1)
