"""All content of a project: takes its folder, hands on register, domain, examples and rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stridewell.content.domain import DOMAIN_FILE, Domain, read_domain
from stridewell.content.examples import ExampleBlock, read_examples
from stridewell.content.findings import Findings
from stridewell.content.located import Entry, read_yaml
from stridewell.content.register import REGISTER_FILE, Register, read_register
from stridewell.content.rules import Rule, read_rules

DATA_FOLDER = "data"
CODE_FOLDERS = ("actions", "channels", "components", "stridewell")

_NAME = re.compile(r"\b(?:action|utter|validate)_\w+")


@dataclass(frozen=True)
class Project:
    """The content of a project as far as it could be read.

    Attributes:
        register: Articles and topics.
        domain: Intents, slots, responses.
        blocks: The NLU examples, by intent and place.
        rules: Rules and stories.
        files: Every content file that could be parsed, by name.
        named_in_code: Actions and responses that the code calls by name.
        complete: Whether every content file could be parsed.
    """

    register: Register
    domain: Domain
    blocks: tuple[ExampleBlock, ...]
    rules: tuple[Rule, ...]
    files: Mapping[str, Entry]
    named_in_code: frozenset[str]
    complete: bool


def read_project(root: Path, findings: Findings) -> Project:
    """Read domain.yml and every YAML file below data/.

    Args:
        root: The project's folder.
        findings: Collects what is missing, unreadable or of a wrong kind.

    Returns:
        What could be read.
    """
    names = {DOMAIN_FILE, REGISTER_FILE}
    for path in (root / DATA_FOLDER).rglob("*.y*ml"):
        names.add(path.relative_to(root).as_posix())
    parsed = {name: read_yaml(root, name, findings) for name in sorted(names)}
    files = {name: entry for name, entry in parsed.items() if entry}
    data = [entry for name, entry in files.items() if name.startswith(f"{DATA_FOLDER}/")]
    return Project(
        register=read_register(files.get(REGISTER_FILE), findings),
        domain=read_domain(files.get(DOMAIN_FILE), findings),
        blocks=tuple(read_examples(data, findings)),
        rules=tuple(read_rules(data, findings)),
        files=files,
        named_in_code=frozenset(
            name
            for folder in CODE_FOLDERS
            for path in (root / folder).rglob("*.py")
            for name in _NAME.findall(path.read_text(encoding="utf-8"))
        ),
        complete=len(files) == len(names),
    )
