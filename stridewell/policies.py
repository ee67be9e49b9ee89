"""Rasa's policies without their idle work: drop-ins for servers that predict what Rasa's own do.

``RulePolicy`` tries each rule at each prediction, twice after a message; here a rule is found by
what the conversation must end with for it. ``MemoizationPolicy`` goes through the conversation also
when there is no story to compare it with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rasa.core.policies.memoization import MemoizationPolicy
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.shared.core.constants import PREVIOUS_ACTION, USER
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ACTION_NAME, INTENT, TEXT

# The action before and the intent in the last state of a rule or conversation.
_Mark = tuple[str | None, str | None]


class QuickRulePolicy(RulePolicy):
    """``RulePolicy`` that finds a trained rule by its last state instead of trying all."""

    def __init__(
        self,
        config: dict[str, Any],
        *others: Any,
        lookup: dict[str, Any] | None = None,
        **named: Any,
    ) -> None:
        super().__init__(config, *others, lookup=lookup, **named)
        # Training changes its tables as it goes; those of a loaded policy stay as they are.
        tables = [table for table in (lookup or {}).values() if isinstance(table, dict)]
        self._indexes = {id(table): _by_mark(table) for table in tables}
        self._matches_text = not lookup or any(
            TEXT in state.get(USER, {})
            for table in tables
            for rule in table
            for state in self._rule_key_to_state(rule)
        )

    def _get_possible_keys(self, lookup: dict[str, str], states: list[State]) -> set[str]:
        index = self._indexes.get(id(lookup))
        if index is None or not states:
            return set(super()._get_possible_keys(lookup, states))
        action, intent = _mark(states[-1])
        rules = index.get((action, intent), []) + index.get((action, None), [])
        return {rule for rule in rules if self._applies(rule, states)}

    def _applies(self, rule: str, states: list[State]) -> bool:
        length = len(self._rule_key_to_state(rule))
        return all(
            self._is_rule_applicable(rule, turn, state)
            for turn, state in enumerate(states[: -length - 1 : -1])
        )

    def _find_action_from_rules(
        self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
    ) -> tuple[str | None, str | None, bool]:
        if use_text_for_last_user_input and not self._matches_text:
            return None, None, False
        found: tuple[str | None, str | None, bool] = super()._find_action_from_rules(
            tracker, domain, use_text_for_last_user_input
        )
        return found


def _by_mark(table: Mapping[str, str]) -> dict[_Mark, list[str]]:
    index = defaultdict(list)
    for rule in table:
        index[_mark(RulePolicy._rule_key_to_state(rule)[-1])].append(rule)
    return dict(index)


def _mark(state: State) -> _Mark:
    action: str | None = (state.get(PREVIOUS_ACTION) or {}).get(ACTION_NAME)
    intent: str | None = (state.get(USER) or {}).get(INTENT)
    # At the start of a conversation Rasa compares nothing more.
    return (action, intent) if action else (None, None)


class QuickMemoizationPolicy(MemoizationPolicy):
    """``MemoizationPolicy`` that takes no look at the conversation if no story is memorized."""

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """Predict the next action (see parent class for full docstring)."""
        if not self.lookup:
            return self._prediction(self._default_predictions(domain))
        return super().predict_action_probabilities(tracker, domain, rule_only_data, **kwargs)
