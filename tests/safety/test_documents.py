"""The safety documents hold: controls name tests that exist, hashes are the register's."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest
import yaml

from benchmarks.safety_figures import DOCUMENTS as DOCUMENTS_WITH_FIGURES
from benchmarks.safety_figures import FIGURE, write
from stridewell.content.checks.reviews import check_reviews
from stridewell.content.findings import Findings
from stridewell.content.project import read_project
from stridewell.content.register import load_register
from stridewell.settings import ROOT
from stridewell.turn import NOT_IN_ARTICLES, OPENINGS, SAFETY_NOTE

FOLDER = ROOT / "docs" / "safety"
DOCUMENTS = sorted(path.name for path in FOLDER.glob("*.md"))
HAZARD = re.compile(r"^## (H\d\d) (.+)$", re.MULTILINE)
FIELD = re.compile(r"^- \*\*(.+?):\*\* (.+)$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PARTS = ("Hazard", "Cause", "Effect", "Control", "Open", "Residual risk")
LINK = re.compile(r"\]\(([^)#:]+)\)")


@dataclass(frozen=True)
class Hazard:
    """One entry of the hazard log: its code, its title and its parts in order."""

    code: str
    title: str
    parts: tuple[tuple[str, str], ...]

    def all(self, part: str) -> list[str]:
        """Return every entry of a part."""
        return [text for name, text in self.parts if name == part]


def read(name: str) -> str:
    """Return a document's text."""
    return (FOLDER / name).read_text(encoding="utf-8")


def hazards() -> list[Hazard]:
    """Return the entries of the hazard log."""
    pieces = HAZARD.split(read("hazard-log.md"))[1:]
    return [
        Hazard(code, title, tuple(FIELD.findall(body)))
        for code, title, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
    ]


@cache
def written_tests(file: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the tests that pytest would collect from a file, without importing it."""
    path = ROOT / file
    if not path.is_file() or not path.name.startswith("test_"):
        return {}
    return {
        node.name: node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


LOG = hazards()
CODES = [hazard.code for hazard in LOG]
each_hazard = pytest.mark.parametrize("hazard", LOG, ids=CODES)


# The hazard log


def test_the_hazards_are_numbered_without_a_gap() -> None:
    expected = [f"H{number:02}" for number in range(1, len(LOG) + 1)]
    assert expected == CODES


@each_hazard
def test_a_hazard_has_every_part_in_order(hazard: Hazard) -> None:
    found = [name for name, _ in hazard.parts]
    assert set(found) - {"Open"} == set(PARTS) - {"Open"}
    assert found == sorted(found, key=PARTS.index)
    for single in ("Hazard", "Cause", "Effect", "Residual risk"):
        assert found.count(single) == 1


@each_hazard
def test_every_control_names_a_test_that_exists(hazard: Hazard) -> None:
    assert hazard.all("Control")
    for control in hazard.all("Control"):
        named = TEST.findall(control)
        assert named, f"{hazard.code}: this control names no test: {control}"
        missing = [f"{file}::{name}" for file, name in named if name not in written_tests(file)]
        assert missing == [], f"{hazard.code} names tests that don't exist"


@each_hazard
def test_every_proof_is_written_so_that_it_can_be_found(hazard: Hazard) -> None:
    for control in hazard.all("Control"):
        _, _, proof = control.partition("Proof: ")
        assert TEST.sub("", proof).replace(",", "").strip() == ""


def test_no_named_test_is_skipped_or_expected_to_fail() -> None:
    named = {match for hazard in LOG for c in hazard.all("Control") for match in TEST.findall(c)}
    for file, name in sorted(named):
        test = written_tests(file)[name]
        marks = " ".join(ast.unparse(decorator) for decorator in test.decorator_list)
        assert not re.search(r"\b(?:skip|skipif|xfail)\b", marks), f"{file}::{name}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_test_named_in_a_document_exists(name: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", read(name))
    missing = [f"{file}::{test}" for file, test in named if test not in {"", *written_tests(file)}]
    assert missing == []
    assert [file for file, _ in named if not (ROOT / file).is_file()] == []


def test_hazards_named_elsewhere_exist() -> None:
    for name in DOCUMENTS:
        assert set(re.findall(r"\bH\d\d\b", read(name))) <= set(CODES), name


def test_open_controls_are_named_in_the_safety_case() -> None:
    line = next(
        line for line in read("safety-case.md").splitlines() if line.startswith("* Open controls")
    )
    assert set(re.findall(r"H\d\d", line)) == {h.code for h in LOG if h.all("Open")}


# Every document


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_says_that_it_is_not_assured(name: str) -> None:
    lines = read(name).splitlines()
    assert lines[0].startswith("# ")
    assert lines[2] == ("In the style of DCB0129, not assured. Last clinical review: none yet.")


def test_the_index_names_every_document() -> None:
    assert set(LINK.findall(read("README.md"))) == set(DOCUMENTS) - {"README.md"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    dead = [link for link in LINK.findall(read(name)) if not (FOLDER / link).exists()]
    assert dead == []


def test_a_figure_is_measured_and_the_same_in_every_document() -> None:
    figures: dict[str, set[str]] = {}
    for path in DOCUMENTS_WITH_FIGURES:
        for mark, figure in FIGURE.findall(path.read_text(encoding="utf-8")):
            value = path.read_text(encoding="utf-8").partition(mark)[2].splitlines()[0]
            figures.setdefault(figure, set()).add(value.partition("|")[0].strip())
    assert len(figures) >= 8
    assert {figure for figure, values in figures.items() if len(values) > 1} == set()
    unmeasured = {
        figure for figure, values in figures.items() if not all(re.match(r"\d", v) for v in values)
    }
    assert unmeasured == set()


def test_new_figures_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    document = tmp_path / "case.md"
    document.write_text(
        "| recall | <!-- figure: recall --> 0.1 (1 of 10) | x |\n"
        "| other | <!-- figure: other --> 0.2 |\nOn: <!-- figure: day -->\n",
        encoding="utf-8",
    )
    assert write({"recall": "0.9", "day": "2027-01-01"}, [document]) == ["other"]
    assert document.read_text(encoding="utf-8") == (
        "| recall | <!-- figure: recall --> 0.9 | x |\n"
        "| other | <!-- figure: other --> 0.2 |\nOn: <!-- figure: day --> 2027-01-01\n"
    )


def test_the_documents_claim_no_approval() -> None:
    claims = re.compile(
        r"(?:clinically (?:safe|proven|validated|approved)|certified (?:as|by|to)"
        r"|compliant with|CE[- ]mark|FDA)",
        re.IGNORECASE,
    )
    assert {name for name in DOCUMENTS if claims.search(read(name))} == set()


# Sources and reviews


def test_the_source_register_lists_the_articles_with_their_hashes() -> None:
    rows = re.findall(
        r"^\| (.+?) \| ([\w-]+) \| ([\w ]+) \| (\d{4}-\d\d-\d\d) \| `([0-9a-f]{64})` \|$",
        read("sources.md"),
        re.MULTILINE,
    )
    listed = {row[1]: (row[0], row[2], row[3], row[4]) for row in rows}
    registered = yaml.safe_load((ROOT / "data" / "articles.yml").read_text(encoding="utf-8"))
    assert listed == {
        name: (fields["title"], fields["kind"], str(fields["read_on"]), fields["sha256"])
        for name, fields in registered["articles"].items()
    }
    assert len(load_register(ROOT).articles) == len(listed) == 5


def safety_texts() -> dict[str, dict[str, object]]:
    """Return what is registered on each safety text."""
    content = yaml.safe_load((ROOT / "data/safety/texts.yml").read_text(encoding="utf-8"))
    texts: dict[str, dict[str, object]] = content["safety_texts"]
    return texts


def test_every_safety_text_names_its_sources_and_its_review() -> None:
    texts = safety_texts()
    assert set(texts) >= {*OPENINGS.values(), SAFETY_NOTE, NOT_IN_ARTICLES}
    for name, fields in texts.items():
        assert fields["sources"], name
        assert fields["reviewed"], name
        assert isinstance(fields["review_due"], date), name


def test_every_text_with_a_number_of_the_region_is_registered() -> None:
    responses = read_project(ROOT, Findings()).domain.responses
    with_numbers = {
        name
        for name, response in responses.items()
        if name.startswith("utter_")
        and any("crisis_help}" in v.text or "same_day_help}" in v.text for v in response.variations)
    }
    assert with_numbers <= set(safety_texts())


@pytest.mark.parametrize(
    "name",
    [f"data/safety/{part}.yml" for part in ("texts", "regions", "emergency", "same_day", "crisis")],
)
def test_a_review_date_that_has_passed_fails_the_content_check(name: str) -> None:
    project = read_project(ROOT, Findings())
    text = (ROOT / name).read_text(encoding="utf-8")
    dates = [date.fromisoformat(due) for due in re.findall(r"review_due: (\S+)", text)]
    assert dates

    def overdue(today: date) -> int:
        findings = Findings()
        check_reviews(project, today, findings)
        said = [str(finding) for finding in findings.sorted()]
        return sum(s.startswith(f"{name}:") and "the review was due on" in s for s in said)

    assert overdue(min(dates)) == 0
    assert overdue(max(dates) + timedelta(days=1)) == len(dates)


def test_as_long_as_no_clinician_has_reviewed_a_text_the_documents_say_so() -> None:
    reviewed = {str(fields["reviewed"]) for fields in safety_texts().values()}
    assert reviewed == {"none yet"}, (
        "A clinician has reviewed a text: say so in the third line of every safety document."
    )


# What the assistant says beside its safety texts


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """Every text that the assistant says, by response."""
    responses = read_project(ROOT, Findings()).domain.responses
    return {name: [v.text for v in response.variations] for name, response in responses.items()}


@pytest.mark.parametrize(
    "name", ["utter_only_english", "utter_nlu_fallback_handoff", "utter_greet"]
)
def test_replies_that_admit_not_understanding_name_the_emergency_number(
    name: str, said: dict[str, list[str]]
) -> None:
    for variation in said[name]:
        everywhere = all(number in variation for number in ("112", "911", "999"))
        assert everywhere or "local emergency number" in variation


def test_asked_whether_it_is_a_person_it_says_that_nobody_is_watching(
    said: dict[str, list[str]],
) -> None:
    for variation in said["utter_bot_challenge"]:
        assert "not a person" in variation
        assert "No doctor or nurse is watching" in variation


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("utter_state_pain", ["worries you", "getting worse"]),
        ("utter_ask_daily_life", ["daily things", "getting worse"]),
    ],
)
def test_replies_to_pain_say_when_to_see_a_doctor(
    name: str, words: list[str], said: dict[str, list[str]]
) -> None:
    for variation in said[name]:
        assert "see a doctor" in variation.lower()
        assert all(word in variation for word in words)


def test_no_text_says_that_nothing_is_wrong(said: dict[str, list[str]]) -> None:
    calming = re.compile(
        r"nothing (?:is wrong|to worry)|don't worry|no need to worry"
        r"|(?<!if )you(?:'re| are) (?:fine|safe|ok)\b|(?:isn't|is not|not an) emergency"
        r"|probably (?:just|nothing)|harmless|no reason for concern",
        re.IGNORECASE,
    )
    calm = {name for name, texts in said.items() if any(calming.search(t) for t in texts)}
    assert calm == set()


def test_nothing_in_the_pipeline_writes_text() -> None:
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    endpoints = yaml.safe_load((ROOT / "endpoints.yml").read_text(encoding="utf-8"))
    names = [part["name"] for part in (*config["pipeline"], *config["policies"])]
    assert not [n for n in names if re.search(r"llm|gpt|generat|rephras", n, re.IGNORECASE)]
    assert "nlg" not in endpoints
