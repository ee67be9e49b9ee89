"""The servers as processes of this machine: how each is started, and when it is ready."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from stridewell import settings
from stridewell.settings import ROOT, SettingsError, secret
from stridewell.stores.settings import DATABASE

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Site:
    """Where the servers of one site listen and keep what they write.

    Attributes:
        port: Port of the dialogue server and the web page.
        actions_port: Port of the action server.
        folder: Folder for the database, logs and generated settings.
        model: The trained model.
        interface: Address of this machine that both servers listen on.
        actions_at: Address of the action server when it is on another machine.
    """

    port: int = 5005
    actions_port: int = 5055
    folder: Path = ROOT / "var"
    model: Path = ROOT / "models" / "stridewell.tar.gz"
    interface: str = LOOPBACK
    actions_at: str = ""

    @classmethod
    def from_environment(cls) -> Site:
        """Read the ports from the environment.

        Raises:
            SettingsError: A variable holds no port.
        """
        return cls(
            port=settings.port("STRIDEWELL_PORT", cls.port),
            actions_port=settings.port("STRIDEWELL_ACTIONS_PORT", cls.actions_port),
        )

    @property
    def url(self) -> str:
        """Address of the dialogue server."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def actions_url(self) -> str:
        """Address of the action server."""
        return self.actions_at or f"http://{LOOPBACK}:{self.actions_port}"

    def check_ports(self) -> None:
        """See whether both ports are free.

        Raises:
            SettingsError: One is in use; the message names the variable that chooses another.
        """
        for variable, number in (
            ("STRIDEWELL_PORT", self.port),
            ("STRIDEWELL_ACTIONS_PORT", self.actions_port),
        ):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((LOOPBACK, number))
                except OSError as error:
                    raise SettingsError(
                        f"Port {number} is in use. Stop what listens there, or choose another: "
                        f"{variable}={number + 1000} make run"
                    ) from error

    def write_endpoints(self) -> Path:
        """Write endpoints.yml with this site's addresses into its folder.

        Returns:
            The path of the written file.
        """
        content = yaml.safe_load((ROOT / "endpoints.yml").read_text(encoding="utf-8"))
        content["action_endpoint"]["url"] = f"{self.actions_url}/webhook"
        content["tracker_store"]["db"] = str(self.folder / "stridewell.db")
        path = self.folder / "endpoints.yml"
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def environment(self) -> dict[str, str]:
        """Return the environment that every process of the site runs in."""
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "RASA_TELEMETRY_ENABLED": "false",
            "SANIC_HOST": self.interface,
            "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            # Hand-offs are kept where the conversations are, so that one deletion covers both.
            "STRIDEWELL_HANDOFF_DB": os.environ.get("STRIDEWELL_HANDOFF_DB")
            or secret(DATABASE)
            or f"sqlite:///{self.folder / 'stridewell.db'}",
        }

    def action_server_command(self) -> list[str]:
        """Return the command of the action server."""
        return [sys.executable, "-m", "rasa_sdk", "--actions", "actions", "--port"] + [
            str(self.actions_port),
            "--logging-config_file",
            str(ROOT / "logging.yml"),
        ]

    def handoff_worker_command(self) -> list[str]:
        """Return the command of the worker that delivers hand-offs."""
        return [sys.executable, "-m", "stridewell.handoff", "worker"]

    def dialogue_server_command(self) -> list[str]:
        """Return the command of the dialogue server."""
        return self._rasa("run", "--interface", self.interface, "--port", str(self.port)) + [
            "--credentials",
            str(ROOT / "credentials.yml"),
        ]

    def shell_command(self) -> list[str]:
        """Return the command of a conversation in the terminal."""
        return self._rasa("shell", "--interface", LOOPBACK, "--port", str(self.port))

    def _rasa(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "stridewell.rasa", *words] + [
            "--model",
            str(self.model),
            "--endpoints",
            str(self.folder / "endpoints.yml"),
            "--logging-config-file",
            str(ROOT / "logging.yml"),
        ]

    def actions_ready(self) -> bool:
        """Tell whether the action server answers."""
        try:
            with urllib.request.urlopen(f"{self.actions_url}/health", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def dialogue_ready(self) -> bool:
        """Tell whether the dialogue server answers a greeting."""
        body = json.dumps({"sender": "readiness-probe", "message": "/greet"}).encode()
        request = urllib.request.Request(
            f"{self.url}/webhooks/rest/webhook", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return bool(json.load(response))
        except (OSError, ValueError):
            return False


def wait_until(ready: Callable[[], bool], alive: Callable[[], bool], seconds: float) -> bool:
    """Wait for something.

    Args:
        ready: Tells whether it has come.
        alive: Tells whether it can still come.
        seconds: How long to wait at most.

    Returns:
        Whether it came.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive():
        if ready():
            return True
        time.sleep(0.3)
    return False
