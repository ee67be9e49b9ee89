"""Reads the classifier's examples: takes ``data/safety/examples`` in, hands on labeled messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from stridewell.safety.finding import SIGNS, STATUSES
from stridewell.safety.lexicon import LexiconError

TIER_NAMES = ("emergency", "same_day", "crisis", "none")


@dataclass(frozen=True)
class Example:
    """One message; ``sign`` and ``status`` are ``None`` when it holds no sign."""

    text: str
    tier: str | None = None
    sign: str | None = None
    status: str | None = None

    @property
    def affirmed(self) -> bool:
        """Whether somebody has the sign now."""
        return self.status in ("self", "other")


def load_examples(folder: Path) -> list[Example]:
    """Read every example file, in the order of the file names.

    Raises:
        LexiconError: The folder is empty or a file is broken; the text names file and line.
    """
    paths = sorted(Path(folder).glob("*.yml"))
    if not paths:
        raise LexiconError(f"{folder}, line 1: the folder holds no example files (*.yml).")
    return [example for path in paths for example in _read(path)]


def _read(path: Path) -> Iterator[Example]:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise LexiconError(f"{path}, line {mark.line + 1 if mark else 1}: {error}") from error
    if not isinstance(root, yaml.MappingNode) or root.value[0][0].value != "safety_examples":
        raise LexiconError(f"{path}, line 1: the file must begin with 'safety_examples:'.")
    for group in root.value[0][1].value:
        line = group.start_mark.line + 1
        if not isinstance(group, yaml.MappingNode):
            raise LexiconError(f"{path}, line {line}: a group needs sign, tier, status and texts.")
        parts = {key.value: value.value for key, value in group.value}
        unknown = set(parts) - {"sign", "tier", "status", "texts", "about"}
        if unknown or "texts" not in parts or "tier" not in parts:
            raise LexiconError(
                f"{path}, line {line}: a group has tier, sign, status, texts "
                "(and about), nothing else."
            )
        tier, sign, status = parts["tier"], parts.get("sign"), parts.get("status")
        if tier not in TIER_NAMES:
            raise LexiconError(f"{path}, line {line}: '{tier}' is no tier.")
        if tier == "none":
            sign = status = None
        elif sign not in SIGNS or status not in STATUSES:
            raise LexiconError(f"{path}, line {line}: the sign or the status is unknown.")
        for text in parts["texts"].splitlines():
            message = text.strip().removeprefix("- ").strip()
            if message:
                yield Example(message, None if tier == "none" else tier, sign, status)
