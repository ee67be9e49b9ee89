"""Settings of the stores: environment variables in, one checked object out.

Without any, a site runs in one process on a SQLite file. With PostgreSQL and Redis, several servers
share the work. A variable that holds a secret can be given as a file: its name with ``_FILE``.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from stridewell.settings import SettingsError, number, secret

DATABASE = "STRIDEWELL_DATABASE_URL"
REDIS = "STRIDEWELL_REDIS_URL"
BROKER = "STRIDEWELL_BROKER_URL"
SECRET = "STRIDEWELL_SECRET_KEY"  # noqa: S105 - the name of a variable
SERVERS = "STRIDEWELL_SERVERS"
WORKERS = "SANIC_WORKERS"
RETENTION = "STRIDEWELL_RETENTION_DAYS"
ACTION_SECONDS = "STRIDEWELL_ACTION_SECONDS"

_SCHEMES = {
    DATABASE: ("postgresql", "postgresql+psycopg2", "sqlite"),
    REDIS: ("redis", "rediss"),
    BROKER: ("amqp", "amqps"),
}
_EXAMPLES = {
    DATABASE: "postgresql://stridewell:password@db.example.org/stridewell?sslmode=verify-full",
    REDIS: "rediss://:password@cache.example.org:6379/0",
    BROKER: "amqps://stridewell:password@queue.example.org/",
}


@dataclass(frozen=True)
class StoreSettings:
    """What the operator decides.

    Attributes:
        database_url: SQL database of the conversations; empty for the SQLite file of endpoints.yml.
        redis_url: Where several servers share their locks; empty for this process's memory.
        broker_url: RabbitMQ server that is told what happens; empty for none.
        secret_key: Key of the pseudonyms in events; empty for a key of this process.
        servers: How many dialogue servers share the work, on all machines.
        workers: Worker processes of this dialogue server.
        retention_days: How long conversations are kept.
        action_seconds: How long a custom action may take before the turn goes on without it.
    """

    database_url: str = ""
    redis_url: str = ""
    broker_url: str = ""
    secret_key: str = ""
    servers: int = 1
    workers: int = 1
    retention_days: float = 30.0
    action_seconds: float = 3.0

    @classmethod
    def from_environment(cls) -> StoreSettings:
        """Read every setting and check that they go together.

        Raises:
            SettingsError: One can't be used, or several contradict each other.
        """
        found = cls(
            database_url=_address(DATABASE),
            redis_url=_address(REDIS),
            broker_url=_address(BROKER),
            secret_key=secret(SECRET),
            servers=number(SERVERS, cls.servers, 1, 1000),
            workers=number(WORKERS, cls.workers, 1, 1000),
            retention_days=number(RETENTION, cls.retention_days, 0.01, 3650.0),
            action_seconds=number(ACTION_SECONDS, cls.action_seconds, 0.1, 60.0),
        )
        found.check()
        return found

    @property
    def shared(self) -> bool:
        """Whether more than one process answers."""
        return self.servers > 1 or self.workers > 1

    def check(self) -> None:
        """See whether the settings go together.

        Raises:
            SettingsError: Several processes answer but can't share locks or conversations.
        """
        if not self.shared:
            return
        who = f"{SERVERS} is {self.servers}" if self.servers > 1 else f"{WORKERS} is {self.workers}"
        if not self.redis_url:
            raise SettingsError(
                f"{who}, but {REDIS} is not set: two processes could answer one person at the same "
                f"time. Set {REDIS}={_EXAMPLES[REDIS]}, or run one process."
            )
        if not is_postgresql(self.database_url):
            raise SettingsError(
                f"{who}, but {DATABASE} names no PostgreSQL database: each process would know only "
                f"its own conversations. Set {DATABASE}={_EXAMPLES[DATABASE]}, or run one process."
            )


def is_postgresql(url: str) -> bool:
    """Tell whether an address is one of PostgreSQL."""
    return urlsplit(url).scheme.startswith("postgresql")


def _address(variable: str) -> str:
    value = secret(variable)
    if not value:
        return ""
    scheme, separator, _ = value.partition("://")
    if not separator or scheme not in _SCHEMES[variable]:
        # The value itself may hold a password.
        raise SettingsError(
            f"{variable} does not start with {' or '.join(f'{s}://' for s in _SCHEMES[variable])}. "
            f"An example: {_EXAMPLES[variable]}"
        )
    return value
