"""The hand-off's commands, as somebody who looks after a site runs them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from stridewell.handoff.__main__ import main
from stridewell.handoff.outbox import NewHandoff, new_reference
from tests.handoff.conftest import Bench
from tests.handoff.fakes.chatwoot import FakeChatwoot
from tests.handoff.fakes.faults import Fault
from tests.handoff.fakes.mailserver import MailServer
from tests.handoff.fakes.webhook import FakeWebhook


def store(bench: Bench, target: str) -> NewHandoff:
    number = uuid4().hex
    content = {"text": "My leg hurts.", "data": {}, "contact": {"value": "jo@example.com"}}
    new = NewHandoff(number, number, new_reference(number), "yes", content, (target,))
    bench.outbox.store(new)
    return new


def test_the_test_command_reaches_every_target(
    bench: Bench, mail: MailServer, chatwoot: FakeChatwoot, webhook: FakeWebhook,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main(["test"]) == 0
    assert len(mail.mails) == len(chatwoot.conversations) == len(webhook.messages) == 1
    assert capsys.readouterr().out.count(": sent, number ") == 3


def test_the_test_command_says_what_is_wrong(
    bench: Bench, webhook: FakeWebhook, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.faults.add([Fault.REFUSE])
    assert main(["test"]) == 1
    assert "hook: not sent: the webhook: answered 403." in capsys.readouterr().out


def test_status_shows_what_waits_without_content(
    bench: Bench, webhook: FakeWebhook, capsys: pytest.CaptureFixture[str]
) -> None:
    new = store(bench, "hook")
    assert main(["status"]) == 0
    shown = capsys.readouterr().out
    assert f"{new.reference} " in shown
    assert "hook: waiting" in shown
    assert "leg" not in shown
    assert "jo@" not in shown


def test_status_tells_of_a_target_that_is_gone(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    store(bench, "gone")
    assert main(["status"]) == 1
    assert "the target 'gone', which handoff.yml doesn't have" in capsys.readouterr().out


def test_worker_once_delivers_and_ends(bench: Bench, webhook: FakeWebhook) -> None:
    store(bench, "hook")
    assert main(["worker", "--once"]) == 0
    assert len(webhook.messages) == 1


def test_purge_keeps_what_is_not_due(bench: Bench, webhook: FakeWebhook) -> None:
    new = store(bench, "hook")
    assert main(["purge"]) == 0
    assert len(bench.outbox.states(new.conversation)) == 1
