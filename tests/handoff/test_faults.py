"""Nothing is lost and nothing arrives twice, whatever the targets and the worker go through."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from stridewell.handoff.outbox import SENT, WAITING, NewHandoff, Outbox, new_reference
from stridewell.handoff.settings import HandoffSettings, load_handoff_settings
from stridewell.handoff.targets import make_target
from stridewell.handoff.targets.base import Parcel, Save, Target
from stridewell.handoff.worker import Worker, back_off
from stridewell.settings import ROOT
from tests.handoff.conftest import (
    SECRET,
    TOKEN,
    Bench,
    Clock,
    chatwoot_target,
    mail_target,
    webhook_target,
)
from tests.handoff.fakes.chatwoot import FakeChatwoot
from tests.handoff.fakes.faults import Fault
from tests.handoff.fakes.mailserver import MailServer
from tests.handoff.fakes.webhook import FakeWebhook

KINDS = ("mail", "chatwoot", "webhook")
CHATWOOT_STEPS = 8
RUNS = 200
SEED = 20261121
Fake = MailServer | FakeChatwoot | FakeWebhook


class Killed(BaseException):
    """The worker's process ends here, at once."""


class Killer:
    """Kills the worker at the next chosen moment."""

    MOMENTS = ("before", "after", "progress")

    def __init__(self) -> None:
        self.next: list[str] = []

    def at(self, moment: str) -> None:
        if self.next and self.next[0] == moment:
            self.next.pop(0)
            raise Killed

    def wrap(self, target: Target) -> Target:
        return _Mortal(target, self)


class _Mortal:
    def __init__(self, target: Target, killer: Killer) -> None:
        self._target = target
        self._killer = killer

    def deliver(self, parcel: Parcel, progress: Mapping[str, Any], save: Save) -> None:
        def saving(reached: Mapping[str, Any]) -> None:
            self._killer.at("progress")
            save(reached)

        self._killer.at("before")
        self._target.deliver(parcel, progress, saving)
        self._killer.at("after")


@dataclass
class Plant:
    """The three targets, a worker that can be killed, and a clock that can be moved."""

    settings: HandoffSettings
    fakes: dict[str, Fake]
    killer: Killer
    clock: Clock
    outbox: Outbox

    def store(self, kinds: tuple[str, ...]) -> NewHandoff:
        number = uuid4().hex
        text = f"Hand-off number: {new_reference(number)}\nMy leg hurts."
        content: dict[str, Any] = {"text": text, "data": {"situation": {}}, "contact": None}
        new = NewHandoff(number, number, new_reference(number), "yes", content, kinds)
        assert self.outbox.store(new)
        return new

    def work(self) -> None:
        """Start a worker, let it do what is due, and move on until its leases and waits end."""
        targets = {
            name: self.killer.wrap(make_target(target))
            for name, target in self.settings.targets.items()
        }
        with suppress(Killed):
            Worker(self.settings, self.outbox, targets, lambda: 0.0).deliver_all()
        self.clock.now += self.settings.delivery.longest_retry + self.settings.delivery.lease + 1

    def waiting(self, new: NewHandoff) -> list[str]:
        (state,) = self.outbox.states(new.conversation)
        for delivery in state.deliveries:
            assert delivery.state in (WAITING, SENT)
            if delivery.state == SENT:
                assert self.arrivals(new, delivery.target), "sent was said of what never arrived"
        return [d.target for d in state.deliveries if d.state == WAITING]

    def arrivals(self, new: NewHandoff, kind: str) -> int:
        """How often a hand-off arrived, as somebody at the target would count."""
        fake, key = self.fakes[kind], f"{new.id}-{kind}"
        if isinstance(fake, MailServer):
            # A repeat with the same Message-ID is one mail to those who read it.
            return len({found for found in fake.ids if found == f"<{key}@clinic.example>"})
        if isinstance(fake, FakeChatwoot):
            mine = [
                found
                for found in fake.conversations.values()
                if found["custom_attributes"]["stridewell_handoff"] == key
            ]
            messages = [m for found in mine for m in found["messages"]]
            # An empty conversation beside the right one would be seen as a second hand-off.
            return max(len(messages), len(mine)) if messages else 0
        return int(key in fake.messages)


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Fake]]:
    hang = 0.35
    servers: dict[str, Fake] = {
        "mail": MailServer(tmp_path_factory.mktemp("mail"), hang_seconds=hang),
        "chatwoot": FakeChatwoot(TOKEN, hang_seconds=hang),
        "webhook": FakeWebhook(SECRET, hang_seconds=hang),
    }
    yield servers
    for server in servers.values():
        server.down()


@pytest.fixture
def plant(bench: Bench, fakes: dict[str, Fake]) -> Plant:
    for fake in fakes.values():
        fake.faults.clear()
    mail, chatwoot, webhook = (fakes[kind] for kind in KINDS)
    assert isinstance(mail, MailServer)
    assert isinstance(chatwoot, FakeChatwoot)
    assert isinstance(webhook, FakeWebhook)
    bench.configure(
        delivery={
            "timeout_seconds": 0.25, "lease_seconds": 5, "first_retry_seconds": 1,
            "longest_retry_seconds": 4,
        },
        targets={
            "mail": mail_target(mail),
            "chatwoot": chatwoot_target(chatwoot),
            "webhook": webhook_target(webhook, "full"),
        },
    )  # fmt: skip
    clock = Clock()
    settings = load_handoff_settings()
    return Plant(settings, fakes, Killer(), clock, Outbox(settings.database, 30, clock))


def until_sent(plant: Plant, new: NewHandoff, most: int = 12) -> int:
    """Work until everything is sent; return how many tries it took."""
    for tries in range(1, most + 1):
        plant.work()
        if not plant.waiting(new):
            return tries
    raise AssertionError(f"still waiting for {plant.waiting(new)} after {most} tries")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", [None, *Fault])
def test_each_fault_ends_in_one_delivery(plant: Plant, kind: str, fault: Fault | None) -> None:
    plant.fakes[kind].faults.add([fault, fault] if fault else [])
    new = plant.store((kind,))
    tries = until_sent(plant, new)
    assert plant.arrivals(new, kind) == 1
    assert tries >= 1 if fault in (None, Fault.TWICE) else tries >= 2


@pytest.mark.parametrize("step", range(CHATWOOT_STEPS))
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.DROP_AFTER, Fault.HANG_AFTER, Fault.TWICE])
def test_a_fault_at_any_step_of_chatwoots_delivery_ends_in_one_conversation(
    plant: Plant, fault: Fault, step: int
) -> None:
    plant.fakes["chatwoot"].faults.add([*[None] * step, fault])
    new = plant.store(("chatwoot",))
    until_sent(plant, new)
    assert not plant.fakes["chatwoot"].faults.left
    assert plant.arrivals(new, "chatwoot") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_that_is_down_for_a_while_gets_it_later(plant: Plant, kind: str) -> None:
    plant.fakes[kind].down()
    new = plant.store((kind,))
    for _ in range(3):
        plant.work()
        assert plant.waiting(new) == [kind]
    plant.fakes[kind].up()
    until_sent(plant, new)
    assert plant.arrivals(new, kind) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", Killer.MOMENTS)
def test_a_killed_worker_loses_nothing(plant: Plant, kind: str, moment: str) -> None:
    plant.killer.next = [moment]
    new = plant.store((kind,))
    plant.work()
    if plant.killer.next:  # only Chatwoot's delivery saves how far it got
        assert (moment, kind) in {("progress", "mail"), ("progress", "webhook")}
        plant.killer.next = []
    else:
        assert plant.waiting(new) == [kind]
        until_sent(plant, new)
    assert plant.arrivals(new, kind) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_one_target_that_fails_holds_up_no_other(plant: Plant, kind: str) -> None:
    plant.fakes[kind].down()
    new = plant.store(KINDS)
    plant.work()
    assert plant.waiting(new) == [kind]
    plant.fakes[kind].up()
    until_sent(plant, new)


def test_a_repeat_by_mail_carries_the_same_message_id_and_date(plant: Plant) -> None:
    mail = plant.fakes["mail"]
    assert isinstance(mail, MailServer)
    mail.faults.add([Fault.DROP_AFTER])
    before = len(mail.mails)
    until_sent(plant, plant.store(("mail",)))
    first, second = mail.mails[before:]
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


def test_a_target_that_asks_for_time_gets_it(plant: Plant) -> None:
    plant.fakes["webhook"].faults.add([Fault.BUSY])
    new = plant.store(("webhook",))
    targets = {"webhook": make_target(plant.settings.targets["webhook"])}
    Worker(plant.settings, plant.outbox, targets, lambda: 1.0).deliver_all()
    (delivery,) = plant.outbox.states(new.conversation)[0].deliveries
    assert delivery.next_try_at - plant.clock.now == 2, "the fake says: Retry-After: 2"
    until_sent(plant, new)


def test_nothing_is_lost_in_200_random_runs(plant: Plant) -> None:
    rng = random.Random(SEED)
    faults: list[Fault | None] = [None, *Fault]
    # Waiting for a time-out takes real time; the others are as likely as they come.
    weights = [6, 3, 3, 3, 3, 0.3, 0.3, 3]
    stored: list[tuple[NewHandoff, tuple[str, ...]]] = []
    for run in range(RUNS):
        kinds = tuple(rng.sample(KINDS, rng.choice([1, 1, 2, 3])))
        new = plant.store(kinds)
        stored.append((new, kinds))
        for kind in kinds:
            # Chatwoot's delivery has several requests: the faults are spread over them.
            spread = CHATWOOT_STEPS if kind == "chatwoot" else 1
            quiet = [weights[0] * spread, *weights[1:]]
            plant.fakes[kind].faults.add(rng.choices(faults, quiet, k=spread * rng.randrange(4)))
        plant.killer.next = rng.sample(Killer.MOMENTS, rng.choice([0, 0, 1, 2]))
        down = rng.choice(kinds) if rng.random() < 0.15 else None
        if down:
            plant.fakes[down].down()
        for _ in range(rng.randrange(1, 4)):
            plant.work()
            waiting = plant.waiting(new)
            assert down is None or down in waiting, f"run {run}"
        if down:
            plant.fakes[down].up()
        plant.killer.next = []
        until_sent(plant, new, most=30)
        assert not plant.waiting(new), f"run {run}"
    counts = {(new.id, kind): plant.arrivals(new, kind) for new, kinds in stored for kind in kinds}
    assert set(counts.values()) == {1}


# ---- the real process


def start_worker(*options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "stridewell.handoff", "worker", *options],
        cwd=ROOT,
        env=os.environ.copy(),
    )


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_killed_in_the_middle_of_a_delivery_loses_nothing(
    plant: Plant, bench: Bench, kind: str
) -> None:
    slow = {**bench.content["delivery"], "timeout_seconds": 30, "lease_seconds": 600}
    target = bench.content["targets"][kind]
    bench.configure(delivery=slow, targets={kind: target})
    fake = plant.fakes[kind]
    hang, fake._hang = fake._hang, 20
    outbox = Outbox(plant.settings.database)
    real = replace(plant, outbox=outbox)
    fake.faults.add([Fault.HANG_AFTER])
    new = real.store((kind,))
    worker = start_worker()
    try:
        wait_for(lambda: outbox.states(new.conversation)[0].deliveries[0].being_sent)
        wait_for(lambda: not fake.faults.left)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        fake._hang = hang
    assert real.waiting(new) == [kind]
    later = Clock(time.time() + 700)
    until_sent(replace(real, clock=later, outbox=Outbox(plant.settings.database, 30, later)), new)
    assert real.arrivals(new, kind) == 1


def test_the_worker_ends_when_told_to_and_has_delivered(plant: Plant, bench: Bench) -> None:
    outbox = Outbox(plant.settings.database)
    new = replace(plant, outbox=outbox).store(KINDS)
    worker = start_worker()
    try:
        states = outbox.states
        wait_for(lambda: all(d.state == SENT for d in states(new.conversation)[0].deliveries))
    finally:
        worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0


def test_a_worker_with_wrong_settings_says_what_is_wrong(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.configure(targets={"t": {"kind": "fax"}})
    assert start_worker("--once").wait(30) == 2
    assert "kind: is 'fax', but should be one of" in capfd.readouterr().err


# ---- the worker itself


def test_the_wait_doubles_up_to_a_limit() -> None:
    delivery = HandoffSettings().delivery
    waits = [back_off(attempts, delivery, 0.0) for attempts in (1, 2, 3, 7, 8, 1000)]
    assert waits == [30, 60, 120, 1920, 3600, 3600]
    assert back_off(1, delivery, 1.0) == 15


def test_a_fault_of_our_own_is_tried_again_and_tells_nothing_of_the_person(plant: Plant) -> None:
    class Broken:
        def deliver(self, parcel: Parcel, progress: Mapping[str, Any], save: Save) -> None:
            raise KeyError(parcel.text)

    new = plant.store(("mail",))
    Worker(plant.settings, plant.outbox, {"mail": Broken()}).deliver_all()
    (delivery,) = plant.outbox.states(new.conversation)[0].deliveries
    assert (delivery.state, delivery.problem) == (WAITING, "a fault in the delivery: KeyError")


def test_what_never_arrived_is_told_when_it_is_purged(
    plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    new = plant.store(("mail",))
    plant.clock.now += 31 * 86400
    Worker(plant.settings, plant.outbox, {}).purge()
    assert f"Hand-off {new.reference} was deleted undelivered" in caplog.text


def test_fhir_goes_along_where_it_is_switched_on(plant: Plant, tmp_path: Path) -> None:
    from stridewell.handoff.summary import summary_data
    from tests.handoff.scripts import read_script

    number = uuid4().hex
    data = summary_data(read_script("a_first_question").summary)
    plant.outbox.store(
        NewHandoff(number, number, new_reference(number), "yes",
                   {"text": "t", "data": data, "contact": None}, ("webhook",))
    )  # fmt: skip
    Worker(replace(plant.settings, fhir=True), plant.outbox).deliver_all()
    webhook = plant.fakes["webhook"]
    assert isinstance(webhook, FakeWebhook)
    fhir = webhook.messages[f"{number}-webhook"]["data"]["fhir"]
    assert fhir["resourceType"] == "QuestionnaireResponse"


def test_a_claim_prints_nothing_of_the_person_in_the_log(
    plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    plant.fakes["webhook"].faults.add([Fault.REFUSE])
    until_sent(plant, plant.store(("webhook",)))
    assert "failed" in caplog.text
    assert "leg" not in caplog.text
