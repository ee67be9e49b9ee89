"""Runs trained models: a model archive and texts in, parse results, times and memory out.

``python -m benchmarks.parsing MODEL TEXTS OUT`` does so in a process of its own, so that load time
and memory belong to one model alone. TEXTS and OUT are JSON files.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass
class Parses:
    """What a model made of n texts.

    Attributes:
        results: n results of Rasa's parser (``parse_data``).
        milliseconds: n times of one parse each, one after the other.
        cpu_milliseconds: n processor times of the same, over all threads; on a busy machine they
            say more.
        load_seconds: Time from the archive to the first parse.
        memory_mb: Largest resident memory of the process, in units of a million bytes.
    """

    results: list[dict[str, Any]]
    milliseconds: list[float]
    cpu_milliseconds: list[float]
    load_seconds: float
    memory_mb: float


class Parser:
    """A trained model, loaded without a server.

    Args:
        model: The archive that ``rasa train`` wrote.

    Raises:
        FileNotFoundError: There is no such archive.
    """

    def __init__(self, model: Path) -> None:
        if not model.is_file():
            raise FileNotFoundError(f"There is no trained model at {model}. Run 'make train'.")
        warnings.filterwarnings("ignore")
        from rasa.core.agent import Agent
        from rasa.utils.log_utils import configure_structlog

        # Until told otherwise, Rasa prints each message that it parses.
        configure_structlog(logging.WARNING)
        logging.getLogger("rasa").setLevel(logging.WARNING)
        # One loop for all parses: Rasa's runner keeps locks that belong to it.
        self._loop = asyncio.new_event_loop()
        self._agent = Agent.load(str(model))

    def parse(self, text: str) -> dict[str, Any]:
        """Return what the model makes of one text (Rasa's ``parse_data``)."""
        result: dict[str, Any] = self._loop.run_until_complete(self._agent.parse_message(text))
        return result

    def close(self) -> None:
        """Give the event loop back."""
        self._loop.close()


def parse_all(model: Path, texts: Sequence[str]) -> Parses:
    """Load a model, parse every text once, and measure both."""
    begin = time.perf_counter()
    parser = Parser(model)
    parser.parse("hello")
    load_seconds = time.perf_counter() - begin
    results, milliseconds, cpu = [], [], []
    for text in texts:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        results.append(parser.parse(text))
        milliseconds.append((time.perf_counter() - begin) * 1000.0)
        cpu.append((time.process_time() - begin_cpu) * 1000.0)
    parser.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return Parses(results, milliseconds, cpu, load_seconds, memory)


def main() -> int:
    """Parse the texts of one file into another."""
    model, texts, out = (Path(argument) for argument in sys.argv[1:4])
    parses = parse_all(model, json.loads(texts.read_text(encoding="utf-8")))
    out.write_text(json.dumps(asdict(parses), default=float), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
