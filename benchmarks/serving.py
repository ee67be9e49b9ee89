"""Compares serving with Rasa's default project in one run: a table, plots and JSON out.

Usage::

    python -m benchmarks.serving --stock-model FILE [--stock-training FILE] [--train] [--quick]

Both assistants answer the same examples with the same rules, texts and action server; they differ
in pipeline, policies, stores and settings. The other one is what ``rasa init`` sets up, trained on
the project's data: its REST channel, its tracker store in memory, its threads as they come. While
one is measured the other is idle, and they take turns every few messages, so that what else the
machine does weighs on both. ``--train`` trains both, which takes an hour for the default pipeline;
otherwise ``--stock-model`` is a model that ``--write-stock`` FOLDER was trained to, and
``--stock-training`` what ``/usr/bin/time -v`` said about it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from benchmarks import machine
from benchmarks.load import Load, RestPerson, median, messages, pinned, talk, until
from benchmarks.plots import Bars, draw_bars
from benchmarks.processes import processor_seconds, resident_mb
from benchmarks.services import running_services
from benchmarks.topology import Server, free_port
from stridewell.settings import ROOT

OURS, STOCK = "Stridewell", "Rasa default pipeline"
SYSTEMS = (OURS, STOCK)
RECORD = ROOT / "results" / "serving.json"
FIGURE = ROOT / "docs" / "figures" / "serving.svg"
MODEL = ROOT / "models" / "stridewell.tar.gz"
START_SECONDS = 300.0
# How many words the messages of the long conversation have.
LIKE_WORDS = range(7, 12)
GENEROUS = "1000000 per minute"
# What each figure may be at most, or at least for throughput, as a share of the other's.
TARGETS = {
    "latency_p50_ms": 0.45,
    "throughput_1": 2.2,
    "first_answer_s": 0.6,
    "resident_mb": 0.75,
    "training_cpu_s": 0.25,
}


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        starts: How often each server is started.
        rounds: How often they take turns in the measurement of latency.
        messages: Messages of one such round.
        saturating: Messages of a measurement of throughput.
        people: How many talk at the same time there.
        turns: Turns of the long conversation.
        window: How many turns make one figure of it.
    """

    starts: int = 3
    rounds: int = 10
    messages: int = 60
    saturating: int = 1500
    people: int = 8
    turns: int = 500
    window: int = 60


QUICK = Effort(starts=1, rounds=2, messages=20, saturating=80, people=4, turns=60, window=20)


# ---- the two systems


def write_stock(folder: Path) -> None:
    """Write a project with Rasa's default settings and this project's data.

    Args:
        folder: A folder that is there.
    """
    default = files("rasa.engine.recipes.config_files") / "default_config.yml"
    (folder / "config.yml").write_text(default.read_text(encoding="utf-8"), encoding="utf-8")
    shutil.copy(ROOT / "domain.yml", folder)
    for part in ("nlu", "rules"):
        shutil.copytree(ROOT / "data" / part, folder / "data" / part)


def action_server(folder: Path) -> Server:
    """Return the action server that both systems call."""
    port = free_port()
    environment = {**_environment(), "STRIDEWELL_ACTIONS_PORT": str(port)}
    environment["STRIDEWELL_FOLDER"] = str(folder)
    command = [sys.executable, "-m", "stridewell.serve", "actions"]
    probe = f"http://127.0.0.1:{port}/health"
    return Server("actions", command, probe, environment, folder / "actions.log")


def our_server(
    folder: Path, actions: Server, model: Path, settings: Mapping[str, str] | None = None
) -> Server:
    """Return a dialogue server of this project; by default on a SQLite file of its own."""
    port = free_port()
    environment = {
        **_environment(),
        **dict.fromkeys(
            ("STRIDEWELL_MESSAGE_RATES", "STRIDEWELL_ADDRESS_RATES", "STRIDEWELL_SESSION_RATES"),
            GENEROUS,
        ),
        "STRIDEWELL_PORT": str(port),
        "STRIDEWELL_ACTIONS_URL": actions.probe.removesuffix("/health"),
        "STRIDEWELL_MODEL": str(model),
        "STRIDEWELL_FOLDER": str(folder / f"ours-{port}"),
        **(settings or {}),
    }
    command = [sys.executable, "-m", "stridewell.serve", "dialogue"]
    probe = f"http://127.0.0.1:{port}/"
    return Server(OURS, command, probe, environment, folder / f"ours-{port}.log")


def stock_server(folder: Path, actions: Server, model: Path) -> Server:
    """Return a server with Rasa's default settings: REST channel, conversations in memory."""
    port = free_port()
    url = actions.probe.removesuffix("/health") + "/webhook"
    endpoints, credentials = folder / "stock-endpoints.yml", folder / "stock-credentials.yml"
    endpoints.write_text(yaml.safe_dump({"action_endpoint": {"url": url}}), encoding="utf-8")
    credentials.write_text("rest:\n", encoding="utf-8")
    command = [sys.executable, "-m", "rasa", "run", "--interface", "127.0.0.1"]
    command += ["--port", str(port), "--model", str(model)]
    command += ["--endpoints", str(endpoints), "--credentials", str(credentials)]
    environment = _environment()
    # Its threads as they come, not as this project sets them.
    environment.pop("OMP_NUM_THREADS", None)
    probe = f"http://127.0.0.1:{port}/"
    return Server(STOCK, command, probe, environment, folder / f"stock-{port}.log")


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def first_answer(server: Server) -> float:
    """Start a server and ask until it answers.

    Returns:
        Seconds from its start to its first answer.

    Raises:
        TimeoutError: None came.
        RuntimeError: The server ended.
    """
    began = time.monotonic()
    server.start()

    def answered() -> bool:
        if server.process is None or server.process.poll() is not None:
            raise RuntimeError(f"{server.name} ended:\n{server.log.read_text()[-3000:]}")
        try:
            RestPerson(server.probe).say("does running help sciatica")
        except (OSError, ValueError):
            return False
        return True

    until(answered, START_SECONDS)
    return time.monotonic() - began


# ---- what is measured


def measure_starts(make: Mapping[str, Callable[[], Server]], times: int) -> dict[str, list[float]]:
    """Start each system several times, in turns; return the seconds to the first answer."""
    found: dict[str, list[float]] = {name: [] for name in make}
    for _ in range(times):
        for name, new in make.items():
            server = new()
            try:
                found[name].append(first_answer(server))
            finally:
                server.stop()
    return found


def measure_latency(servers: Mapping[str, Server], effort: Effort) -> dict[str, dict[str, float]]:
    """Let one person talk to each server in turns; return milliseconds and processor time."""
    people = {name: RestPerson(server.probe) for name, server in servers.items()}
    texts = messages(effort.rounds * effort.messages + 30)
    for person in people.values():
        talk([person], texts[:30])
    loads = {name: Load() for name in servers}
    used = dict.fromkeys(servers, 0.0)
    for number in range(effort.rounds):
        part = texts[30 + number * effort.messages :][: effort.messages]
        for name, person in people.items():
            before = processor_seconds(_id(servers[name]))
            loads[name].add(talk([person], part))
            used[name] += processor_seconds(_id(servers[name])) - before
    return {
        name: {
            "latency_p50_ms": load.percentile(0.5),
            "latency_p95_ms": load.percentile(0.95),
            "latency_p99_ms": load.percentile(0.99),
            "processor_ms": 1000 * used[name] / len(load.seconds),
            "errors": float(len(load.errors)),
        }
        for name, load in loads.items()
    }


def measure_long(servers: Mapping[str, Server], effort: Effort) -> dict[str, dict[str, float]]:
    """Hold one long conversation with each server; return the milliseconds at some turns."""
    places = [turn for turn in (100, 500) if turn <= effort.turns] or [effort.turns]
    # Of about one length, so that only the place in the conversation differs.
    many = messages(20 * (effort.turns + effort.window), seed=2)
    alike = (text for text in many if len(text.split()) in LIKE_WORDS)
    texts = list(islice(alike, effort.turns + effort.window))
    found: dict[str, dict[str, float]] = {}
    people = {name: RestPerson(server.probe) for name, server in servers.items()}
    first: dict[str, list[float]] = {name: [] for name in servers}
    for text in texts[: effort.window]:  # Each the first turn of a conversation of its own.
        for name, person in people.items():
            first[name] += talk([person], [text]).seconds
    taken: dict[str, list[float]] = {name: [] for name in servers}
    for person in people.values():
        person.begin()
    for text in texts[effort.window :]:
        for name, person in people.items():
            began = time.perf_counter()
            person.say(text)
            taken[name].append(time.perf_counter() - began)
    for name, seconds in taken.items():
        found[name] = {"turn_1_ms": 1000 * median(first[name])}
        for turn in places:
            window = seconds[max(turn - effort.window, 0) : turn]
            found[name][f"turn_{turn}_ms"] = 1000 * median(window)
    return found


def measure_throughput(servers: Sequence[Server], effort: Effort) -> Load:
    """Saturate servers that share out the people; the people live on the last processor."""
    people = [RestPerson(servers[n % len(servers)].probe) for n in range(effort.people)]
    talk(people, messages(4 * effort.people, seed=3))
    with pinned({max(os.sched_getaffinity(0))}):
        return talk(people, messages(effort.saturating, seed=4))


def train_both(folder: Path) -> dict[str, dict[str, float]]:
    """Train both models; return seconds and processor seconds."""
    stock = folder / "stock"
    stock.mkdir()
    write_stock(stock)
    found = {}
    for name, project in ((OURS, ROOT), (STOCK, stock)):
        environment = {**_environment(), "RASA_CACHE_DIRECTORY": str(folder / "cache")}
        if name == STOCK:
            environment.pop("OMP_NUM_THREADS", None)
        command = [sys.executable, "-m", "rasa", "train", "--force", "--out", str(folder)]
        command += ["--fixed-model-name", "stock" if name == STOCK else "ours"]
        print(f"training: {name} ...", flush=True)
        began = time.monotonic()
        with (folder / "train.log").open("ab") as output:
            process = subprocess.Popen(
                command, cwd=project, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"The training failed:\n{(folder / 'train.log').read_text()[-3000:]}")
        found[name] = {
            "training_s": time.monotonic() - began,
            "training_cpu_s": usage.ru_utime + usage.ru_stime,
            "training_memory_mb": usage.ru_maxrss * 1024 / 1e6,
        }
    return found


def read_training(path: Path) -> dict[str, float]:
    """Read what ``/usr/bin/time -v`` said about a training.

    Raises:
        SystemExit: The file holds no such report.
    """
    report = path.read_text(encoding="utf-8", errors="replace")

    def number(pattern: str) -> str:
        match = re.search(pattern, report)
        if not match:
            raise SystemExit(f"{path} holds no report of '/usr/bin/time -v'.")
        return match.group(1)

    clock = number(r"Elapsed \(wall clock\) time.*: ([\d:.]+)\n").split(":")
    wall = sum(float(part) * 60**place for place, part in enumerate(reversed(clock)))
    used = float(number(r"User time.*: ([\d.]+)")) + float(number(r"System time.*: ([\d.]+)"))
    most = float(number(r"Maximum resident set size.*: (\d+)"))
    return {"training_s": wall, "training_cpu_s": used, "training_memory_mb": most * 1024 / 1e6}


# ---- the run


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Start servers and wait for their first answers; stop them afterwards."""
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop)
            if server.name == "actions":
                server.start()
                server.wait()
            else:
                first_answer(server)
        yield


def run(
    folder: Path, model: Path, stock_model: Path, effort: Effort, shared: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Measure both systems.

    Args:
        folder: Where logs and conversations go.
        model: Our model.
        stock_model: The other's.
        effort: How much is measured.
        shared: Settings of two servers that share their work: database, Redis and so on.

    Returns:
        The figures of each system.
    """
    actions = action_server(folder)
    make: dict[str, Callable[[], Server]] = {
        OURS: lambda: our_server(folder, actions, model),
        STOCK: lambda: stock_server(folder, actions, stock_model),
    }
    figures: dict[str, dict[str, Any]] = {name: {} for name in make}
    with running(actions):
        print("starts ...", flush=True)
        for name, seconds in measure_starts(make, effort.starts).items():
            figures[name]["first_answer_s"] = median(seconds)
        servers = {name: new() for name, new in make.items()}
        with running(*servers.values()):
            print("latency ...", flush=True)
            for name, found in measure_latency(servers, effort).items():
                figures[name] |= found
                figures[name]["resident_mb"] = resident_mb(_id(servers[name]))
                figures[name]["resident_with_actions_mb"] = figures[name]["resident_mb"] + (
                    resident_mb(_id(actions))
                )
            print("a long conversation ...", flush=True)
            for name, found in measure_long(servers, effort).items():
                figures[name] |= found
            print("throughput ...", flush=True)
            for name, server in servers.items():
                _note(figures[name], "throughput_1", measure_throughput([server], effort))
        pairs = {
            # The default servers know nothing of each other's conversations.
            STOCK: [make[STOCK](), make[STOCK]()],
            OURS: [our_server(folder, actions, model, shared) for _ in range(2)],
        }
        for name, pair in pairs.items():
            with running(*pair):
                _note(figures[name], "throughput_2", measure_throughput(pair, effort))
    return figures


def _note(figures: dict[str, Any], figure: str, load: Load) -> None:
    figures[figure] = load.rate
    figures["errors"] += len(load.errors)
    if load.errors:
        print(f"  {len(load.errors)} errors, the first: {load.errors[0]}", file=sys.stderr)


def _id(server: Server) -> int:
    if server.process is None:
        raise RuntimeError(f"{server.name} does not run.")
    return server.process.pid


# ---- what comes out


def show(record: Mapping[str, Any]) -> None:
    """Print the figures side by side, with the share and the target where there is one."""
    ours, stock = (record["figures"][name] for name in SYSTEMS)
    print(f"\n{'':28}{OURS:>14}{STOCK:>24}{'share':>9}{'target':>9}")
    for figure, value in ours.items():
        other = stock.get(figure)
        share = f"{value / other:.2f}" if other else "-"
        target = f"{TARGETS[figure]:.2f}" if figure in TARGETS else ""
        shown = f"{other:.1f}" if other is not None else "-"
        print(f"{figure:28}{value:14.1f}{shown:>24}{share:>9}{target:>9}")


def draw(record: Mapping[str, Any]) -> None:
    """Draw the figures side by side."""
    panels = {
        "milliseconds an answer": {
            "p50": "latency_p50_ms",
            "p95": "latency_p95_ms",
            "p99": "latency_p99_ms",
        },
        "milliseconds at turn": {"1": "turn_1_ms", "100": "turn_100_ms", "500": "turn_500_ms"},
        "messages a second": {"1 server": "throughput_1", "2 servers": "throughput_2"},
        "seconds to the first answer": {"": "first_answer_s"},
        "MB resident": {"": "resident_mb"},
        "processor minutes of training": {"": "training_cpu_s"},
    }
    bars = []
    for title, places in panels.items():
        rows = [
            [
                record["figures"][name].get(figure, 0.0) / (60 if "minutes" in title else 1)
                for figure in places.values()
            ]
            for name in SYSTEMS
        ]
        bars.append(Bars(title, list(places), rows))
    draw_bars(SYSTEMS, bars, FIGURE)


def main() -> int:
    """Run the comparison; print the table, write ``results/serving.json``, draw the figure."""
    options = _options()
    if options.write_stock:
        options.write_stock.mkdir(parents=True)
        write_stock(options.write_stock)
        return 0
    record: dict[str, Any] = {"run": machine.describe(), "effort": vars(_effort(options))}
    with tempfile.TemporaryDirectory(prefix="stridewell-serving-") as name:
        folder = Path(name)
        training: dict[str, dict[str, float]] = {}
        model, stock_model = options.model, options.stock_model
        if options.train:
            training = train_both(folder)
            model, stock_model = folder / "ours.tar.gz", folder / "stock.tar.gz"
        else:
            for system, path in ((OURS, options.training), (STOCK, options.stock_training)):
                training[system] = read_training(path) if path else {}
        with running_services(folder) as services:
            figures = run(folder, model, stock_model, _effort(options), services.settings)
    record["figures"] = {system: {**figures[system], **training[system]} for system in SYSTEMS}
    record["run"]["load_at_end"] = os.getloadavg()[0]
    show(record)
    if not options.quick:
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(record, indent=1), encoding="utf-8")
        draw(record)
    return 0


def _effort(options: argparse.Namespace) -> Effort:
    return QUICK if options.quick else Effort()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL, help="our trained model")
    parser.add_argument("--training", type=Path, help="what time -v said about its training")
    parser.add_argument("--stock-model", type=Path, help="the default pipeline's trained model")
    parser.add_argument("--stock-training", type=Path, help="what time -v said about its training")
    parser.add_argument("--train", action="store_true", help="train both first")
    parser.add_argument("--quick", action="store_true", help="see that it runs; writes nothing")
    parser.add_argument("--write-stock", type=Path, metavar="FOLDER", help="only write its project")
    options = parser.parse_args()
    if not (options.train or options.stock_model or options.write_stock):
        parser.error("give --stock-model, or --train")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
