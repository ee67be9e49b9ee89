"""People who write to a site over HTTP: addresses and messages in, times and mistakes out.

Each person waits for an answer before they write again, as people do. So a site never has more
messages at once than there are people, and with enough people it is saturated.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.questions import project_examples

SEED = 7
ANSWER_SECONDS = 60.0


class Person(Protocol):
    """Somebody who talks to a site."""

    def begin(self) -> None:
        """Begin a new conversation."""

    def say(self, text: str) -> None:
        """Say something and wait for the answer.

        Raises:
            OSError: The site can't be reached or answers with an error.
            ValueError: The answer is empty or none of the site's.
        """


class Refused(OSError):
    """The site answered with an error.

    Args:
        status: Its HTTP status.
        content: What came with it.
    """

    def __init__(self, status: int, content: bytes) -> None:
        super().__init__(f"status {status}: {content[:200]!r}")
        self.status = status
        self.content = content


class _Caller:
    """Keeps one connection to a site."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)

    def call(self, path: str, body: object, headers: dict[str, str]) -> Any:
        """Send JSON, or ask with GET when there is no body; return what came back.

        Raises:
            Refused: The site answered with an error.
            OSError: It can't be reached.
            ValueError: No JSON came back.
        """
        sent = None if body is None else json.dumps(body)
        every = headers if sent is None else {"Content-Type": "application/json", **headers}
        try:
            self._connection.request("GET" if sent is None else "POST", path, sent, every)
            response = self._connection.getresponse()
            content = response.read()
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            raise OSError(f"{type(error).__name__}: {error}") from error
        if response.status >= 300:
            raise Refused(response.status, content)
        return json.loads(content)


class RestPerson(_Caller):
    """Talks through Rasa's REST channel."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.begin()

    def begin(self) -> None:
        """Begin a new conversation."""
        self._sender = uuid4().hex

    def say(self, text: str) -> None:
        """Say something and wait for the answer (see ``Person``)."""
        body = {"sender": self._sender, "message": text}
        if not self.call("/webhooks/rest/webhook", body, {}):
            raise ValueError("no answer")


class WebPerson(_Caller):
    """Talks through the website's API, as the widget does."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._token = ""

    def begin(self) -> None:
        """Begin a new conversation."""
        self._token = self.call("/chat/sessions", {}, {})["token"]

    def say(self, text: str) -> None:
        """Say something and wait for the answer (see ``Person``)."""
        if not self.send(uuid4().hex, text):
            raise ValueError("no answer")

    def send(self, message_id: str, text: str) -> list[dict[str, Any]]:
        """Send a message under an id of one's own; return the replies (see ``call``)."""
        if not self._token:
            self.begin()
        body = {"id": message_id, "text": text}
        return list(self.call("/chat/messages", body, self._headers())["messages"])

    def history(self) -> list[dict[str, Any]]:
        """Return the conversation as the site keeps it (see ``call``)."""
        return list(self.call("/chat/messages", None, self._headers())["messages"])

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


@dataclass
class Load:
    """What a load found.

    Attributes:
        seconds: How long each answered message took.
        errors: What went wrong with the others.
        elapsed: Seconds from the first message to the last answer.
        processor_seconds: Processor time of the people themselves.
    """

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    elapsed: float = 0.0
    processor_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answered messages a second."""
        return len(self.seconds) / self.elapsed if self.elapsed else 0.0

    def percentile(self, share: float) -> float:
        """Return how many milliseconds this share of the answers took at most."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    def add(self, other: Load) -> None:
        """Take in what another load found after this one."""
        self.seconds += other.seconds
        self.errors += other.errors
        self.elapsed += other.elapsed
        self.processor_seconds += other.processor_seconds


def talk(people: Sequence[Person], messages: Sequence[str], turns: int = 6) -> Load:
    """Let people share out messages, all at the same time.

    Args:
        people: Who talks; each in a thread of their own.
        messages: What they say, each message once.
        turns: How many messages a conversation has.

    Returns:
        Times and mistakes.
    """
    waiting, load, lock = iter(messages), Load(), threading.Lock()

    def take() -> str | None:
        with lock:
            return next(waiting, None)

    def live(person: Person) -> None:
        said = 0
        while (text := take()) is not None:
            began = time.perf_counter()
            try:
                if said % turns == 0:
                    person.begin()
                    began = time.perf_counter()
                said += 1
                person.say(text)
            except (OSError, ValueError) as error:
                load.errors.append(f"{type(error).__name__}: {error}")
            else:
                load.seconds.append(time.perf_counter() - began)

    threads = [threading.Thread(target=live, args=(person,)) for person in people]
    began, used = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.elapsed = time.perf_counter() - began
    load.processor_seconds = time.process_time() - used
    return load


def messages(count: int, seed: int = SEED) -> list[str]:
    """Return questions in an order that the seed decides: the project's own examples.

    A text comes again only after all others, so that no cache of recent texts helps.
    """
    examples = project_examples()
    texts = sorted(
        {
            text
            for text, label in zip(examples.texts, examples.labels, strict=True)
            if label.startswith("ask_") or label == "out_of_scope"
        }
    )
    found: list[str] = []
    chooser = random.Random(seed)
    while len(found) < count:
        found += chooser.sample(texts, len(texts))
    return found[:count]


@contextmanager
def pinned(processors: set[int] | None) -> Iterator[None]:
    """Keep this process's new threads on some processors; ``None`` for all."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def median(values: Sequence[float]) -> float:
    """Return the median, 0 for none."""
    return statistics.median(values) if values else 0.0


def until(done: Callable[[], bool], seconds: float, pause: float = 0.05) -> float:
    """Wait for something.

    Returns:
        How long it took.

    Raises:
        TimeoutError: It did not come.
    """
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"It did not come within {seconds:.0f} s.")
        time.sleep(pause)
    return time.monotonic() - began
