"""Says where the time of an answer goes: messages in, processor time by part out.

Usage::

    python -m benchmarks.hot_path [--messages 300] [--write-docs]

The dialogue server's agent runs in this process, as a server runs it, with SQLite and a real action
server; only HTTP is left out. Parts that call each other are counted apart: what the screen's
sentences take in the sentence model counts there and not for the screen. ``--write-docs`` puts the
table into docs/capacity.md.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import inspect
import logging
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.load import messages
from benchmarks.pages import fill_in
from benchmarks.serving import action_server
from stridewell.rasa import use_quicker_parts, without_tensorflow
from stridewell.settings import ROOT
from stridewell.train import MODEL

PAGE = ROOT / "docs" / "capacity.md"
TURNS = 6
WARM_UP = 30
OTHER = "the rest of Rasa: slots, events, calls to the action server"
# Up to so many words a message counts as short.
SHORT = 12


class Stopwatch:
    """Counts the processor time of parts, without that of the parts that they call."""

    def __init__(self) -> None:
        self.used: defaultdict[str, float] = defaultdict(float)
        self._inner: list[float] = [0.0]

    def watch(self, owner: Any, method: str, part: str) -> None:
        """Count a method of a class or module for a part from now on."""
        wrapped = inspect.getattr_static(owner, method)
        function: Callable[..., Any] = getattr(wrapped, "__func__", wrapped)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def counted(*args: Any, **kwargs: Any) -> Any:
                began = self._begin()
                try:
                    return await function(*args, **kwargs)
                finally:
                    self._end(part, began)

        else:

            @functools.wraps(function)
            def counted(*args: Any, **kwargs: Any) -> Any:
                began = self._begin()
                try:
                    return function(*args, **kwargs)
                finally:
                    self._end(part, began)

        kind = type(wrapped) if isinstance(wrapped, classmethod | staticmethod) else None
        setattr(owner, method, kind(counted) if kind else counted)

    def _begin(self) -> float:
        self._inner.append(0.0)
        return time.process_time()

    def _end(self, part: str, began: float) -> None:
        used = time.process_time() - began
        self.used[part] += used - self._inner.pop()
        self._inner[-1] += used


def watch_all(watch: Stopwatch) -> None:
    """Count the parts of a turn."""
    from rasa.nlu.tokenizers.spacy_tokenizer import SpacyTokenizer

    from components.language_check import LanguageCheck
    from components.question_splitter import QuestionSplitter
    from components.spacy_pipeline import SpacyPipeline
    from components.turn_policy import TurnPolicy
    from stridewell.encoder import OnnxEncoder
    from stridewell.intent_model import IntentModel
    from stridewell.policies import QuickRulePolicy
    from stridewell.safety.screen import SafetyScreen
    from stridewell.stores.tracker import SiteTrackerStore

    for owner, method, part in (
        (OnnxEncoder, "encode", "sentence vectors"),
        (IntentModel, "scores", "intent: comparison with the examples"),
        (QuestionSplitter, "process", "questions, follow-ups, subjects"),
        (SafetyScreen, "screen", "warning signs: wordings and classifier"),
        (LanguageCheck, "process", "language"),
        (SpacyPipeline, "process", "spaCy"),
        (SpacyTokenizer, "process", "spaCy"),
        (TurnPolicy, "predict_action_probabilities", "next action: plan of the turn"),
        (QuickRulePolicy, "predict_action_probabilities", "next action: rules"),
        (SiteTrackerStore, "_tracker", "conversation: read and written"),
        (SiteTrackerStore, "save", "conversation: read and written"),
    ):
        watch.watch(owner, method, part)


async def measure(model: Path, folder: Path, actions: str, texts: list[str]) -> dict[str, Any]:
    """Let an agent answer messages; return the processor milliseconds of each part.

    Args:
        model: The trained model.
        folder: Where the conversations are kept.
        actions: Address of the action server.
        texts: What is said, in conversations of a few messages each.
    """
    from rasa.core.agent import Agent
    from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
    from rasa.utils.endpoints import EndpointConfig

    from stridewell.stores.lock import SiteLockStore
    from stridewell.stores.tracker import SiteTrackerStore

    watch = Stopwatch()
    watch_all(watch)  # Before the model is loaded: its graph holds on to the methods.
    endpoint = EndpointConfig(actions, enable_selective_domain=True)
    agent = Agent.load(model, action_endpoint=endpoint)
    agent.tracker_store = SiteTrackerStore(agent.domain, url=f"sqlite:///{folder / 'hot.db'}")
    agent.lock_store = SiteLockStore()
    assert agent.processor
    agent.processor.tracker_store = agent.tracker_store

    async def say(number: int, text: str) -> None:
        channel = CollectingOutputChannel()
        sender = f"person-{number // TURNS}"
        await agent.handle_message(UserMessage(text, channel, sender, input_channel="rest"))
        if not channel.messages:
            raise RuntimeError("A message got no answer.")

    for number, text in enumerate(texts[:WARM_UP]):
        await say(-number - TURNS, text)
    gc.collect()
    gc.freeze()
    found: dict[str, Any] = {}
    totals: defaultdict[tuple[str, str], float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for number, text in enumerate(texts[WARM_UP:]):
        kind = "short" if len(text.split()) <= SHORT else "longer"
        watch.used.clear()
        began = time.process_time()
        await say(number, text)
        used = time.process_time() - began
        counts[kind] += 1
        for part, seconds in (*watch.used.items(), (OTHER, used - sum(watch.used.values()))):
            totals[kind, part] += seconds
    for kind, count in counts.items():
        parts = {part: 1000 * s / count for (each, part), s in totals.items() if each == kind}
        found[kind] = {"messages": count, "milliseconds": parts}
    return found


def table(found: dict[str, Any]) -> str:
    """Return the figures as a table, the costliest part first."""
    kinds = [kind for kind in ("short", "longer") if kind in found]
    parts = sorted(
        {part for kind in kinds for part in found[kind]["milliseconds"]},
        key=lambda part: -sum(found[kind]["milliseconds"].get(part, 0.0) for kind in kinds),
    )
    heads = {
        kind: f"{'up to' if kind == 'short' else 'more than'} {SHORT} words "
        f"({found[kind]['messages']} messages)"
        for kind in kinds
    }
    lines = [f"| Milliseconds of a message | {' | '.join(heads.values())} |", "|---|---|---|"]
    sums = {kind: sum(found[kind]["milliseconds"].values()) for kind in kinds}
    for part in parts:
        cells = []
        for kind in kinds:
            used = found[kind]["milliseconds"].get(part, 0.0)
            cells.append(f"{used:.1f} ({used / sums[kind]:.0%})")
        lines.append(f"| {part} | {' | '.join(cells)} |")
    lines.append(f"| together | {' | '.join(f'{sums[kind]:.1f}' for kind in kinds)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--model", type=Path, default=MODEL, help="the trained model")
    parser.add_argument("--write-docs", action="store_true", help=f"fill in {PAGE.name}")
    options = parser.parse_args()
    without_tensorflow()
    use_quicker_parts()
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.WARNING)
    logging.getLogger().setLevel(logging.WARNING)
    run = machine.describe()
    with tempfile.TemporaryDirectory(prefix="stridewell-hot-path-") as name:
        server = action_server(Path(name))
        server.start()
        try:
            server.wait()
            address = server.probe.removesuffix("/health") + "/webhook"
            texts = messages(options.messages + WARM_UP, seed=5)
            found = asyncio.run(measure(options.model, Path(name), address, texts))
        finally:
            server.stop()
    shown = table(found)
    print(shown)
    if options.write_docs:
        where = f"Measured {run['started']} ({run['processor']}), processor time, HTTP left out."
        fill_in(PAGE, "hot path", f"{where}\n\n{shown}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
