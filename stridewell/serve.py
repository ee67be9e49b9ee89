"""Runs one server in the foreground: ``python -m stridewell.serve dialogue`` or ``actions``.

For containers and service managers, where each server is a process of its own. Checks the
settings, writes endpoints.yml with this site's addresses, and becomes the server.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stridewell.preflight import check_dialogue_settings
from stridewell.processes import LOOPBACK, Site
from stridewell.settings import ROOT, SettingsError, port, region, secret
from stridewell.stores.settings import BROKER, DATABASE, REDIS, SECRET, StoreSettings

SECRETS = (DATABASE, REDIS, BROKER, SECRET)

USAGE = (
    "Say which server: python -m stridewell.serve dialogue, or: python -m stridewell.serve actions"
)


def main(arguments: list[str]) -> int:
    """Become the server that ``arguments`` names; return the exit status if that can't be."""
    if arguments not in (["dialogue"], ["actions"]):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        region()
        settings = StoreSettings.from_environment()
        site = site_from_environment()
        if arguments == ["dialogue"]:
            check_dialogue_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    environment = _with_secrets(site.environment())
    if arguments == ["actions"]:
        command = site.action_server_command()
    else:
        if not site.model.is_file():
            print(f"There is no trained model at {site.model}.", file=sys.stderr)
            return 1
        site.write_endpoints()
        command = site.dialogue_server_command()
        if settings.workers > 1:
            figures = site.folder / "figures"
            figures.mkdir(parents=True, exist_ok=True)
            for old in figures.glob("*.db"):
                old.unlink()
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(figures)
    os.chdir(ROOT)
    os.execve(command[0], command, environment)  # noqa: S606 - a command of our own making


def _with_secrets(environment: dict[str, str]) -> dict[str, str]:
    """Put secrets that are given as files where all parts of the server look for them."""
    for variable in SECRETS:
        value = secret(variable)
        if value:
            environment[variable] = value
            environment.pop(f"{variable}_FILE", None)
    return environment


def site_from_environment() -> Site:
    """Return where this server listens and what it needs.

    Raises:
        SettingsError: A variable holds no port.
    """
    return Site(
        port=port("STRIDEWELL_PORT", Site.port),
        actions_port=port("STRIDEWELL_ACTIONS_PORT", Site.actions_port),
        folder=Path(os.environ.get("STRIDEWELL_FOLDER") or Site.folder),
        model=Path(os.environ.get("STRIDEWELL_MODEL") or Site.model),
        interface=os.environ.get("STRIDEWELL_INTERFACE") or LOOPBACK,
        actions_at=os.environ.get("STRIDEWELL_ACTIONS_URL", "").rstrip("/"),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
