"""Gives the project's spaCy pipeline to the other components and a spaCy doc to every message."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.utils.spacy_utils import SpacyModel, SpacyNLP

from stridewell.language import build_pipeline


@DefaultV1Recipe.register(
    [
        DefaultV1Recipe.ComponentType.MODEL_LOADER,
        DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER,
    ],
    is_trainable=False,
    model_from="SpacyPipeline",
)
class SpacyPipeline(SpacyNLP):
    """``SpacyNLP`` with a pipeline made in code, so that no model need be built or downloaded."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SpacyPipeline:
        """Make the pipeline (see the parent class for the arguments)."""
        model = SpacyModel(model=build_pipeline(), model_name="stridewell_en")
        return cls(model, {**cls.get_default_config(), "case_sensitive": True, **config})
