"""Findings: what is wrong in a content file, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, named as a person would look it up.

    Attributes:
        file: Path below the project root, with forward slashes.
        line: Line number, counted from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to mend.

    Attributes:
        place: Where to mend it.
        message: What is wrong and what to do, in plain words.
    """

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Findings:
    """A growing collection that readers and checks add to."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(self, place: Place, message: str) -> None:
        """Note one finding."""
        self._found.append(Finding(place, message))

    def sorted(self) -> list[Finding]:
        """Return the findings by file, line and message, each once."""
        return sorted(set(self._found))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.sorted())

    def __len__(self) -> int:
        return len(set(self._found))


class ContentError(Exception):
    """The content cannot be used as it stands; the text lists every finding on its own line."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))
