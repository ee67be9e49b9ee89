"""``QuestionClassifier`` and ``SentenceEncoder`` as components of Rasa's graph."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.engine.validation import validate
from rasa.shared.data import TrainingType
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from benchmarks.questions import Examples
from components.question_classifier import THRESHOLDS, QuestionClassifier
from components.sentence_encoder import SentenceEncoder
from stridewell.intent_model import IntentModelError
from tests.understanding.conftest import Fitted

FALLBACK = "nlu_fallback"


@dataclass
class Pipeline:
    """An encoder and a trained classifier, and where the latter is stored."""

    encoder: SentenceEncoder
    classifier: QuestionClassifier
    storage: LocalModelStorage
    resource: Resource
    context: ExecutionContext
    config: dict[str, Any]

    def parse(self, text: str) -> Message:
        """Return the message as the pipeline leaves it."""
        return self.classifier.process(self.encoder.process([Message({TEXT: text})]))[0]

    def loaded(self) -> QuestionClassifier:
        """Load the stored classifier."""
        return QuestionClassifier.load(self.config, self.storage, self.resource, self.context)

    def stored(self, name: str) -> Path:
        """Return the path of a stored file."""
        with self.storage.read_from(self.resource) as folder:
            return Path(folder) / name


def build(folder: Path, fitted: Fitted, **config: Any) -> Pipeline:
    """Train the components on the examples of a model."""
    full = {**QuestionClassifier.get_default_config(), **config}
    storage = LocalModelStorage.create(folder)
    resource = Resource("classifier")
    context = ExecutionContext(GraphSchema({}), "model", node_name="encoder")
    encoder = SentenceEncoder.create(
        SentenceEncoder.get_default_config(), storage, Resource("encoder"), context
    )
    classifier = QuestionClassifier.create(full, storage, resource, context)
    pairs = zip(fitted.texts, fitted.labels, strict=True)
    data = TrainingData([Message.build(text, intent) for text, intent in pairs])
    classifier.train(encoder.process_training_data(data))
    return Pipeline(encoder, classifier, storage, resource, context, full)


@pytest.fixture(scope="module")
def pipeline(small: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Both components, trained on a few examples of every intent."""
    return build(
        tmp_path_factory.mktemp("model"), small, offered_from="data/articles.yml", choices=3
    )


def test_the_graph_of_a_project_with_both_components_is_valid() -> None:
    config = {
        "recipe": "default.v1",
        "language": "en",
        "pipeline": [
            {"name": "WhitespaceTokenizer"},
            {"name": "components.sentence_encoder.SentenceEncoder"},
            {"name": "components.question_classifier.QuestionClassifier"},
        ],
        "policies": [],
    }
    recipe = DefaultV1Recipe()
    validate(recipe.graph_config_for_recipe(config, {}, TrainingType.NLU))


def test_a_known_question_is_answered(pipeline: Pipeline, small: Fitted) -> None:
    number = small.labels.index("ask_footwear")
    message = pipeline.parse(small.texts[number])
    assert message.get(INTENT)["name"] == "ask_footwear"
    assert message.get("understanding")["outcome"] == "answer"


def test_a_question_on_another_subject_gets_the_topic_that_declines_it(
    small: Fitted, tmp_path: Path
) -> None:
    other = build(tmp_path, small, offered_from="data/articles.yml", outside="data/outside.yml")
    text = small.texts[small.labels.index("ask_walking")]
    assert other.parse(text).get(INTENT)["name"] == "ask_walking"
    declined = other.parse("is walking good for tennis elbow").get(INTENT)
    assert declined["name"] == "ask_other_injury"


def test_subjects_need_a_register_of_topics() -> None:
    config = {**QuestionClassifier.get_default_config(), "outside": "data/outside.yml"}
    with pytest.raises(InvalidConfigException, match="needs offered_from"):
        QuestionClassifier.validate_config(config)


def test_nonsense_is_unknown(pipeline: Pipeline) -> None:
    message = pipeline.parse("qwv zzkx ploh")
    assert message.get(INTENT)["name"] == FALLBACK
    assert message.get("understanding")["outcome"] == "unknown"


def test_an_unsure_question_gets_choices(pipeline: Pipeline, examples: Examples) -> None:
    messages = [pipeline.parse(text) for text in examples.texts[::25]]
    unsure = [m for m in messages if m.get("understanding")["outcome"] == "choose"]
    assert unsure
    for message in unsure:
        choices = message.get("understanding")["choices"]
        assert message.get(INTENT)["name"] == FALLBACK
        assert message.get("intent_ranking")[1]["name"] == choices[0]
        assert 1 <= len(choices) <= 3


def test_small_talk_is_no_choice(pipeline: Pipeline, examples: Examples) -> None:
    offered = {
        choice
        for text in examples.texts[::25]
        for choice in pipeline.parse(text).get("understanding")["choices"]
    }
    assert all(choice.startswith("ask_") for choice in offered)
    assert not offered & {"ask_what_can_you_do", "ask_sources", "ask_more", "ask_privacy"}


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_a_message_without_text_is_unknown(pipeline: Pipeline, text: str) -> None:
    assert pipeline.parse(text).get(INTENT)["name"] == FALLBACK


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_below_the_threshold_the_intent_is_never_an_answer(
    pipeline: Pipeline, examples: Examples, data: st.DataObject
) -> None:
    words = st.sampled_from(" ".join(examples.texts[::40]).split())
    text = data.draw(st.one_of(st.text(max_size=80), st.lists(words, max_size=15).map(" ".join)))
    message = pipeline.parse(text)
    understanding = message.get("understanding")
    intent = message.get(INTENT)["name"]
    if understanding["confidence"] < understanding["threshold"]:
        assert intent == FALLBACK
        assert understanding["outcome"] != "answer"
    else:
        assert intent != FALLBACK
        assert understanding["outcome"] == "answer"
    confidences = [entry["confidence"] for entry in message.get("intent_ranking")]
    assert all(0.0 <= confidence <= 1.0 for confidence in confidences)
    json.dumps([message.get("intent_ranking"), understanding])  # goes over HTTP


def test_a_loaded_classifier_says_the_same(pipeline: Pipeline, examples: Examples) -> None:
    loaded = pipeline.loaded()
    for text in examples.texts[::300]:
        again = loaded.process(pipeline.encoder.process([Message({TEXT: text})]))[0]
        before = pipeline.parse(text)
        assert again.get("intent_ranking") == before.get("intent_ranking")
        assert again.get("understanding") == before.get("understanding")


def test_damaged_thresholds_are_refused_in_plain_words(small: Fitted, tmp_path: Path) -> None:
    pipeline = build(tmp_path, small)
    pipeline.stored(THRESHOLDS).write_text("{}", encoding="utf-8")
    with pytest.raises(IntentModelError, match="train the model again"):
        pipeline.loaded()


@pytest.mark.parametrize("share", [0.0, 1.5, -1.0])
def test_an_impossible_share_is_refused(share: float) -> None:
    config = {**QuestionClassifier.get_default_config(), "accepted_share": share}
    with pytest.raises(InvalidConfigException, match="above 0"):
        QuestionClassifier.validate_config(config)


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    config = {**QuestionClassifier.get_default_config(), "model": {"sharpnes": 1.0}}
    with pytest.raises(InvalidConfigException, match=r"'sharpnes'.*sharpness"):
        QuestionClassifier.validate_config(config)


def test_a_file_of_topics_that_is_missing_is_named(small: Fitted, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigException, match=r"nothing\.yml"):
        build(tmp_path, small, offered_from="data/nothing.yml")
