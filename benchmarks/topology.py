"""A site as processes of this machine: nginx, dialogue servers, action servers.

The same commands and nginx settings as in deploy/, on loopback ports: what containers would run.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stridewell.settings import ROOT

START_SECONDS = 180
CREDENTIALS = ROOT / "credentials.yml"


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Tell whether an address answers with success, one with ``tcp://`` whether it listens."""
    try:
        if url.startswith("tcp://"):
            host, _, number = url.removeprefix("tcp://").partition(":")
            socket.create_connection((host, int(number)), timeout=5).close()
            return True
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, ValueError):
        return False


@dataclass
class Server:
    """One process that can be killed and started again.

    Attributes:
        name: Its name, also of its log file.
        command: How it is started.
        probe: An address that answers once it is ready.
        environment: What it runs in.
        log: Where its output goes.
        user: Whom it runs as; ``None`` for this process's user.
        end: The signal that ends it in order.
        process: The process, once started.
    """

    name: str
    command: list[str]
    probe: str
    environment: dict[str, str]
    log: Path
    user: str | None = None
    end: int = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; ``wait`` tells when it is ready."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.user,
            )

    def wait(self, seconds: float = START_SECONDS) -> float:
        """Wait until it is ready.

        Returns:
            How long that took.

        Raises:
            RuntimeError: It ended or never got ready.
        """
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if self.process is None or self.process.poll() is not None:
                break
            if answers(self.probe):
                return time.monotonic() - started
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._signal(self.end)

    def _signal(self, number: int) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Topology:
    """A running site.

    Attributes:
        folder: Where logs and generated settings go.
        model: The trained model.
        settings: Environment of all servers: databases, rates and so on.
        dialogue_servers: How many.
        credentials: Which channels are open.
        workers: Worker processes of each dialogue server.
    """

    folder: Path
    model: Path
    settings: Mapping[str, str]
    dialogue_servers: int = 2
    credentials: Path = CREDENTIALS
    workers: int = 1
    dialogue: list[Server] = field(default_factory=list)
    actions: Server | None = None
    nginx: Server | None = None
    port: int = 0

    @property
    def url(self) -> str:
        """Address of the site, by way of nginx."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start everything.

        Returns:
            Seconds until all servers were ready.

        Raises:
            RuntimeError: One did not start.
        """
        started = time.monotonic()
        actions_port = free_port()
        common = {
            **os.environ,
            **self.settings,
            "STRIDEWELL_ACTIONS_PORT": str(actions_port),
            "STRIDEWELL_ACTIONS_URL": f"http://127.0.0.1:{actions_port}",
            "STRIDEWELL_MODEL": str(self.model),
            "STRIDEWELL_SERVERS": str(self.dialogue_servers),
            "SANIC_WORKERS": str(self.workers),
            "STRIDEWELL_TRUSTED_PROXIES": "1",
        }
        self.actions = self._server("actions", actions_port, "/health", common)
        ports = [free_port() for _ in range(self.dialogue_servers)]
        for number, port in enumerate(ports, 1):
            own = {**common, "STRIDEWELL_PORT": str(port)}
            server = self._server(f"dialogue-{number}", port, "/readyz", own)
            self.dialogue.append(server)
        self.port = free_port()
        self.nginx = self._nginx(ports)
        for each in (self.actions, *self.dialogue):
            each.start()
        for each in (self.actions, *self.dialogue):
            each.wait()
        self.nginx.start()
        self.nginx.wait()
        return time.monotonic() - started

    def stop(self) -> None:
        """Stop everything."""
        for server in (self.nginx, *self.dialogue, self.actions):
            if server:
                server.stop()

    def logs(self) -> str:
        """Return all log lines of all servers."""
        return "\n".join(
            path.read_text(encoding="utf-8", errors="replace") for path in self.folder.glob("*.log")
        )

    def _server(self, name: str, port: int, probe: str, environment: dict[str, str]) -> Server:
        kind = name.partition("-")[0]
        return Server(
            name,
            [sys.executable, "-m", "stridewell.serve", kind],
            f"http://127.0.0.1:{port}{probe}",
            {**environment, "STRIDEWELL_FOLDER": str(self.folder / name)},
            self.folder / f"{name}.log",
        )

    def _nginx(self, ports: list[int]) -> Server:
        folder = self.folder / "nginx"
        shutil.copytree(ROOT / "deploy" / "nginx", folder)
        for path in folder.iterdir():
            content = path.read_text(encoding="utf-8")
            content = content.replace("listen 8080;", f"listen 127.0.0.1:{self.port};")
            content = content.replace("/tmp/nginx", f"{folder}/nginx")
            if path.name == "servers.conf":
                lines = [f"  server 127.0.0.1:{p} max_fails=2 fail_timeout=5s;" for p in ports]
                content = re.sub(r"(  server .*;\n)+", "\n".join(lines) + "\n", content)
            path.write_text(content, encoding="utf-8")
        return Server(
            "nginx",
            ["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"],
            f"{self.url}/healthz",
            dict(os.environ),
            self.folder / "nginx.log",
        )
