"""The warning-sign screen in Rasa: messages in, the same messages with ``safety`` set out.

It looks at every message and changes nothing else: neither the intent nor its confidence. The
dialogue policy takes the same screen from :func:`load_from_resource` when it needs the messages
before. Training fits the classifier on ``data/safety/examples`` and on the ordinary questions of
the NLU data, and keeps a copy of the lexicon, so that a model answers as it was tested.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.fingerprints import FEATURE_CODE, fingerprint
from stridewell.encoder import Array, EncoderError, shared_encoder
from stridewell.safety import NOTHING, Finding, LexiconError, SafetyScreen
from stridewell.safety import classifier as classifier_module
from stridewell.safety.classifier import Settings, train
from stridewell.safety.examples import load_examples
from stridewell.safety.lexicon import FILES
from stridewell.safety.screen import Encoder

logger = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parents[1]
SAFETY = "safety"
FAILED = Finding("emergency", (), "asked", ("screen/failed",))
LEXICON_FOLDER, MODEL_FOLDER, EXAMPLES_FOLDER = "lexicon", "model", "examples"

_screens: dict[str, SafetyScreen] = {}
_lock = Lock()


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class SafetyScreenComponent(GraphComponent):
    """Sets ``message.safety`` to what :class:`stridewell.safety.Finding` holds."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the settings: where the data lies, and the seed of the training."""
        return {"data": "data/safety", "random_seed": 20, "classifier": True}

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Return a hash of the data files, so that a changed file is trained anew."""
        data = sorted(_data_folder(config).rglob("*.yml"))
        code = sorted(Path(classifier_module.__file__).parent.glob("*.py"))
        return fingerprint([*data, *code, *FEATURE_CODE])

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        screen: SafetyScreen | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._screen = screen

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SafetyScreenComponent:
        """Create the untrained component.

        Raises:
            LexiconError: The lexicon is broken; training must not go on without it.
        """
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SafetyScreenComponent:
        """Restore the screen from a trained model.

        Raises:
            LexiconError: The model's lexicon is broken; the assistant must not start.
        """
        return cls(config, model_storage, resource, load_from_resource(model_storage, resource))

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the classifier and keep it in the model together with the lexicon."""
        folder = _data_folder(self._config)
        screen = SafetyScreen.load(folder, None, None)
        with self._model_storage.write_to(self._resource) as target:
            (target / LEXICON_FOLDER).mkdir(parents=True, exist_ok=True)
            for name in FILES:
                shutil.copy(folder / name, target / LEXICON_FOLDER / name)
            if self._config.get("classifier", True):
                questions = [m.get(TEXT) for m in training_data.intent_examples if m.get(TEXT)]
                classifier = train(
                    load_examples(folder / EXAMPLES_FOLDER),
                    _encoder_of(training_data),
                    screen,
                    ordinary(screen, questions),
                    Settings(seed=int(self._config["random_seed"])),
                )
                classifier.save(target / MODEL_FOLDER)
                encoder: Encoder | None = shared_encoder()
                self._screen = SafetyScreen(screen.lexicon, classifier, encoder)
            else:
                self._screen = screen
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Return the training data as they are; the screen gives no features."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Set ``safety`` on every message; a failure here must never stop a reply."""
        for message in messages:
            # Fails closed: a message that cannot be screened gets the safety line.
            finding = FAILED
            try:
                if self._screen is None:
                    self._screen = SafetyScreen.load(_data_folder(self._config), None, None)
                finding = self._screen.screen(message.get(TEXT))
            except Exception as error:
                # Neither the message nor the error's text, which may hold it.
                logger.error("The warning-sign screen failed: %s.", type(error).__name__)
            message.set(SAFETY, finding.to_dict(), add_to_output=True)
        return messages


def ordinary(screen: SafetyScreen, questions: Iterable[str]) -> list[str]:
    """Return the questions in which the lexicon finds no sign."""
    return [text for text in dict.fromkeys(questions) if screen.screen(text) == NOTHING]


def _encoder_of(training_data: TrainingData) -> Callable[[Sequence[str]], Array]:
    """Return an encoder that takes the vectors that the pipeline has computed already."""
    known: dict[str, Array] = {}
    for message in training_data.training_examples:
        _, sentence = message.get_dense_features(TEXT, [])
        if sentence is not None and message.get(TEXT):
            vector = np.asarray(sentence.features, dtype=np.float32).reshape(-1)
            if vector.shape == (shared_encoder().dimension,):
                known[message.get(TEXT)] = vector

    def encode(texts: Sequence[str]) -> Array:
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        known.update(zip(missing, shared_encoder().encode(missing), strict=False))
        return np.stack([known[text] for text in texts])

    return encode


def load_from_resource(model_storage: ModelStorage, resource: Resource) -> SafetyScreen:
    """Return the screen of a trained model, one per process and model.

    A model without its classifier gives a screen that works with the lexicon alone; a model
    without a lexicon gives one with the project's own.

    Raises:
        LexiconError: The lexicon is broken or missing.
    """
    try:
        with model_storage.read_from(resource) as folder:
            key = f"{folder}:{resource.name}:{resource.output_fingerprint}"
            with _lock:
                if key not in _screens:
                    # Another model has been loaded: the old screen is no longer needed.
                    _screens.clear()
                    _screens[key] = _open(Path(folder))
                return _screens[key]
    except LexiconError:
        raise
    except ValueError as error:
        logger.error(
            "The model holds no warning-sign screen (%s); the project's lexicon is used.", error
        )
        return SafetyScreen.load(PROJECT / "data/safety", None, None)


def current_screen() -> SafetyScreen | None:
    """Return the screen of the model that this process has loaded, if any."""
    with _lock:
        return next(iter(_screens.values()), None)


def _open(folder: Path) -> SafetyScreen:
    encoder: Encoder | None = None
    try:
        encoder = shared_encoder()
    except EncoderError as error:
        logger.error("The sentence encoder is missing (%s); the lexicon goes on alone.", error)
    return SafetyScreen.load(folder / LEXICON_FOLDER, folder / MODEL_FOLDER, encoder)


def _data_folder(config: dict[str, Any]) -> Path:
    path = Path(str(config.get("data") or "data/safety"))
    return path if path.is_absolute() else PROJECT / path
