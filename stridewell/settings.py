"""Settings of a site, from environment variables: one place for names, defaults and checks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

ROOT = Path(__file__).resolve().parent.parent
REGIONS_FILE = ROOT / "data" / "safety" / "regions.yml"
DEFAULT_REGION = "international"

_Number = TypeVar("_Number", int, float)


class SettingsError(Exception):
    """A setting has a value that can't be used; the message names the variable."""


@dataclass(frozen=True)
class Region:
    """Whom to call: each field is a phrase of one or more full sentences."""

    name: str
    emergency_help: str
    same_day_help: str
    crisis_help: str


def load_regions(path: Path = REGIONS_FILE) -> dict[str, Region]:
    """Read all regions.

    Raises:
        SettingsError: The file is missing, is not YAML, or a region lacks a phrase.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: Region(name=name, **phrases) for name, phrases in content["regions"].items()}
    except (OSError, yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise SettingsError(f"{path} can't be read as a table of regions: {error}") from error


def region(regions: dict[str, Region] | None = None) -> Region:
    """Return the region that ``STRIDEWELL_REGION`` names, ``international`` when it is not set.

    Raises:
        SettingsError: The variable names a region that doesn't exist.
    """
    known = regions or load_regions()
    name = os.environ.get("STRIDEWELL_REGION", "") or DEFAULT_REGION
    if name not in known:
        raise SettingsError(
            f"STRIDEWELL_REGION is '{name}', but only these are known: {', '.join(known)}."
        )
    return known[name]


def port(variable: str, default: int) -> int:
    """Return the port number in ``variable``.

    Raises:
        SettingsError: It is not a whole number from 1 to 65535.
    """
    return number(variable, default, 1, 65535)


def number(variable: str, default: _Number, least: _Number, most: _Number) -> _Number:
    """Return the number in ``variable``; a whole one if the default is.

    Raises:
        SettingsError: It is no such number, or not from ``least`` to ``most``.
    """
    value = os.environ.get(variable, "").strip() or str(default)
    kind = type(default)
    try:
        found = kind(value)
    except ValueError:
        found = None
    if found is None or not least <= found <= most:
        wanted = "a whole number" if kind is int else "a number"
        raise SettingsError(
            f"{variable} is '{value}', but should be {wanted} from {least} to {most}."
        )
    return found


def secret(variable: str, environment: Mapping[str, str] | None = None) -> str:
    """Return a setting that may stand in a file.

    Args:
        variable: Its name; the file is named by the variable with ``_FILE`` at its end.
        environment: Where to look; the variables of the process by default.

    Raises:
        SettingsError: Both are set, or the file can't be read.
    """
    variables = os.environ if environment is None else environment
    value = variables.get(variable, "").strip()
    path = variables.get(f"{variable}_FILE", "").strip()
    if not path:
        return value
    if value:
        raise SettingsError(f"Both {variable} and {variable}_FILE are set. Set one of them.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{variable}_FILE names '{path}', which can't be read: {type(error).__name__}."
        ) from error
