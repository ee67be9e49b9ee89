"""`make shell`, driven through a terminal."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pexpect
import pytest

from stridewell.settings import ROOT

DOWN, ENTER = "\x1b[B", "\r"


@pytest.fixture
def shell(model_path: Path) -> pexpect.spawn[str]:
    """A shell that waits for the first question."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "stridewell.shell"],
        cwd=str(ROOT),
        encoding="utf-8",
        timeout=120,
        dimensions=(50, 400),
    )
    child.expect("Your input ->")
    return child


def test_the_shell_answers_and_ends_with_its_action_server(shell: pexpect.spawn[str]) -> None:
    shell.sendline("does running help sciatica")
    shell.expect("It may ease sciatica for some people")
    shell.expect("not medical advice")
    shell.expect("Where is this from")
    shell.send(DOWN + ENTER)
    shell.expect("comes from 4 articles")
    shell.expect("Your input ->")
    shell.sendline("/stop")
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.pid is not None
    assert not action_servers_of(shell.pid)


def action_servers_of(parent: int) -> list[str]:
    """Return the commands of processes that ``parent`` left behind."""
    time.sleep(1)
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if f"PPid:\t{parent}\n" in status and "rasa_sdk" in command:
            found.append(command)
    return found
