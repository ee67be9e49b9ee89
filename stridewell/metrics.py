"""What the servers count, for Prometheus; no label tells who a person is or what they wrote."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

registry = CollectorRegistry()

requests = Counter(
    "stridewell_requests_total",
    "HTTP requests by route and status.",
    ["route", "status"],
    registry=registry,
)
request_seconds = Histogram(
    "stridewell_request_seconds",
    "Time from a request's first byte to the end of its answer, by route.",
    ["route"],
    buckets=_SHORT,
    registry=registry,
)
turns = Counter(
    "stridewell_turns_total",
    "Stored turns by channel and by what was understood.",
    ["channel", "outcome"],
    registry=registry,
)
safety_turns = Counter(
    "stridewell_safety_turns_total",
    "Stored turns with a warning sign, by tier.",
    ["tier"],
    registry=registry,
)
action_seconds = Histogram(
    "stridewell_action_seconds",
    "Time of a call to the action server, by action.",
    ["action"],
    buckets=_SHORT,
    registry=registry,
)
action_failures = Counter(
    "stridewell_action_failures_total",
    "Calls of the action server that brought nothing, by action.",
    ["action"],
    registry=registry,
)
store_seconds = Histogram(
    "stridewell_store_seconds",
    "Time of the tracker store, by operation.",
    ["operation"],
    buckets=_SHORT,
    registry=registry,
)
store_failures = Counter(
    "stridewell_store_failures_total",
    "Failures of the tracker store, by operation.",
    ["operation"],
    registry=registry,
)
turns_waiting = Gauge(
    "stridewell_turns_waiting",
    "Turns kept in memory because the database can't store them now.",
    registry=registry,
    multiprocess_mode="livesum",
)
turns_dropped = Counter(
    "stridewell_turns_dropped_total",
    "Turns given up because the database was away for too long.",
    registry=registry,
)
lock_wait = Histogram(
    "stridewell_lock_wait_seconds",
    "Time a turn waited for the turn before it.",
    buckets=_SHORT,
    registry=registry,
)
redis_failures = Counter(
    "stridewell_redis_failures_total", "Failed calls of the lock store to Redis.", registry=registry
)
events_waiting = Gauge(
    "stridewell_events_waiting",
    "Events that RabbitMQ has not confirmed yet.",
    registry=registry,
    multiprocess_mode="livesum",
)
events_dropped = Counter(
    "stridewell_events_dropped_total",
    "Events given up because RabbitMQ was away for too long.",
    registry=registry,
)


def page() -> bytes:
    """Return all figures in Prometheus's text format; those of all workers when there are many."""
    if os.environ.get(MULTIPROCESS):
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(everyone))
    return bytes(generate_latest(registry))
