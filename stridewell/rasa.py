"""Rasa's commands for a server, with less to carry: ``python -m stridewell.rasa run ...``.

TensorFlow takes 300 MB for as long as a server runs, and seconds of its start. Rasa loads it for
classifiers and policies that learn with it; none of this project's does. What draws it in are two
modules that a server imports and doesn't use: helpers for training, and the check that a training
begins with. Something else stands in their place until anything of theirs is wanted. A model with
a component that does need TensorFlow names that component's module, which loads it as ever.

TensorFlow's converter for phones in turn imports JAX when it finds it; nothing here converts
anything. The parts that every prediction goes through have quicker ones in their place.
"""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

TRAINING_HELPERS = "rasa.utils.train_utils"
TRAINING_CHECK = "rasa.graph_components.validators.default_recipe_validator"


class _Later(ModuleType):
    """Stands in for a module, which is imported when one of its attributes is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # What the import system asks of every module.
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(importlib.import_module(self.__name__), name)


class DefaultV1RecipeValidator:
    """Stands for the check in the plan of the training that every model carries."""


def without_tensorflow() -> None:
    """Keep TensorFlow from being imported where nothing uses it; call it before Rasa is imported.

    For servers alone: a training's check does not run after it.
    """
    sys.modules["jax"] = None  # type: ignore[assignment]
    _stand_in(_Later(TRAINING_HELPERS))
    check = _Later(TRAINING_CHECK)
    check.DefaultV1RecipeValidator = DefaultV1RecipeValidator  # type: ignore[attr-defined]
    _stand_in(check)


def _stand_in(module: ModuleType) -> None:
    package, _, name = module.__name__.rpartition(".")
    setattr(importlib.import_module(package), name, module)
    sys.modules[module.__name__] = module


def use_quicker_parts() -> None:
    """Put the project's runner and policies in the place of Rasa's; Rasa has no setting for it."""
    import rasa.core.policies.memoization
    import rasa.core.policies.rule_policy
    import rasa.core.processor
    from rasa.shared.core.events import Event

    from stridewell.graph_runner import OrderedGraphRunner
    from stridewell.policies import QuickMemoizationPolicy, QuickRulePolicy

    rasa.core.processor.DaskGraphRunner = OrderedGraphRunner
    rasa.core.policies.rule_policy.RulePolicy = QuickRulePolicy
    rasa.core.policies.memoization.MemoizationPolicy = QuickMemoizationPolicy
    # Rasa goes through all kinds of events for each event that it reads.
    Event.resolve_by_type = staticmethod(lru_cache(maxsize=256)(Event.resolve_by_type))


if __name__ == "__main__":
    without_tensorflow()
    use_quicker_parts()
    from rasa.__main__ import main

    main()
