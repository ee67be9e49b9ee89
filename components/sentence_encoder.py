"""A dense featurizer: one sentence vector for each message, from an ONNX transformer."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from stridewell.encoder import (
    DEFAULT_MODEL,
    DEFAULT_MODEL_SHA256,
    DEFAULT_TOKENIZER,
    DEFAULT_TOKENIZER_SHA256,
    OnnxEncoder,
    shared_encoder,
)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoder(DenseFeaturizer, GraphComponent):
    """Adds a unit-length sentence vector (1 x dimension, float32) to each message's text.

    Configuration: ``model`` and ``tokenizer`` (paths, or ``package:<package>/<file>``), their
    ``model_sha256`` and ``tokenizer_sha256`` (``null`` accepts any file) and ``threads``.

    Raises:
        EncoderError: At load, when a file is missing, altered or of another kind.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        """Components that should be included in the pipeline before this component."""
        return [Tokenizer]

    @staticmethod
    def required_packages() -> list[str]:
        """Any extra python dependencies required for this component to run."""
        return ["onnxruntime", "tokenizers"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config (see parent class for full docstring)."""
        return {
            **DenseFeaturizer.get_default_config(),
            "model": DEFAULT_MODEL,
            "model_sha256": DEFAULT_MODEL_SHA256,
            "tokenizer": DEFAULT_TOKENIZER,
            "tokenizer_sha256": DEFAULT_TOKENIZER_SHA256,
            "threads": 1,
        }

    def __init__(self, config: dict[str, Any], name: str, encoder: OnnxEncoder) -> None:
        super().__init__(name, config)
        self._encoder = encoder

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoder:
        """Load the model (see the parent class for the arguments)."""
        encoder = shared_encoder(
            config["model"],
            config["model_sha256"],
            config["tokenizer"],
            config["tokenizer_sha256"],
            config["threads"],
        )
        return cls(config, execution_context.node_name, encoder)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Validates that the component is configured properly."""

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Encode all training examples in batches."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Encode the text of each message; a message without text gets no vector."""
        with_text = [message for message in messages if message.get(TEXT)]
        vectors = self._encoder.encode([message.get(TEXT) for message in with_text])
        for message, vector in zip(with_text, vectors, strict=True):
            message.add_features(
                Features(
                    vector[None, :],
                    FEATURE_TYPE_SENTENCE,
                    TEXT,
                    self._config[FEATURIZER_CLASS_ALIAS],
                )
            )
        return messages
