"""What lets several processes run tests at the same time: ports and stores of their own.

pytest-xdist names its processes gw0, gw1 and so on; without it there is only one.
"""

from __future__ import annotations

import itertools
import os
import random
import socket

from stridewell.processes import LOOPBACK

FIRST_PORT, PORTS_EACH, MOST_PROCESSES = 12_000, 4_000, 5


def process_number() -> int:
    """Return the number of this process among those of the run, from 0."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _own_ports() -> itertools.cycle[int]:
    first = FIRST_PORT + process_number() % MOST_PROCESSES * PORTS_EACH
    start = random.randrange(PORTS_EACH)  # Another run may be going on.
    return itertools.cycle(first + (start + n) % PORTS_EACH for n in range(PORTS_EACH))


_ports = _own_ports()


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now.

    It lies below those that the system gives to calls that go out, and no other process of the run
    gets it. So it is still free when the server that it is for listens, and while that is down.
    """
    for port in itertools.islice(_ports, PORTS_EACH):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
