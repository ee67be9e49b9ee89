"""A small, clean project that a test can break in one place, and the real one.

The small project keeps to the same rules as the real one, with lower numbers of examples.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from stridewell.content.checks import check_project
from stridewell.content.findings import Finding, Findings
from stridewell.content.limits import Limits
from stridewell.content.project import Project, read_project

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 21)
SMALL_LIMITS = Limits(answered_examples=3, declined_examples=2, conversation_examples=2)

FILES = {
    "domain.yml": """
        version: "3.1"

        intents:
        - ask_swimming
        - ask_child
        - greet

        slots:
          emergency_help:
            type: text
            mappings:
            - type: custom

        actions:
        - action_medical_disclaimer

        responses:
          utter_ask_swimming:
          - text: >-
              Swimming is easy on the back, says one personal account. Ask a doctor first.
            metadata:
              topic: ask_swimming
              articles: [laps]
            buttons:
            - title: Under eighteen
              payload: /ask_child
          utter_ask_child:
          - text: The article does not cover children. Ask an adult and a family doctor.
            metadata: {topic: ask_child, articles: []}
          utter_greet:
          - text: Hello!
          utter_emergency:
          - condition:
            - {type: slot, name: emergency_help, value: none}
            text: Please get help now.
          - text: Please get help now. {emergency_help}
        """,
    "data/articles.yml": """
        articles:
          laps:
            title: My laps
            kind: personal account
            author_note: A swimmer tells what helped.
            sha256: 0000000000000000000000000000000000000000000000000000000000000abc
            read_on: 2026-11-01
        groups:
          other_exercise: Other exercise
          declined: Not in the articles
        topics:
          ask_swimming:
            title: Swimming
            question: Is swimming good for a sore back?
            group: other_exercise
            safety_relevant: true
            says:
              laps: Says that swimming is easy on the back.
          ask_child:
            title: Children
            question: What about children?
            group: declined
            says: {}
        """,
    "data/outside.yml": """
        groups: {part: [neck]}
        covered: [back]
        always: {}
        outside:
          ask_child:
          - <part> pain
        only_sciatica:
          topics: [ask_swimming]
          declined_by: ask_child
          sciatica: [nerve]
          others: [<part> pain]
        """,
    "data/nlu/other_exercise.yml": """
        version: "3.1"
        nlu:
        - intent: ask_swimming
          examples: |
            - can I swim
            - is the pool any good
            - Front crawl with a sore back?
        """,
    "data/nlu/declined.yml": """
        version: "3.1"
        nlu:
        - intent: ask_child
          examples: |
            - my son is nine
            - is this for kids
        """,
    "data/nlu/conversation.yml": """
        version: "3.1"
        nlu:
        - intent: greet
          examples: |
            - hello
            - 👋
        """,
    "data/rules/answers.yml": """
        version: "3.1"
        rules:
        - rule: ask_swimming
          steps:
          - intent: ask_swimming
          - action: utter_ask_swimming
          - action: action_medical_disclaimer
        - rule: ask_child
          steps:
          - intent: ask_child
          - action: utter_ask_child
        - rule: greet
          steps:
          - intent: greet
          - action: utter_greet
        """,
    "actions/disclaimer.py": """
        NAME = "action_medical_disclaimer"
        """,
    "data/safety/lexicon.yml": """
        signs:
          sudden_weakness:
            source: a published leaflet
            reviewed: none yet
            review_due: 2027-05-21
        """,
}


@dataclass(frozen=True)
class SmallProject:
    """A project's folder with a way to break it."""

    root: Path

    def change(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands exactly once in a file."""
        text = (self.root / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (self.root / file).write_text(text.replace(old, new), encoding="utf-8")

    def findings(self, limits: Limits = SMALL_LIMITS) -> list[Finding]:
        """Return what the content check finds."""
        findings = Findings()
        check_project(read_project(self.root, findings), TODAY, findings, limits)
        return findings.sorted()


@pytest.fixture
def small_project(tmp_path: Path) -> SmallProject:
    """A clean project in a folder of its own."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return SmallProject(tmp_path)


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder of this project."""
    return ROOT


@pytest.fixture(scope="session")
def project() -> Project:
    """This project's own content."""
    return read_project(ROOT, Findings())


@pytest.fixture(scope="session")
def spoken(project: Project) -> dict[str, str]:
    """All that this project's responses say, by response; variations follow one another."""
    return {
        name: " ".join(variation.text for variation in response.variations)
        for name, response in project.domain.responses.items()
    }


@pytest.fixture(scope="session")
def told(project: Project) -> dict[tuple[str, str], str]:
    """The register's lines on what each article says, by topic and article."""
    return {
        (topic.id, article): line
        for topic in project.register.topics.values()
        for article, line in topic.says.items()
    }


@pytest.fixture(scope="session")
def everything(spoken: dict[str, str], told: dict[tuple[str, str], str]) -> dict[str, str]:
    """All that may reach a person, by response, or by topic and article."""
    return {**spoken, **{f"{topic}: {article}": line for (topic, article), line in told.items()}}
