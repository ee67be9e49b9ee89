"""What a fake can do wrong, one fault a request, in the order given."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from enum import Enum


class Fault(Enum):
    """A fault of a target."""

    REFUSE = "answers with an error and takes nothing"
    BUSY = "asks to come back later and takes nothing"
    DROP_BEFORE = "closes the connection and takes nothing"
    DROP_AFTER = "takes it and closes the connection without an answer"
    HANG_BEFORE = "takes nothing and answers too late"
    HANG_AFTER = "takes it and answers too late"
    TWICE = "takes it and answers twice"


class FaultPlan:
    """The faults to come; afterwards everything works."""

    def __init__(self) -> None:
        self._faults: list[Fault | None] = []
        self._lock = threading.Lock()

    def add(self, faults: Iterable[Fault | None]) -> None:
        """Plan faults; None is a request that works."""
        with self._lock:
            self._faults.extend(faults)

    @property
    def left(self) -> int:
        """How many planned requests are still to come."""
        with self._lock:
            return len(self._faults)

    def clear(self) -> None:
        """Plan no more faults."""
        with self._lock:
            self._faults.clear()

    def next(self) -> Fault | None:
        """Return the fault of this request."""
        with self._lock:
            return self._faults.pop(0) if self._faults else None
