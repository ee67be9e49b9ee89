"""PostgreSQL, Redis and RabbitMQ as a benchmark's own processes, which may be stopped and killed.

The installed programs run on free ports, on data in a folder that goes away with the benchmark. So
nothing that runs on this machine otherwise is touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.topology import Server, free_port

RABBITMQ_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


@dataclass
class Services:
    """The three services and how a site finds them.

    Attributes:
        postgresql: The database server.
        redis: The server of locks and rates.
        rabbitmq: The event broker, if it is wanted.
        settings: Environment of the servers of the site.
    """

    postgresql: Server
    redis: Server
    rabbitmq: Server | None
    settings: dict[str, str]


@contextmanager
def running_services(folder: Path, with_broker: bool = True) -> Iterator[Services]:
    """Start the services and stop them afterwards.

    Args:
        folder: Where they keep their data.
        with_broker: Also start RabbitMQ.

    Raises:
        RuntimeError: A program is missing or does not start.
    """
    folder.chmod(0o755)  # PostgreSQL runs as another user when this is run by root.
    services = Services(
        _postgresql(folder), _redis(folder), _rabbitmq(folder) if with_broker else None, {}
    )
    address = services.postgresql.probe.removeprefix("tcp://")
    services.settings = {
        "STRIDEWELL_DATABASE_URL": f"postgresql://postgres@{address}/postgres",
        "STRIDEWELL_REDIS_URL": services.redis.probe.replace("tcp:", "redis:") + "/0",
        "STRIDEWELL_SECRET_KEY": uuid4().hex,
    }
    if services.rabbitmq:
        address = services.rabbitmq.probe.removeprefix("tcp://")
        services.settings["STRIDEWELL_BROKER_URL"] = f"amqp://guest:guest@{address}/"
    with ExitStack() as stack:
        for each in (services.postgresql, services.redis, services.rabbitmq):
            if each:
                stack.callback(each.stop)
                each.start()
        for each in (services.postgresql, services.redis, services.rabbitmq):
            if each:
                each.wait()
        yield services


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"{name} is not installed.")
    return path


def _postgresql(folder: Path) -> Server:
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    data, port = folder / "postgresql", free_port()
    data.mkdir()
    if user:
        shutil.chown(data, user)
    done = subprocess.run(
        [_program("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"],
        capture_output=True,
        text=True,
        user=user,
        cwd=data,
    )
    if done.returncode:
        raise RuntimeError(f"The database can't be made:\n{done.stderr[-2000:]}")
    command = [_program("postgres"), "-D", str(data), "-p", str(port), "-k", str(data)]
    return Server(
        "postgresql",
        [*command, "-c", "listen_addresses=127.0.0.1"],
        f"tcp://127.0.0.1:{port}",
        dict(os.environ),
        folder / "postgresql.log",
        user=user,
        end=signal.SIGINT,  # Without waiting for the dialogue servers to leave.
    )


def _redis(folder: Path) -> Server:
    port = free_port()
    command = [_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    return Server(
        "redis",
        [*command, "--save", "", "--appendonly", "no", "--dir", str(folder)],
        f"tcp://127.0.0.1:{port}",
        dict(os.environ),
        folder / "redis.log",
    )


def _rabbitmq(folder: Path) -> Server:
    if not RABBITMQ_PROGRAM.is_file():
        raise RuntimeError("rabbitmq-server is not installed.")
    home, port = folder / "rabbitmq", free_port()
    home.mkdir()
    (home / "rabbitmq.conf").write_text(
        f"listeners.tcp.local = 127.0.0.1:{port}\nloopback_users.guest = true\n", encoding="utf-8"
    )
    return Server(
        "rabbitmq",
        [str(RABBITMQ_PROGRAM)],
        f"tcp://127.0.0.1:{port}",
        {
            **os.environ,
            "HOME": str(home),
            "RABBITMQ_NODENAME": f"stridewell{port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(home / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        },
        folder / "rabbitmq.log",
    )
