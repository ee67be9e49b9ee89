"""Notices messages that are not in English.

Takes the text and what the classifier made of it; hands on the code of the language as
``understanding["language"]``, and nothing for English.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from stridewell.other_languages import LanguageGuesser, Limits, english_words

UNDERSTANDING = "understanding"
WORDS = "english_words.json"
_LIMITS = {field.name: field.default for field in fields(Limits)}


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LanguageCheck(GraphComponent):
    """Marks messages in another language; the words of the training examples count as English.

    Stands after the intent classifier: a message that is understood well needs more evidence, and
    ``not_understood`` names the intents that don't count as understood. The other settings are the
    fields of ``stridewell.other_languages.Limits``.

    Raises:
        LanguagesError: At load, when ``data/languages.yml`` can't be used.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config (see parent class for full docstring)."""
        return {**_LIMITS, "not_understood": [DEFAULT_NLU_FALLBACK_INTENT_NAME, "out_of_scope"]}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        english: list[str] | None = None,
    ) -> None:
        for name in _LIMITS:
            if not isinstance(config[name], (int, float)) or config[name] < 0:
                raise InvalidConfigException(
                    f"{name} of LanguageCheck is {config[name]!r}: give a number, 0 or more."
                )
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        limits = Limits(**{name: config[name] for name in _LIMITS})
        self._guesser = None if english is None else LanguageGuesser(english, limits)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageCheck:
        """Create the component before training (see parent class for full docstring)."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Keep the words of the training examples."""
        texts = [message.get(TEXT) or "" for message in training_data.intent_examples]
        words = sorted({word for text in texts for word in english_words(text)})
        with self._model_storage.write_to(self._resource) as folder:
            (folder / WORDS).write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LanguageCheck:
        """Load the words kept at training (see parent class for full docstring)."""
        with model_storage.read_from(resource) as folder:
            words = json.loads((folder / WORDS).read_text(encoding="utf-8"))
        return cls(config, model_storage, resource, words)

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the language to the understanding of each message that isn't English."""
        for message in messages:
            text = message.get(TEXT)
            if self._guesser and text:
                intent = (message.get(INTENT) or {}).get(INTENT_NAME_KEY)
                understood = intent not in self._config["not_understood"]
                language = self._guesser.guess(text, understood)
                if language:
                    understanding = {**(message.get(UNDERSTANDING) or {}), "language": language}
                    message.set(UNDERSTANDING, understanding, add_to_output=True)
        return messages
