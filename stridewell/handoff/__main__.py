"""The hand-off's commands: `python -m stridewell.handoff worker | status | test | purge`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from uuid import uuid4

from stridewell.handoff.outbox import SENT, WAITING, Outbox, OutboxError, new_reference
from stridewell.handoff.settings import HandoffSettings, load_handoff_settings
from stridewell.handoff.targets import make_target
from stridewell.handoff.targets.base import DeliveryProblem, Parcel
from stridewell.handoff.worker import Worker
from stridewell.settings import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The command's arguments; by default those it was started with.

    Returns:
        0 if all is well, 1 if a summary waits too long or a target fails, 2 on wrong settings.
    """
    parser = argparse.ArgumentParser(prog="python -m stridewell.handoff")
    commands = parser.add_subparsers(dest="command", required=True)
    worker = commands.add_parser("worker", help="deliver what waits, until stopped")
    worker.add_argument("--once", action="store_true", help="deliver what is due now and end")
    commands.add_parser("status", help="show what waits and what was sent, without content")
    commands.add_parser("test", help="send a test message to each target")
    commands.add_parser("purge", help="delete what is kept long enough")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = load_handoff_settings()
        if options.command == "test":
            return _test(settings)
        outbox = Outbox(settings.database, settings.retention_days)
        if options.command == "status":
            return _status(settings, outbox)
        if options.command == "purge":
            Worker(settings, outbox).purge()
            return 0
        return _work(settings, outbox, options.once)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except OutboxError as error:
        print(error, file=sys.stderr)
        return 1


def _work(settings: HandoffSettings, outbox: Outbox, once: bool) -> int:
    worker = Worker(settings, outbox)
    if once:
        worker.deliver_all()
        worker.purge()
        return 0
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if settings.targets:
        logging.info("Delivering to %s.", ", ".join(settings.targets))
    else:
        logging.info("No target is set up in handoff.yml: there is nothing to deliver.")
    for name in set(outbox.waiting()) - set(settings.targets):
        logging.error("Summaries wait for the target '%s', which handoff.yml doesn't have.", name)
    worker.run(stop)
    return 0


def _status(settings: HandoffSettings, outbox: Outbox) -> int:
    late = 0
    for handoff in outbox.overview():
        made = time.strftime("%Y-%m-%d %H:%M", time.gmtime(handoff.created_at))
        for delivery in handoff.deliveries:
            tries = f", {delivery.attempts} tries" if delivery.attempts else ""
            waits = delivery.state == WAITING
            problem = f", {delivery.problem}" if waits and delivery.problem else ""
            line = f"{handoff.reference} {made} UTC {delivery.target}: {delivery.state}"
            print(f"{line}{tries}{problem}")
            late += waits and delivery.attempts > 1
    unknown = set(outbox.waiting()) - set(settings.targets)
    for name in unknown:
        print(f"Summaries wait for the target '{name}', which handoff.yml doesn't have.")
    return 1 if late or unknown else 0


def _test(settings: HandoffSettings) -> int:
    if not settings.targets:
        print("No target is set up in handoff.yml.")
    failed = 0
    for name, target in settings.targets.items():
        handoff_id = uuid4().hex
        text = "This is a test of the hand-off. Nobody asked for help."
        reference = new_reference(handoff_id)
        parcel = Parcel(
            f"{handoff_id}-{name}", handoff_id, reference, time.time(), settings.site.name,
            f"{text}\nHand-off number: {reference}", {"test": True}, None,
        )  # fmt: skip
        try:
            make_target(target).deliver(parcel, {}, lambda progress: None)
            print(f"{name}: {SENT}, number {parcel.reference}. Check that it arrived.")
        except DeliveryProblem as problem:
            failed += 1
            print(f"{name}: not sent: {problem}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
