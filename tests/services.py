"""The real services of this machine: each test gets a database, keys and queues of its own.

A conftest that needs one imports its fixture from here.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
import sqlalchemy as sa

from tests.conftest import in_ci
from tests.side_by_side import process_number

POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
# Redis has 16 databases.
REDIS = os.environ.get("TEST_REDIS_URL", f"redis://127.0.0.1:6379/{9 + process_number() % 7}")
RABBITMQ = os.environ.get("TEST_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/")


def reachable(url: str, what: str) -> None:
    """Go on if a service listens; otherwise fail in CI and skip elsewhere."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=3).close()
    except OSError as error:
        message = f"{what} does not listen on {parts.hostname}:{parts.port}: {error}"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A new, empty database."""
    reachable(POSTGRESQL, "PostgreSQL")
    name = f"stridewell_test_{uuid4().hex[:12]}"
    engine = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield str(sa.engine.make_url(POSTGRESQL).set(database=name))
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'conversations.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis database that holds nothing."""
    reachable(REDIS, "Redis")
    with closing(redis.Redis.from_url(REDIS)) as client:
        client.flushdb()
        yield REDIS
        client.flushdb()


@pytest.fixture
def broker_url() -> str:
    """A RabbitMQ server."""
    reachable(RABBITMQ, "RabbitMQ")
    return RABBITMQ
