"""Breaks the parts of a site under load, again and again, and looks what people notice of it.

Usage::

    python -m benchmarks.faults [--times 20] [--people 6] [--only NAME ...] [--seed 1]

Two dialogue servers behind nginx, an action server, and PostgreSQL, Redis and RabbitMQ of the
benchmark's own; for the full disk one dialogue server on SQLite in a small file system, which only
root can mount. People talk all the time, a fifth of their messages are emergencies, and they send
a message again under the same id when the site asks for that or does not answer. Each part is
broken at random moments. Afterwards each conversation is read back and compared with what its
person was told.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import machine
from benchmarks.load import Refused, WebPerson, median, messages, until
from benchmarks.services import Services, running_services
from benchmarks.topology import Server, Topology, answers
from stridewell.settings import ROOT

RECORD = ROOT / "results" / "faults.json"
MODEL = ROOT / "models" / "stridewell.tar.gz"
GENEROUS = "1000000 per minute"
UNLIMITED = {f"STRIDEWELL_{kind}_RATES": GENEROUS for kind in ("MESSAGE", "ADDRESS", "SESSION")}
EMERGENCIES = (
    "I can't feel my groin and I can't pee",
    "I have lost control of my bladder and my saddle area is numb",
    "both my legs are suddenly weak and I can't stop wetting myself",
)
EMERGENCY_SHARE = 0.2
TURNS = 8
PATIENCE_SECONDS = 90.0
RECOVERY_SECONDS = 240.0
RETRYABLE = {429, 500, 502, 503, 504}
SMALL_DISK = "24m"
# So many events and turns may be on their way at any moment under load.
FEW = 100


@dataclass
class Said:
    """A message and what came of it.

    Attributes:
        id: Its id.
        text: The message.
        replies: Ids and texts of the replies in the end.
        kinds: The kinds of the replies.
        seconds: From the first attempt to the answer.
        tries: How often it was sent.
    """

    id: str
    text: str
    replies: list[tuple[str, str]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    seconds: float = 0.0
    tries: int = 0


@dataclass
class Conversation:
    """A conversation as its person remembers it."""

    person: WebPerson
    said: list[Said] = field(default_factory=list)


class Visitor:
    """Talks until told to stop, one conversation after the other.

    Args:
        url: The site.
        seed: Decides what is said.
    """

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._chooser = random.Random(seed)
        self._texts = messages(2000, seed)
        self.conversations: list[Conversation] = []
        self.refusals: Counter[str] = Counter()
        self.problems: list[str] = []

    def live(self, stop: threading.Event) -> None:
        """Talk."""
        while not stop.is_set():
            talk = Conversation(WebPerson(self._url))
            if not self._insist(talk.person.begin, time.monotonic() + PATIENCE_SECONDS):
                self.problems.append("no session")
                continue
            self.conversations.append(talk)
            for _ in range(TURNS):
                if stop.is_set():
                    break
                self._say(talk)

    def _say(self, talk: Conversation) -> None:
        urgent = self._chooser.random() < EMERGENCY_SHARE
        text = self._chooser.choice(EMERGENCIES if urgent else self._texts)
        said = Said(uuid4().hex, text)
        talk.said.append(said)
        began = time.monotonic()

        def send() -> None:
            said.tries += 1
            replies = talk.person.send(said.id, text)
            said.replies = [(reply["id"], reply["text"]) for reply in replies]
            said.kinds = [reply["kind"] for reply in replies]

        if not self._insist(send, began + PATIENCE_SECONDS):
            self.problems.append("a message was never answered")
        said.seconds = time.monotonic() - began

    def _insist(self, attempt: Callable[[], None], end: float) -> bool:
        """Try until it works; return whether it did."""
        while time.monotonic() < end:
            try:
                attempt()
                return True
            except Refused as refusal:
                self.refusals[str(refusal.status)] += 1
                if refusal.status not in RETRYABLE:
                    self.problems.append(str(refusal))
                    return False
            except (OSError, ValueError) as error:
                self.refusals[type(error.__cause__ or error).__name__] += 1
            time.sleep(0.2)
        return False


@dataclass(frozen=True)
class Fault:
    """A part that breaks.

    Attributes:
        name: What happens.
        strike: Breaks it.
        mend: Brings it back.
        outage: Shortest and longest time in seconds that it stays broken.
    """

    name: str
    strike: Callable[[], None]
    mend: Callable[[], None]
    outage: tuple[float, float]


@dataclass
class Outcome:
    """What a fault did.

    Attributes:
        recoveries: Seconds from each repair until everything was whole again.
        waits: Seconds of each message.
        found: Counts of messages, retries, refusals and of what went wrong.
    """

    recoveries: list[float]
    waits: list[float]
    found: dict[str, int]

    @property
    def failures(self) -> int:
        """How many things went wrong."""
        return sum(self.found[name] for name in WRONG)


# What must be none in a record.
WRONG = ("problems", "lost", "mixed up", "answered twice", "changed", "without safety text")


def compare(conversation: Conversation) -> Counter[str]:
    """Compare a conversation with what the site keeps of it.

    Raises:
        OSError: The site does not tell.
    """
    found: Counter[str] = Counter()
    kept: dict[str, list[tuple[str, str]]] = {}
    order: list[str] = []
    words: dict[str, str] = {}
    try:
        history = conversation.person.history()
    except Refused:
        raise
    except OSError:  # The connection has been idle for too long.
        history = conversation.person.history()
    for message in history:
        if message["from"] == "person":
            order.append(message["id"])
            words[message["id"]] = message["text"]
            kept.setdefault(message["id"], [])
        else:
            key = message["id"].rpartition(".")[0]
            kept.setdefault(key, []).append((message["id"], message["text"]))
    mine = {said.id: said for said in conversation.said}
    found["mixed up"] += sum(1 for key in kept if key not in mine)
    expected = [said.id for said in conversation.said if said.id in kept]
    found["mixed up"] += order != expected
    for said in conversation.said:
        found["messages"] += 1
        found["sent again"] += said.tries > 1
        urgent = said.text in EMERGENCIES
        found["emergencies"] += urgent
        if urgent and said.kinds[:1] != ["safety"]:
            found["without safety text"] += 1
        if said.id not in kept:
            found["lost"] += 1
            print(f"  lost: {said}", flush=True)
            continue
        found["mixed up"] += words.get(said.id) != said.text
        texts = [text for _, text in kept[said.id]]
        found["answered twice"] += len(texts) != len(set(texts))
        found["changed"] += bool(said.replies) and kept[said.id] != said.replies
    return found


def waiting(site: Topology) -> float:
    """Return how many turns and events wait in the memory of all dialogue servers."""
    names = ("stridewell_turns_waiting ", "stridewell_events_waiting ")
    total = 0.0
    for server in site.dialogue:
        page = urllib.request.urlopen(server.probe.replace("/readyz", "/metrics"), timeout=10)
        lines = page.read().decode().splitlines()
        total += sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(names))
    return total


def whole(site: Topology) -> bool:
    """Tell whether all servers are ready, little waits, and an answer comes with all its parts."""
    if not all(answers(server.probe) for server in site.dialogue):
        return False
    try:
        if waiting(site) > FEW:
            return False
    except OSError:
        return False
    try:
        replies = WebPerson(site.url).send(uuid4().hex, "does running help sciatica")
    except (OSError, ValueError):
        return False
    return [reply["kind"] for reply in replies] == ["answer", "disclaimer"]


def try_fault(site: Topology, fault: Fault, times: int, people: int, seed: int) -> Outcome:
    """Let people talk, and break and mend a part at random moments.

    Args:
        site: A running site.
        fault: What breaks.
        times: How often.
        people: How many talk.
        seed: Decides the moments and what is said.

    Returns:
        What people noticed.
    """
    chooser = random.Random(seed)
    visitors = [Visitor(site.url, seed * 1000 + number) for number in range(people)]
    stop = threading.Event()
    threads = [threading.Thread(target=visitor.live, args=(stop,)) for visitor in visitors]
    for thread in threads:
        thread.start()
    recoveries = []
    try:
        for _ in range(times):
            time.sleep(chooser.uniform(0.5, 3.0))
            fault.strike()
            time.sleep(chooser.uniform(*fault.outage))
            began = time.monotonic()
            fault.mend()
            until(lambda: whole(site), RECOVERY_SECONDS)
            recoveries.append(time.monotonic() - began)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    until(lambda: not waiting(site), RECOVERY_SECONDS)
    found: Counter[str] = Counter(dict.fromkeys(WRONG, 0))
    for visitor in visitors:
        found["problems"] += len(visitor.problems)
        for what, count in visitor.refusals.items():
            found[f"refusal {what}"] += count
        for conversation in visitor.conversations:
            found["conversations"] += 1
            found += compare(conversation) if conversation.said else Counter()
    waits = [said.seconds for v in visitors for c in v.conversations for said in c.said]
    # Adding counters drops what is none.
    return Outcome(recoveries, waits, {**dict.fromkeys(WRONG, 0), **found})


# ---- the sites and their faults


@contextmanager
def scaled_site(folder: Path, model: Path) -> Iterator[tuple[Topology, Services]]:
    """Start two dialogue servers behind nginx with services of their own."""
    with running_services(folder) as services:
        site = Topology(folder, model, {**services.settings, **UNLIMITED})
        try:
            site.start()
            yield site, services
        finally:
            site.stop()


@contextmanager
def small_site(folder: Path, model: Path) -> Iterator[tuple[Topology, Path]]:
    """Start one dialogue server on SQLite in a small file system.

    Raises:
        RuntimeError: The file system can't be mounted.
    """
    site = Topology(folder, model, {**UNLIMITED, "STRIDEWELL_SECRET_KEY": uuid4().hex}, 1)
    disk = folder / "dialogue-1"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"A small file system can't be mounted: {done.stderr.strip()}")
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=False)
        stack.callback(site.stop)
        site.start()
        yield site, disk


def faults_of_servers(site: Topology, services: Services, seed: int) -> list[Fault]:
    """Return the faults of a scaled site."""
    chooser = random.Random(seed)
    if site.actions is None or services.rabbitmq is None:
        raise ValueError("The site lacks a part.")
    killed: list[Server] = []

    def kill_one() -> None:
        killed.append(chooser.choice(site.dialogue))
        killed[-1].kill()

    return [
        Fault("dialogue server killed", kill_one, lambda: killed[-1].start(), (0.0, 1.0)),
        Fault("action server killed", site.actions.kill, site.actions.start, (0.2, 2.0)),
        Fault("Redis restarted", services.redis.stop, services.redis.start, (0.0, 2.0)),
        Fault(
            "PostgreSQL restarted", services.postgresql.stop, services.postgresql.start, (0.0, 4.0)
        ),
        Fault("RabbitMQ stopped", services.rabbitmq.stop, services.rabbitmq.start, (0.5, 3.0)),
    ]


def fault_of_disk(disk: Path) -> Fault:
    """Return the fault of a full disk."""
    ballast = disk / "ballast"

    def fill() -> None:
        with suppress(OSError), ballast.open("wb") as output:
            while True:
                output.write(bytes(65536))
                output.flush()

    return Fault("disk full (SQLite)", fill, lambda: ballast.unlink(), (0.5, 4.0))


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Try each fault; return the record."""
    record: dict[str, Any] = {
        "run": machine.describe(),
        "times": options.times,
        "people": options.people,
        "seed": options.seed,
        "faults": {},
    }

    def try_all(site: Topology, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if options.only and not any(word in fault.name for word in options.only):
                continue
            print(f"{fault.name}, {options.times} times ...", flush=True)
            outcome = try_fault(site, fault, options.times, options.people, options.seed)
            record["faults"][fault.name] = figures(outcome)
            show(fault.name, record["faults"][fault.name])

    with tempfile.TemporaryDirectory(prefix="stridewell-faults-") as name:
        folder = Path(name)
        with scaled_site(folder, options.model) as (site, services):
            try_all(site, faults_of_servers(site, services, options.seed))
    with (
        tempfile.TemporaryDirectory(prefix="stridewell-faults-") as name,
        small_site(Path(name), options.model) as (site, disk),
    ):
        try_all(site, [fault_of_disk(disk)])
    return record


def figures(outcome: Outcome) -> dict[str, Any]:
    """Return what is kept of an outcome."""
    waits, most = sorted(outcome.waits), max(outcome.recoveries)
    return {
        "times": len(outcome.recoveries),
        "recovery_s": {"median": median(outcome.recoveries), "most": most},
        "wait_s": {
            "median": median(waits),
            "p99": waits[int(0.99 * len(waits))],
            "most": waits[-1],
        },
        **outcome.found,
    }


def show(name: str, found: dict[str, Any]) -> None:
    """Print what came of a fault."""
    recovery, wait = found["recovery_s"], found["wait_s"]
    print(f"{name}: {found['messages']} messages, {found.get('sent again', 0)} sent again")
    print(f"  whole again after {recovery['median']:.1f} s, at most {recovery['most']:.1f} s")
    print(f"  an answer took {wait['median']:.2f} s, at most {wait['most']:.1f} s")
    for what, count in sorted(found.items()):
        if isinstance(count, int) and what not in ("messages", "sent again", "times"):
            print(f"  {count:6d} {what}")


def main() -> int:
    """Try all faults; print what people noticed, write ``results/faults.json``.

    Returns:
        1 if something went wrong that must not.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=20, help="how often each part breaks")
    parser.add_argument("--people", type=int, default=6, help="how many talk at the same time")
    parser.add_argument("--seed", type=int, default=1, help="decides the moments and the messages")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="faults with one of these words")
    parser.add_argument("--model", type=Path, default=MODEL, help="the trained model")
    options = parser.parse_args()
    record = run(options)
    if not options.only:
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return int(any(found[what] for found in record["faults"].values() for what in WRONG))


if __name__ == "__main__":
    raise SystemExit(main())
