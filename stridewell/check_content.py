"""The command that checks the content: `python -m stridewell.check_content`.

Takes the project's folder, prints every finding with file and line, and exits with 1 if there is
one. Loads neither Rasa nor TensorFlow.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from stridewell.content.checks import check_project
from stridewell.content.domain import DOMAIN_FILE
from stridewell.content.findings import Findings
from stridewell.content.project import Project, read_project

PROJECT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a project's content and print what is wrong with it.

    Args:
        arguments: The command's arguments; by default those it was started with.

    Returns:
        0 if the content is clean, 1 if there are findings, 2 if the folder is no project.
    """
    parser = argparse.ArgumentParser(
        prog="python -m stridewell.check_content",
        description="Check domain.yml and data/ for what a writer forgot or mistook.",
    )
    parser.add_argument(
        "--root", type=Path, default=PROJECT, metavar="DIR", help="folder of the project to check"
    )
    root: Path = parser.parse_args(arguments).root
    if not root.is_dir():
        print(f"{root} is not a folder. Name the one that holds {DOMAIN_FILE}.", file=sys.stderr)
        return 2
    findings = Findings()
    project = read_project(root, findings)
    check_project(project, date.today(), findings)
    found = findings.sorted()
    for finding in found:
        print(finding)
    if found:
        files = len({finding.place.file for finding in found})
        print(f"\n{_count(len(found), 'finding')} in {_count(files, 'file')}.")
        if not project.complete:
            print("What depends on the unreadable files is checked once they can be read.")
        return 1
    print(f"The content is clean: {_summary(project)}.")
    return 0


def _summary(project: Project) -> str:
    answered = sum(topic.answered for topic in project.register.topics.values())
    return ", ".join(
        (
            _count(len(project.domain.intents), "intent"),
            _count(answered, "answered topic"),
            _count(len(project.register.topics) - answered, "declined topic"),
            _count(sum(len(block.examples) for block in project.blocks), "example"),
            _count(len(project.register.articles), "article"),
        )
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
