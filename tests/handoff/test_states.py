"""What people are told about the state of a hand-off is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from stridewell.handoff.outbox import NewHandoff, Outbox, new_reference
from stridewell.handoff.settings import HandoffSettings, SiteSettings, WebhookSettings
from stridewell.handoff.states import describe, recipients, reply_expectation, retention
from tests.handoff.conftest import Clock

HOOK = WebhookSettings("hook", "the clinic", "contact", "https://example.org")
SETTINGS = HandoffSettings(site=SiteSettings(phone="020 7946 0018"), targets={"hook": HOOK})


class Case:
    """A stored hand-off that a test moves on."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.outbox = Outbox(f"sqlite:///{folder / 'outbox.db'}", 30, self.clock)
        self.id = uuid4().hex
        content: dict[str, Any] = {"text": "", "data": {}, "contact": None}
        self.outbox.store(NewHandoff(self.id, "c", new_reference(self.id), "", content, ("hook",)))

    def told(self) -> str:
        return describe(self.outbox.states("c"), SETTINGS, self.clock.now)

    def fail(self) -> None:
        claim = self.outbox.claim("hook", 60)
        assert claim
        self.outbox.mark_failed(claim, "refused", 60)

    def send(self) -> None:
        claim = self.outbox.claim("hook", 60)
        assert claim
        self.outbox.mark_sent(claim)


def test_before_the_first_try_it_waits(tmp_path: Path) -> None:
    assert "Waiting to be sent to the clinic. It has not been sent yet." in Case(tmp_path).told()


def test_while_it_is_on_its_way_it_still_waits(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.outbox.claim("hook", 60)
    assert "has not been sent yet" in case.told()


def test_after_a_failed_try_it_says_so_and_what_to_do_meanwhile(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.fail()
    assert "could not be sent to the clinic yet" in case.told()
    assert "Contact the clinic yourself at 020 7946 0018, or see a doctor." in case.told()


def test_when_no_worker_runs_it_does_not_go_on_saying_waiting(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.clock.now += 600
    assert "could not be sent" in case.told()


def test_sent_is_said_only_after_it_was_sent(tmp_path: Path) -> None:
    case = Case(tmp_path)
    assert "Sent to" not in case.told()
    case.send()
    assert "Sent to the clinic at" in case.told()


def test_taken_back_in_time_was_not_sent(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.outbox.withdraw(case.id)
    assert "Taken back. It was not sent to the clinic." in case.told()


def test_taken_back_too_late_says_that_it_can_not_be_called_back(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.send()
    case.outbox.withdraw(case.id)
    assert "can't be called back" in case.told()


def test_taken_back_on_its_way_may_have_arrived(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.outbox.claim("hook", 60)
    case.outbox.withdraw(case.id)
    assert "It may have arrived." in case.told()


def test_consent_names_who_gets_what() -> None:
    assert recipients(SETTINGS) == (
        "The clinic would get only that you ask for help and how to reach you."
    )
    assert retention(HandoffSettings(retention_days=1)) == "1 day"


def test_what_the_site_says_about_replies_is_shown() -> None:
    site = SiteSettings(
        opening_hours="Monday to Friday, 8 am to 6 pm", reply_time="two days",
        languages=("English", "Polish"),
    )  # fmt: skip
    assert reply_expectation(site) == (
        "Opening hours: Monday to Friday, 8 am to 6 pm. Usual time to reply: two days."
        " Languages: English and Polish."
    )
    assert reply_expectation(SiteSettings()) == "I can't say how soon they reply."
