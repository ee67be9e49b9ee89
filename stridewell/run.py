"""Starts the assistant: ``python -m stridewell.run`` (``make run``).

Starts the action server and the dialogue server under supervisor, which restarts one that dies,
waits until a question is answered, says where to talk to it, and stops both on Ctrl-C.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from stridewell.handoff.settings import load_handoff_settings
from stridewell.preflight import check_dialogue_settings
from stridewell.processes import Site, wait_until
from stridewell.settings import ROOT, SettingsError, region
from stridewell.stores.settings import StoreSettings

START_SECONDS = 240
TEMPLATE = Path(__file__).with_name("supervisord.conf")


def main() -> int:
    """Run until stopped; return the exit status."""
    try:
        region()
        StoreSettings.from_environment()
        check_dialogue_settings()
        load_handoff_settings()
        site = Site.from_environment()
        site.check_ports()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    if not site.model.is_file():
        print("There is no trained model yet. Run 'make train' first.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _stop)
    with tempfile.TemporaryDirectory(prefix="stridewell-") as sockets:
        supervisor = start(site, Path(sockets) / "supervisor.sock")
        try:
            return _serve(site, supervisor)
        except KeyboardInterrupt:
            print("\nStopping ...", flush=True)
            return 0
        finally:
            stop(supervisor)


def start(site: Site, socket: Path) -> subprocess.Popen[bytes]:
    """Start the servers of a site under supervisor.

    Args:
        site: The site.
        socket: Where supervisor listens for its control command; a short path.

    Returns:
        The supervisor's process.
    """
    site.write_endpoints()
    configuration = site.folder / "supervisord.conf"
    configuration.write_text(
        TEMPLATE.read_text(encoding="utf-8").format(
            folder=site.folder,
            socket=socket,
            root=ROOT,
            actions=shlex.join(site.action_server_command()),
            dialogue=shlex.join(site.dialogue_server_command()),
            handoff=shlex.join(site.handoff_worker_command()),
        ),
        encoding="utf-8",
    )
    return subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)],
        cwd=ROOT,
        env=site.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches only this process, which then stops the servers.
    )


def stop(supervisor: subprocess.Popen[bytes]) -> None:
    """Stop the supervisor and its servers."""
    supervisor.terminate()
    try:
        supervisor.wait(timeout=30)
    except subprocess.TimeoutExpired:
        supervisor.kill()


def _serve(site: Site, supervisor: subprocess.Popen[bytes]) -> int:
    print("Starting (about half a minute) ...", flush=True)
    started = time.monotonic()
    ready = wait_until(
        lambda: site.actions_ready() and site.dialogue_ready(),
        lambda: supervisor.poll() is None,
        START_SECONDS,
    )
    if not ready:
        folder = site.folder.relative_to(ROOT)
        print(
            f"The assistant did not start. {folder}/dialogue.log and {folder}/actions.log say why.",
            file=sys.stderr,
        )
        return 1
    print(
        f"Ready after {time.monotonic() - started:.0f} s.\n"
        f"  On a web page:   {site.url}/  (all answers: {site.url}/faq)\n"
        f"  Ask over HTTP:   curl -s {site.url}/webhooks/rest/webhook "
        "-H 'Content-Type: application/json' "
        """-d '{"sender": "me", "message": "does running help sciatica"}'\n"""
        f"  In the terminal: make shell\n"
        f"  Logs:            {site.folder.relative_to(ROOT)}/\n"
        "Stop with Ctrl-C.",
        flush=True,
    )
    status = supervisor.wait()
    print("The servers have stopped; var/supervisor.log says why.", file=sys.stderr)
    return status or 1


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
