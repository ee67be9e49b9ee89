"""What tests share: the trained model, and the assistant's servers running for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from stridewell import run as launcher
from stridewell.processes import Site, wait_until
from stridewell.train import MODEL, train
from tests.side_by_side import free_port

# Tests that one process runs, in this order, because they share servers or load the same model.
# When several processes run the tests, each takes the next group as soon as it has time: the long
# ones stand first.
GROUPS = (
    # The dialogues are had while the outage that the messaging apps go through takes its minute.
    ("messaging", "dialogue", "messaging/test_what_an_outage_leaves.py"),
    ("website", "browser"),
    ("safety",),
    ("serving", "safety/test_logs.py", "stories"),
    ("scale",),
    ("understanding",),
    ("handoff",),
    ("content", "actions"),
)
PLACES = {
    name: (number, place) for number, group in enumerate(GROUPS) for place, name in enumerate(group)
}
OTHERS = (len(GROUPS) - 1, len(GROUPS[-1]))  # What isn't named comes last.


def place_of(item: pytest.Item) -> tuple[int, int]:
    """Return the number of a test's group and its place there, by its file or its folder."""
    path = item.path.relative_to(Path(__file__).parent)
    return PLACES.get(path.as_posix()) or PLACES.get(path.parts[0], OTHERS)


@pytest.hookimpl(tryfirst=True)  # Before pytest-xdist reads the groups.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order, and tell pytest-xdist which belong together."""
    items.sort(key=place_of)
    for item in items:
        name = GROUPS[place_of(item)[0]][0]
        item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def model_path() -> Path:
    """The trained model's archive."""
    if not MODEL.is_file():
        assert train(), "the training failed: var/train.log says why"
    return MODEL


@dataclass
class Server:
    """The running servers of a site with its own ports and a fresh database."""

    site: Site
    supervisor: subprocess.Popen[bytes]
    control: Path

    @property
    def url(self) -> str:
        """Address of the dialogue server."""
        return self.site.url

    @property
    def actions_url(self) -> str:
        """Address of the action server."""
        return self.site.actions_url

    def ask(self, message: str, sender: str | None = None) -> list[dict[str, Any]]:
        """Send a message and return the replies."""
        body = json.dumps({"sender": sender or uuid4().hex, "message": message}).encode()
        request = urllib.request.Request(
            f"{self.url}/webhooks/rest/webhook", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            replies: list[dict[str, Any]] = json.load(response)
        return replies

    def texts(self, message: str, sender: str | None = None) -> list[str]:
        """Send a message and return the texts of the replies."""
        return [reply.get("text", "") for reply in self.ask(message, sender)]

    def kill_actions(self) -> None:
        """Stop the action server for good."""
        self._supervisorctl("stop", "actions")

    def restart_actions(self) -> None:
        """Start the action server again and wait for it."""
        self._supervisorctl("start", "actions")
        assert wait_until(self.site.actions_ready, lambda: True, 60)

    def _supervisorctl(self, *words: str) -> None:
        configuration = str(self.site.folder / "supervisord.conf")
        self.control.write_text(
            Path(configuration).read_text(encoding="utf-8")
            + "\n[supervisorctl]\nserverurl = unix://"
            + str(self.control.with_name("s.sock"))
        )
        subprocess.run(
            [sys.executable, "-m", "supervisor.supervisorctl", "-c", self.control, *words],
            check=True,
            capture_output=True,
        )


def start_server(folder: Path, model: Path) -> Server:
    """Start both servers and wait until they answer."""
    site = Site(free_port(), free_port(), folder, model)
    supervisor = launcher.start(site, folder / "s.sock")
    ready = wait_until(
        lambda: site.actions_ready() and site.dialogue_ready(),
        lambda: supervisor.poll() is None,
        launcher.START_SECONDS,
    )
    if not ready:
        launcher.stop(supervisor)
        log = folder / "dialogue.log"
        pytest.fail(f"The servers did not start:\n{log.read_text() if log.is_file() else ''}")
    return Server(site, supervisor, folder / "supervisorctl.conf")


@pytest.fixture(scope="session")
def server(model_path: Path) -> Iterator[Server]:
    """Both servers, started once for all tests that only ask questions."""
    # The path of a Unix socket must stay under about 100 characters, pytest's own is longer.
    with tempfile.TemporaryDirectory(prefix="stridewell-test-") as folder:
        running = start_server(Path(folder), model_path)
        yield running
        launcher.stop(running.supervisor)


@pytest.fixture(scope="session")
def at_the_end() -> Iterator[ExitStack]:
    """Takes what several folders of tests share, and closes it after the last test."""
    with ExitStack() as stack:
        yield stack


def in_ci() -> bool:
    """Tell whether a missing service is a failure (in CI) rather than a skip."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")
