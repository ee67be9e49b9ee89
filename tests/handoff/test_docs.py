"""The page for clinics names every setting, every variable and every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from stridewell.handoff import __main__ as commands
from stridewell.handoff import settings
from stridewell.settings import ROOT

PAGE = (ROOT / "docs" / "handoff.md").read_text(encoding="utf-8")
FILE = (ROOT / "handoff.yml").read_text(encoding="utf-8")


def names(part: dict[str, Any]) -> Iterator[str]:
    for name, value in part.items():
        yield name
        if isinstance(value, dict):
            yield from names(value)


def test_every_setting_of_the_file_is_explained() -> None:
    missing = [name for name in names(yaml.safe_load(FILE)) if name not in PAGE]
    assert missing == []


def test_every_setting_that_the_code_reads_is_explained() -> None:
    code = (ROOT / "stridewell" / "handoff" / "settings.py").read_text(encoding="utf-8")
    read = re.findall(
        r"part\.(?:text|texts|number|flag|choice|email|secret|has)\(\s*\"(\w+)\"", code
    )
    assert len(read) > 20
    assert [name for name in read if f"`{name}`" not in PAGE and f" {name}`" not in PAGE] == []


@pytest.mark.parametrize("variable", [settings.FILE_VARIABLE, settings.DATABASE_VARIABLE])
def test_the_variables_are_explained(variable: str) -> None:
    assert variable in PAGE


@pytest.mark.parametrize("command", ["worker", "status", "test", "purge"])
def test_every_command_is_explained(command: str) -> None:
    assert f"`python -m stridewell.handoff {command}`" in PAGE
    assert f'"{command}"' in (ROOT / "stridewell" / "handoff" / "__main__.py").read_text()
    assert callable(commands.main)


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE.replace("   ", ""), re.S))
def test_the_examples_are_yaml(example: str) -> None:
    assert example.lstrip().startswith("targets:")
