"""A conversation in the terminal: ``python -m stridewell.shell`` (``make shell``).

Starts an action server of its own, runs ``rasa shell`` in front and ends both together.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from stridewell.processes import LOOPBACK, Site, wait_until
from stridewell.settings import ROOT, SettingsError, region


def main() -> int:
    """Talk until the person leaves; return the exit status."""
    try:
        region()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="stridewell-shell-") as folder:
        site = Site(free_port(), free_port(), Path(folder))
        if not site.model.is_file():
            print("There is no trained model yet. Run 'make train' first.", file=sys.stderr)
            return 1
        site.write_endpoints()
        with (site.folder / "actions.log").open("wb") as log:
            actions = subprocess.Popen(
                site.action_server_command(),
                cwd=ROOT,
                env=site.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        signal.signal(signal.SIGHUP, lambda number, frame: sys.exit(0))
        try:
            if not wait_until(site.actions_ready, lambda: actions.poll() is None, 60):
                print("The action server did not start:", file=sys.stderr)
                print((site.folder / "actions.log").read_text(), file=sys.stderr)
                return 1
            return subprocess.run(
                site.shell_command(), cwd=ROOT, env=site.environment(), check=False
            ).returncode
        except KeyboardInterrupt:
            return 0
        finally:
            actions.terminate()
            actions.wait(timeout=20)


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
