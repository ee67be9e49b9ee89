"""Runs a model's components one after the other: a drop-in for Rasa's runner.

Rasa hands each prediction to dask, which works out anew in which order the components run. That
takes longer than most of them, and a message needs several predictions. The order never changes,
so here it is worked out once.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

from rasa.engine.exceptions import GraphRunError
from rasa.engine.runner.dask import DaskGraphRunner


class OrderedGraphRunner(DaskGraphRunner):
    """A graph runner that remembers the order; see Rasa's ``GraphRunner`` for what it takes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._orders: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}

    def run(
        self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None
    ) -> dict[str, Any]:
        """Run the components that targets need, each once.

        Args:
            inputs: What is handed to components, by the name that they ask for.
            targets: Components whose results are wanted; without any the graph's own.

        Returns:
            The targets' results by their names.

        Raises:
            rasa.engine.exceptions.GraphRunError: A component lacks what it needs.
        """
        wanted = tuple(targets or self._graph_schema.target_names)
        found = {name: (name, value) for name, value in (inputs or {}).items()}
        try:
            for name, needs in self._order(wanted):
                found[name] = self._instantiated_nodes[name](*(found.get(n, n) for n in needs))
        except RuntimeError as error:
            raise GraphRunError("Error running runner.") from error
        return {name: found[name][1] for name in wanted}

    def _order(self, wanted: tuple[str, ...]) -> list[tuple[str, list[str]]]:
        if wanted not in self._orders:
            nodes = self._graph_schema.minimal_graph_schema(list(wanted)).nodes
            needs = {name: list(node.needs.values()) for name, node in nodes.items()}
            sequence = TopologicalSorter(needs).static_order()
            self._orders[wanted] = [(name, needs[name]) for name in sequence if name in needs]
        return self._orders[wanted]
