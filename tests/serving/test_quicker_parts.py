"""What servers use in place of Rasa's own parts: nothing that differs but the time and memory."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy
from rasa.engine.exceptions import GraphRunError
from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema, SchemaNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.domain import State
from rasa.shared.exceptions import RasaException

from stridewell.graph_runner import OrderedGraphRunner
from stridewell.policies import QuickRulePolicy
from stridewell.settings import ROOT

CONTEXT = ExecutionContext(GraphSchema({}))


# ---- TensorFlow


def test_a_server_runs_a_model_without_tensorflow(model_path: Path) -> None:
    script = """
import sys
from stridewell.rasa import use_quicker_parts, without_tensorflow
without_tensorflow()
use_quicker_parts()
import asyncio
import rasa.core.run, rasa.server
from rasa.core.agent import Agent
agent = Agent.load(sys.argv[1])
print([reply.get("text", "")[:6] for reply in asyncio.run(agent.handle_text("is swimming good"))])
print("tensorflow" in sys.modules)
import rasa.utils.train_utils
print(callable(rasa.utils.train_utils.rank_and_mask), "tensorflow" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(model_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    *_, replies, early, late = done.stdout.strip().splitlines()
    assert replies not in ("[]", "['']")
    assert early == "False"
    assert late == "True True"  # What is asked for all the same is loaded then.


# ---- rules


@pytest.fixture(scope="module")
def lookup(model_path: Path) -> dict[str, Any]:
    """The rules of the trained model."""
    with tarfile.open(model_path) as archive:
        (name,) = [n for n in archive.getnames() if n.endswith("/rule_policy.json")]
        file = archive.extractfile(name)
        assert file
        found: dict[str, Any] = json.load(file)["lookup"]
    return found


def policy(kind: type[RulePolicy], lookup: dict[str, Any], storage: ModelStorage) -> RulePolicy:
    """Make a policy that has learned rules."""
    config = kind.get_default_config()
    return kind(config, storage, Resource("rules"), CONTEXT, lookup=lookup)


@pytest.fixture
def both(lookup: dict[str, Any], tmp_path: Path) -> tuple[RulePolicy, RulePolicy]:
    """Rasa's policy and ours, with the same rules."""
    storage = LocalModelStorage(tmp_path)
    return policy(RulePolicy, lookup, storage), policy(QuickRulePolicy, lookup, storage)


def conversations(rules: list[str]) -> Iterator[list[State]]:
    """Yield what rules describe, whole and cut off, alone and after another, and changed a bit."""
    choose = random.Random(7)
    told = [[dict(state) for state in json.loads(rule)] for rule in rules]
    for states in told:
        for end in range(1, len(states) + 1):
            yield states[:end]
            yield [{}, *choose.choice(told), *states[:end]]
            changed = [*states[:end]]
            changed[-1] = {**changed[-1], **choose.choice(choose.choice(told))}
            yield changed
            yield [{**changed[-1], "active_loop": {"name": "handoff_form"}}]
    yield []
    yield [{}]


@pytest.mark.parametrize("table", [RULES, RULES_FOR_LOOP_UNHAPPY_PATH])
def test_the_same_rules_apply(
    table: str, lookup: dict[str, Any], both: tuple[RulePolicy, RulePolicy]
) -> None:
    rasa, ours = both
    applied = 0
    for states in conversations(list(lookup[RULES]) + list(lookup[RULES_FOR_LOOP_UNHAPPY_PATH])):
        expected = rasa._get_possible_keys(rasa.lookup[table], states)
        assert ours._get_possible_keys(ours.lookup[table], states) == expected, states
        applied += bool(expected)
    assert applied > 100 or not lookup[table]


def test_rules_on_words_are_still_found(tmp_path: Path) -> None:
    said = [{}, {"user": {"text": "hello"}, "prev_action": {"action_name": "action_listen"}}]
    without = [{}, {"user": {"intent": "greet"}, "prev_action": {"action_name": "action_listen"}}]
    storage = LocalModelStorage(tmp_path)
    for states, on_words in ((said, True), (without, False)):
        table = {RULES: {json.dumps(states): "utter_greet"}, RULES_FOR_LOOP_UNHAPPY_PATH: {}}
        made = policy(QuickRulePolicy, table, storage)
        assert isinstance(made, QuickRulePolicy)
        assert made._matches_text is on_words
        assert made._get_possible_keys(made.lookup[RULES], states) == set(table[RULES])


# ---- the runner


class Adder(GraphComponent):
    """Adds what it is given to a number of its own."""

    def __init__(self, own: int) -> None:
        self.own = own

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> Adder:
        """Make one (see parent class)."""
        return cls(config["own"])

    def add(self, left: int, right: int) -> int:
        """Return the sum."""
        if left < 0:
            raise RasaException("below zero")
        return self.own + left + right


def node(own: int, left: str, right: str, target: bool = False) -> SchemaNode:
    """Return one place of the graph."""
    needs = {"left": left, "right": right}
    return SchemaNode(needs, Adder, "create", "add", {"own": own}, eager=True, is_target=target)


GRAPH = GraphSchema(
    {
        "last": node(1, "middle", "first", target=True),
        "middle": node(10, "first", "given"),
        "first": node(100, "given", "given"),
        "idle": node(1000, "nobody", "nobody"),
    }
)


@pytest.mark.parametrize("kind", [DaskGraphRunner, OrderedGraphRunner])
def test_components_get_what_they_need(kind: type[DaskGraphRunner], tmp_path: Path) -> None:
    runner = kind.create(GRAPH, LocalModelStorage(tmp_path), CONTEXT)
    for _ in range(2):
        assert runner.run({"given": 5}) == {"last": 1 + (10 + 110 + 5) + 110}
        assert runner.run({"given": 5}, ["middle", "first"]) == {"middle": 125, "first": 110}
    with pytest.raises(RasaException, match="below zero"):
        runner.run({"given": -1})
    with pytest.raises(GraphRunError):
        runner.run({"given": 1}, ["idle"])
