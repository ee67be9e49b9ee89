"""Settings of a site, from environment variables: one place for names, defaults and checks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
REGIONS_FILE = ROOT / "data" / "safety" / "regions.yml"
DEFAULT_REGION = "international"


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
    value = os.environ.get(variable, "") or str(default)
    if not value.isdigit() or not 1 <= int(value) <= 65535:
        raise SettingsError(
            f"{variable} is '{value}', but a port is a whole number from 1 to 65535."
        )
    return int(value)
