"""No log line holds what somebody wrote, be it a warning sign or not understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Server

MARK = "zebrafinch"
MESSAGES = [
    f"I can't pee since I met the {MARK}",
    f"does running help sciatica, {MARK}?",
    f"{MARK} blorp gnarf",
    f"/ask_swimming {MARK} I can't pee",
    f"/{MARK} can't pee",
    f'/greet{{"{MARK}": "x"}}',
    f"my brother {MARK} says he wants to kill himself",
]


@pytest.fixture(scope="module")
def logs(server: Server) -> list[Path]:
    """The logs of both servers, after messages of every kind."""
    for message in MESSAGES:
        assert server.ask(message)
    found = sorted(server.site.folder.glob("*.log"))
    assert {"dialogue.log", "actions.log"} <= {path.name for path in found}
    return found


def test_no_log_holds_words_of_a_message(logs: list[Path]) -> None:
    holding = [
        f"{path.name}:{number}"
        for path in logs
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MARK in line.lower()
    ]
    assert holding == []
