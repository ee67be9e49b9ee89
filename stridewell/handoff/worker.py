"""The delivery worker: takes what is due from the outbox and hands it to its target.

One thread a target, so that a slow one holds up no other. Several workers may run on one database.
A delivery that fails is tried again after a wait that doubles each time, up to a limit, until it
arrives or its retention time is over.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from stridewell.handoff.outbox import Claim, Outbox, OutboxError
from stridewell.handoff.settings import DeliverySettings, HandoffSettings
from stridewell.handoff.targets import make_target
from stridewell.handoff.targets.base import DeliveryProblem, Parcel, Target

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
PURGE_SECONDS = 3600.0
STOP_SECONDS = 30.0


class Worker:
    """Delivers the outbox of a site.

    Args:
        settings: The hand-off's settings.
        outbox: The outbox.
        targets: By name; by default those of the settings.
        rng: Spreads the waits, so that many deliveries don't come back at once.
    """

    def __init__(
        self,
        settings: HandoffSettings,
        outbox: Outbox,
        targets: Mapping[str, Target] | None = None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._targets = (
            {name: make_target(target) for name, target in settings.targets.items()}
            if targets is None
            else dict(targets)
        )
        self._rng = rng

    def deliver_due(self, target: str) -> bool:
        """Try one delivery of a target that is due.

        Returns:
            Whether there was one.

        Raises:
            OutboxError: The outbox can't be read or written.
        """
        claim = self._outbox.claim(target, self._settings.delivery.lease)
        if claim is None:
            return False
        try:
            self._targets[target].deliver(
                self._parcel(claim),
                claim.progress,
                lambda progress: self._outbox.save_progress(claim, progress),
            )
        except DeliveryProblem as problem:
            self._failed(claim, str(problem), problem.retry_after)
        except OutboxError:
            raise
        except Exception as error:
            # A fault of our own must not lose a summary or stop the others. Its text may hold words
            # of the person, so only its kind is told.
            self._failed(claim, f"a fault in the delivery: {type(error).__name__}", None)
        else:
            self._outbox.mark_sent(claim)
            logger.info("Hand-off %s: sent to %s.", claim.reference, target)
        return True

    def _failed(self, claim: Claim, problem: str, retry_after: float | None) -> None:
        wait = back_off(claim.attempts, self._settings.delivery, self._rng())
        if retry_after is not None:
            wait = max(wait, min(retry_after, self._settings.delivery.longest_retry))
        self._outbox.mark_failed(claim, problem, wait)
        logger.warning(
            "Hand-off %s: try %d for %s failed (%s); next try in %.0f seconds.",
            claim.reference, claim.attempts, claim.target, problem, wait,
        )  # fmt: skip

    def _parcel(self, claim: Claim) -> Parcel:
        content = claim.content
        fhir: dict[str, Any] | None = None
        if self._settings.fhir:
            try:
                # Loaded only where it is switched on: it takes a third of a second.
                from stridewell.handoff.fhir import questionnaire_response

                fhir = questionnaire_response(content["data"], claim.handoff_id)
            except (ImportError, ValueError) as error:
                kind = type(error).__name__
                logger.error("Hand-off %s goes without FHIR (%s).", claim.reference, kind)
        return Parcel(
            key=claim.id,
            handoff_id=claim.handoff_id,
            reference=claim.reference,
            created_at=claim.created_at,
            site=self._settings.site.name,
            text=content["text"],
            data=content["data"],
            contact=content["contact"],
            fhir=fhir,
        )

    def deliver_all(self) -> None:
        """Try everything that is due now, once.

        Raises:
            OutboxError: The outbox can't be read or written.
        """
        for name in self._targets:
            while self.deliver_due(name):
                pass

    def purge(self) -> None:
        """Delete what is kept long enough; tell of what never arrived.

        Raises:
            OutboxError: Nothing was deleted.
        """
        purged = self._outbox.purge()
        if purged.removed:
            logger.info("%d hand-offs deleted after their retention time.", purged.removed)
        for reference in purged.undelivered:
            logger.error(
                "Hand-off %s was deleted undelivered: its retention time is over.", reference
            )

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set.

        Args:
            stop: Ends the work after the deliveries that are under way.
        """
        threads = [
            threading.Thread(target=self._serve, args=(name, stop), name=name, daemon=True)
            for name in self._targets
        ]
        for thread in threads:
            thread.start()
        purge_at = 0.0
        while not stop.is_set():
            if time.monotonic() >= purge_at:
                self._guarded(self.purge)
                purge_at = time.monotonic() + PURGE_SECONDS
            stop.wait(POLL_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _serve(self, name: str, stop: threading.Event) -> None:
        while not stop.is_set():
            if not self._guarded(lambda: self.deliver_due(name)):
                stop.wait(POLL_SECONDS)

    def _guarded(self, work: Callable[[], bool | None]) -> bool:
        try:
            return bool(work())
        except OutboxError as error:
            logger.error("%s Trying again in %.0f seconds.", error, POLL_SECONDS)
            return False


def back_off(attempts: int, delivery: DeliverySettings, chance: float) -> float:
    """Return the seconds to wait after a failed try.

    Args:
        attempts: How many tries there were.
        delivery: The first and the longest wait.
        chance: Between 0 and 1; takes up to half of the wait off.
    """
    full = min(delivery.first_retry * 2.0 ** min(attempts - 1, 40), delivery.longest_retry)
    return full * (1 - chance / 2)
