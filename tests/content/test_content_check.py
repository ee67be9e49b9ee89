"""The content check names each mistake with its file and line, and says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stridewell.content.checks import check_project
from stridewell.content.findings import Findings
from stridewell.content.limits import LIMITS
from stridewell.content.project import Project, read_project

if TYPE_CHECKING:
    from tests.content.conftest import SmallProject


@dataclass(frozen=True)
class Mistake:
    """One change to the small project and the beginning of each line it must lead to."""

    fact: str
    file: str
    old: str
    new: str
    found: tuple[str, ...]


LONG = "Swim with ease today. " * 22 + "Then rest well."
HARD = (
    "In summary, individualized rehabilitation necessitates multidisciplinary consultation,"
    " notwithstanding"
    " considerable heterogeneity characterizing contemporary recommendations concerning"
    " cardiovascular conditioning among recreationally competitive participants internationally."
)
ANSWER = "Swimming is easy on the back, says one personal account. Ask a doctor first."

MISTAKES = [
    Mistake(
        "a subject outside the articles under a topic that does not decline",
        "data/outside.yml",
        "  ask_child:",
        "  ask_chld:",
        ("data/outside.yml:5: ask_chld is not a declined topic of data/articles.yml. Move",),
    ),
    Mistake(
        "a subject outside the articles that names an unknown group",
        "data/outside.yml",
        "- <part> pain",
        "- <bone> pain",
        ("data/outside.yml:6: The phrase '<bone> pain' names the group <bone>, which",),
    ),
    Mistake(
        "a topic on sciatica alone that declines",
        "data/outside.yml",
        "topics: [ask_swimming]",
        "topics: [ask_child]",
        ("data/outside.yml:8: ask_child is not an answered topic of data/articles.yml. Move",),
    ),
    Mistake(
        "what others ask of in a word that can't be read",
        "data/outside.yml",
        "others: [<part> pain]",
        "others: [<limb> pain]",
        ("data/outside.yml:11: The phrase '<limb> pain' names the group <limb>, which",),
    ),
    Mistake(
        "a topic without examples",
        "data/nlu/other_exercise.yml",
        "nlu:\n- intent: ask_swimming\n  examples: |\n    - can I swim\n"
        "    - is the pool any good\n    - Front crawl with a sore back?\n",
        "nlu: []\n",
        (
            "data/articles.yml:12: ask_swimming has no examples. Write at least 3 ways to ask it in"
            " data/nlu/other_exercise.yml.",
        ),
    ),
    Mistake(
        "a topic without a response",
        "domain.yml",
        "  utter_ask_child:",
        "  utter_ask_chlid:",
        (
            "data/articles.yml:19: ask_child has no response. Add utter_ask_child under"
            " 'responses:' of domain.yml. Did you mean utter_ask_chlid?",
            "data/rules/answers.yml:11: utter_ask_child is not a response of domain.yml.",
            "domain.yml:27: utter_ask_chlid answers no intent: ask_chlid is not in domain.yml.",
        ),
    ),
    Mistake(
        "a topic without a rule",
        "data/rules/answers.yml",
        "- rule: ask_child\n  steps:\n  - intent: ask_child\n  - action: utter_ask_child\n",
        "",
        (
            "data/articles.yml:19: ask_child has no rule. Add to data/rules/declined.yml:"
            " '- rule: ask_child' with the steps 'intent: ask_child' and"
            " 'action: utter_ask_child'.",
        ),
    ),
    Mistake(
        "a rule that calls the action server before it answers",
        "data/rules/answers.yml",
        "  - action: utter_ask_swimming\n  - action: action_medical_disclaimer\n",
        "  - action: action_medical_disclaimer\n  - action: utter_ask_swimming\n",
        (
            "data/rules/answers.yml:3: no rule for ask_swimming begins with"
            " 'action: utter_ask_swimming'. Say the answer before any other action",
        ),
    ),
    Mistake(
        "an answered topic without a source",
        "data/articles.yml",
        "    says:\n      laps: Says that swimming is easy on the back.\n",
        "    says: {}\n",
        (
            "data/articles.yml:2: no topic draws on laps.",
            "data/articles.yml:12: ask_swimming has no source. Name under 'says:' each article",
            "domain.yml:23: the metadata of utter_ask_swimming names laps, but the register does"
            " not tell what it says on ask_swimming (data/articles.yml:12).",
        ),
    ),
    Mistake(
        "a declined topic with a source",
        "data/articles.yml",
        "    group: declined\n    says: {}\n",
        "    group: declined\n    says: {laps: Says nothing on children.}\n",
        (
            "data/articles.yml:19: ask_child is declined, yet 'says:' names articles.",
            "domain.yml:29: the metadata of utter_ask_child leaves out laps, which the register"
            " names for ask_child (data/articles.yml:23).",
        ),
    ),
    Mistake(
        "too few examples",
        "data/nlu/other_exercise.yml",
        "    - can I swim\n",
        "",
        (
            "data/nlu/other_exercise.yml:3: ask_swimming has 2 examples; it needs at least 3."
            " Write 1 more, each in other words.",
        ),
    ),
    Mistake(
        "an example in two intents, apart from case and punctuation",
        "data/nlu/conversation.yml",
        "    - hello\n",
        "    - hello\n    - Is the POOL any good?!\n",
        (
            "data/nlu/other_exercise.yml:6: 'is the pool any good' is an example of ask_swimming"
            " here and of greet in data/nlu/conversation.yml:6. Keep it in the one it belongs to.",
        ),
    ),
    Mistake(
        "an example that stands twice",
        "data/nlu/other_exercise.yml",
        "    - can I swim\n",
        "    - can I swim\n    - Can I swim?\n",
        (
            "data/nlu/other_exercise.yml:6: 'Can I swim?' stands twice in ask_swimming: here and in"
            " data/nlu/other_exercise.yml:5. Remove one.",
        ),
    ),
    Mistake(
        "a line among the examples that is none",
        "data/nlu/other_exercise.yml",
        "    - can I swim\n",
        "    - can I swim\n    # the pool\n",
        ("data/nlu/other_exercise.yml:6: '# the pool' is not an example of ask_swimming.",),
    ),
    Mistake(
        "an example that skips the understanding",
        "data/nlu/other_exercise.yml",
        "    - can I swim\n",
        "    - can I swim\n    - /ask_swimming\n",
        ("data/nlu/other_exercise.yml:6: '/ask_swimming' begins with '/', which skips",),
    ),
    Mistake(
        "an intent with two blocks of examples",
        "data/nlu/declined.yml",
        "    - is this for kids\n",
        "    - is this for kids\n- intent: ask_swimming\n  examples: |\n    - doggy paddle\n",
        (
            "data/nlu/other_exercise.yml:3: ask_swimming has examples here and already in"
            " data/nlu/declined.yml:7. Keep them together in one block.",
        ),
    ),
    Mistake(
        "a response that is too long",
        "domain.yml",
        ANSWER,
        LONG,
        ("domain.yml:19: utter_ask_swimming has 91 words; the limit is 90. Cut 1;",),
    ),
    Mistake(
        "a response that is too hard to read",
        "domain.yml",
        ANSWER,
        HARD,
        ("domain.yml:19: utter_ask_swimming reads at school grade ",),
    ),
    Mistake(
        "a placeholder that no slot fills",
        "domain.yml",
        "now. {emergency_help}",
        "now. {emergency_halp}",
        (
            "domain.yml:36: utter_emergency holds the placeholder {emergency_halp}, but domain.yml"
            " has no slot of that name. Add the slot, or correct the name."
            " Did you mean emergency_help?",
        ),
    ),
    Mistake(
        "a condition on a slot that does not exist",
        "domain.yml",
        "{type: slot, name: emergency_help, value: none}",
        "{type: slot, name: region, value: none}",
        ("domain.yml:34: a condition of utter_emergency asks for 'region', which is not a slot",),
    ),
    Mistake(
        "a response that may say nothing at all",
        "domain.yml",
        "  - text: Please get help now. {emergency_help}\n",
        "",
        ("domain.yml:32: every variation of utter_emergency has a condition, so it may say",),
    ),
    Mistake(
        "a source that does not exist",
        "domain.yml",
        "articles: [laps]",
        "articles: [laps, lapps]",
        (
            "domain.yml:23: the metadata of utter_ask_swimming names the source 'lapps', which"
            " data/articles.yml does not have. Add the article, or correct the name."
            " Did you mean laps?",
        ),
    ),
    Mistake(
        "a source that only the register names",
        "domain.yml",
        "articles: [laps]",
        "articles: []",
        (
            "domain.yml:23: the metadata of utter_ask_swimming leaves out laps, which the register"
            " names for ask_swimming (data/articles.yml:18). Add it here, or remove it there.",
        ),
    ),
    Mistake(
        "a response that names another topic",
        "domain.yml",
        "topic: ask_swimming",
        "topic: ask_child",
        (
            "domain.yml:22: the metadata of utter_ask_swimming should say 'topic: ask_swimming',"
            " but it says ask_child. Correct it.",
        ),
    ),
    Mistake(
        "a response for no intent",
        "domain.yml",
        "  utter_greet:\n",
        "  utter_ask_rowing:\n  - text: Rowing is not covered.\n  utter_greet:\n",
        ("domain.yml:30: utter_ask_rowing answers no intent: ask_rowing is not in domain.yml.",),
    ),
    Mistake(
        "a rule for an unknown intent",
        "data/rules/answers.yml",
        "- rule: greet\n  steps:\n",
        "- rule: wave\n  steps:\n  - intent: ask_swiming\n  - action: utter_greet\n"
        "- rule: greet\n  steps:\n",
        (
            "data/rules/answers.yml:14: ask_swiming is not an intent of domain.yml. Add it under"
            " 'intents:', or correct the name. Did you mean ask_swimming?",
        ),
    ),
    Mistake(
        "a rule with an unknown action",
        "data/rules/answers.yml",
        "action: action_medical_disclaimer",
        "action: action_medical_disclamer",
        (
            "data/rules/answers.yml:7: action_medical_disclamer is not an action of domain.yml."
            " Add it under 'actions:', or correct the name."
            " Did you mean action_medical_disclaimer?",
        ),
    ),
    Mistake(
        "an action that stands in no code",
        "actions/disclaimer.py",
        "action_medical_disclaimer",
        "action_medical_disclamer",
        (
            "domain.yml:15: action_medical_disclaimer stands in no code. Write it in the folder"
            " 'actions', or correct the name. Did you mean action_medical_disclamer?",
        ),
    ),
    Mistake(
        "two rules of one name",
        "data/rules/answers.yml",
        "- rule: greet\n",
        "- rule: ask_child\n",
        ("data/rules/answers.yml:12: 'ask_child' is also the name of the one in data/rules/",),
    ),
    Mistake(
        "a topic that is no intent",
        "domain.yml",
        "- ask_child\n",
        "",
        (
            "data/articles.yml:19: ask_child is not an intent of domain.yml.",
            "data/nlu/declined.yml:3: ask_child is not an intent of domain.yml.",
            "data/rules/answers.yml:10: ask_child is not an intent of domain.yml.",
            "domain.yml:25: the button 'Under eighteen' of utter_ask_swimming sends '/ask_child',",
            "domain.yml:26: utter_ask_child answers no intent",
        ),
    ),
    Mistake(
        "an intent that is no topic",
        "data/articles.yml",
        "  ask_child:\n    title: Children\n    question: What about children?\n"
        "    group: declined\n    says: {}\n",
        "",
        (
            "data/outside.yml:5: ask_child is not a declined topic of data/articles.yml. Move",
            "data/outside.yml:9: ask_child is not a declined topic of data/articles.yml. Move",
            "domain.yml:5: ask_child is not in the register. Add it under 'topics:' of"
            " data/articles.yml, or, if it is small talk, move its examples to"
            " data/nlu/conversation.yml.",
            "domain.yml:29: the metadata of utter_ask_child names the topic 'ask_child', which is",
        ),
    ),
    Mistake(
        "small talk that nothing follows",
        "data/rules/answers.yml",
        "- rule: greet\n  steps:\n  - intent: greet\n  - action: utter_greet\n",
        "",
        ("domain.yml:6: greet has no rule and no story, so nothing follows it.",),
    ),
    Mistake(
        "small talk without examples",
        "data/nlu/conversation.yml",
        "nlu:\n- intent: greet\n  examples: |\n    - hello\n    - 👋\n",
        "nlu: []\n",
        ("domain.yml:6: greet has no examples. Write at least 2 in data/nlu/conversation.yml,",),
    ),
    Mistake(
        "a button for an unknown intent",
        "domain.yml",
        "payload: /ask_child",
        'payload: /ask_chidl{"slot":"value"}',
        (
            "domain.yml:26: the button 'Under eighteen' of utter_ask_swimming sends"
            ' \'/ask_chidl{"slot":"value"}\', but ask_chidl is not an intent of domain.yml.'
            " Add the intent, or correct the name. Did you mean ask_child?",
        ),
    ),
    Mistake(
        "a button that sends words instead of an intent",
        "domain.yml",
        "payload: /ask_child",
        "payload: what about children",
        ("domain.yml:26: the button 'Under eighteen' of utter_ask_swimming sends 'what about",),
    ),
    Mistake(
        "a button with a long title",
        "domain.yml",
        "title: Under eighteen",
        "title: Under eighteen years old",
        (
            "domain.yml:25: the button 'Under eighteen years old' of utter_ask_swimming has 24"
            " characters; some channels show 20 at most. Shorten it.",
        ),
    ),
    Mistake(
        "more buttons than every channel shows",
        "domain.yml",
        "      payload: /ask_child\n",
        "      payload: /ask_child\n" + "    - {title: Hello, payload: /greet}\n" * 3,
        ("domain.yml:19: utter_ask_swimming has 4 buttons; some channels show 3 at most.",),
    ),
    Mistake(
        "a blank line that splits a message",
        "domain.yml",
        "Hello!",
        '"Hello!\\n\\nHow are you?"',
        ("domain.yml:31: the text of utter_greet holds a blank line, which splits it into two",),
    ),
    Mistake(
        "a variation without a text",
        "domain.yml",
        "  - text: Hello!",
        "  - texxt: Hello!",
        ("domain.yml:31: this variation of utter_greet has no 'text:'. Add one.",),
    ),
    Mistake(
        "an article whose hash is malformed",
        "data/articles.yml",
        "0abc",
        "0abX",
        (
            "data/articles.yml:2: the sha256 of laps is not 64 digits of 0-9 and a-f."
            " Take it from: sha256sum laps.txt.",
        ),
    ),
    Mistake(
        "an article of an unknown kind",
        "data/articles.yml",
        "kind: personal account",
        "kind: story",
        ("data/articles.yml:2: laps is of the kind 'story'. Use one of these: personal account,",),
    ),
    Mistake(
        "an article without a date",
        "data/articles.yml",
        "read_on: 2026-11-01",
        "read_on: last week",
        ("data/articles.yml:7: laps: read_on should be a date. Write it as 2026-11-21.",),
    ),
    Mistake(
        "an article without a title",
        "data/articles.yml",
        "    title: My laps\n",
        "",
        ("data/articles.yml:2: laps has no 'title:'. Add one.",),
    ),
    Mistake(
        "two topics of one title",
        "data/articles.yml",
        "title: Children",
        "title: swimming",
        ("data/articles.yml:19: ask_child has the same title as ask_swimming: 'swimming'.",),
    ),
    Mistake(
        "a topic with a title too long for a button",
        "data/articles.yml",
        "title: Children",
        "title: Children and teenagers",
        ("data/articles.yml:19: the title of ask_child, 'Children and teenagers', has 22",),
    ),
    Mistake(
        "a topic in an unknown group",
        "data/articles.yml",
        "group: other_exercise",
        "group: exercise",
        (
            "data/articles.yml:12: ask_swimming is in the group 'exercise', which the register does"
            " not have. Use one of these, or add it under 'groups:': other_exercise, declined.",
        ),
    ),
    Mistake(
        "a sentence left out",
        "data/articles.yml",
        "laps: Says that swimming is easy on the back.",
        "laps:",
        ("data/articles.yml:18: ask_swimming: what laps says is empty. Write it after the colon.",),
    ),
    Mistake(
        "a review that is overdue",
        "data/safety/lexicon.yml",
        "review_due: 2027-05-21",
        "review_due: 2026-11-20",
        (
            "data/safety/lexicon.yml:5: the review was due on 2026-11-20. Have a clinician review"
            " this part, then set 'reviewed' and a new 'review_due'.",
        ),
    ),
    Mistake(
        "a review date that is none",
        "data/safety/lexicon.yml",
        "review_due: 2027-05-21",
        "review_due: next spring",
        ("data/safety/lexicon.yml:5: review_due should be a date. Write it as 2026-11-21.",),
    ),
    Mistake(
        "a name that stands twice",
        "domain.yml",
        "  utter_greet:\n",
        "  utter_ask_child:\n  - text: Ask an adult.\n  utter_greet:\n",
        ("domain.yml:30: 'utter_ask_child' stands here and already in line 27. Keep one",),
    ),
    Mistake(
        "YAML that cannot be read",
        "data/rules/answers.yml",
        "- rule: ask_child\n  steps:",
        "- rule: ask_child\n   steps:",
        ("data/rules/answers.yml:9: the YAML cannot be read from here on: ",),
    ),
    Mistake(
        "a wrong indentation that is still YAML",
        "data/rules/answers.yml",
        "- rule: greet\n  steps:\n  - intent: greet\n  - action: utter_greet\n",
        "- rule: greet\n- steps:\n  - intent: greet\n  - action: utter_greet\n",
        (
            "data/rules/answers.yml:12: the rule 'greet' has no steps. Add them.",
            "data/rules/answers.yml:13: this rule has no name. Begin it '- rule: '.",
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.fact)
def test_a_mistake_is_named_with_its_line_and_nothing_else_is(
    mistake: Mistake, small_project: SmallProject
) -> None:
    small_project.change(mistake.file, mistake.old, mistake.new)
    lines = [str(finding) for finding in small_project.findings()]
    assert len(lines) == len(mistake.found), "\n".join(lines)
    for line, expected in zip(lines, mistake.found, strict=True):
        assert line.startswith(expected)


def test_the_small_project_is_clean(small_project: SmallProject) -> None:
    assert small_project.findings() == []


def test_a_missing_file_is_named(small_project: SmallProject) -> None:
    (small_project.root / "data/articles.yml").unlink()
    assert [str(finding) for finding in small_project.findings()] == [
        "data/articles.yml:1: the file is missing. Write it, or restore it from git."
    ]


def test_a_file_that_is_no_text_is_named(small_project: SmallProject) -> None:
    (small_project.root / "data/nlu/declined.yml").write_bytes(b"\xff\xfe nlu")
    (finding,) = small_project.findings()
    assert str(finding.place) == "data/nlu/declined.yml:1"
    assert "Save it as UTF-8 text." in finding.message


def test_all_mistakes_are_reported_at_once_by_file_and_line(small_project: SmallProject) -> None:
    small_project.change("domain.yml", "title: Under eighteen", "title: Under eighteen years old")
    small_project.change("domain.yml", "articles: [laps]", "articles: []")
    small_project.change("data/nlu/other_exercise.yml", "    - can I swim\n", "")
    places = [str(finding.place) for finding in small_project.findings()]
    assert places == ["data/nlu/other_exercise.yml:3", "domain.yml:23", "domain.yml:25"]


def test_a_response_that_code_calls_by_name_needs_no_intent(small_project: SmallProject) -> None:
    small_project.change(
        "domain.yml", "  utter_greet:\n", "  utter_ask_again:\n  - text: Ask me.\n  utter_greet:\n"
    )
    (small_project.root / "actions" / "again.py").write_text(
        'ASK_AGAIN = "utter_ask_again"\n', encoding="utf-8"
    )
    assert small_project.findings() == []


def test_words_such_as_no_stay_text_as_they_do_for_rasa(small_project: SmallProject) -> None:
    small_project.change("domain.yml", "text: Hello!", "text: No")
    assert small_project.findings() == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_leads_to_findings_and_never_to_a_traceback(
    data: st.DataObject, small_project: SmallProject
) -> None:
    file = data.draw(st.sampled_from(["domain.yml", "data/articles.yml", "data/rules/answers.yml"]))
    path = small_project.root / file
    intact = path.read_text(encoding="utf-8")
    lines = intact.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    junk = data.draw(
        st.sampled_from(["", "- x", "a: b", "  - [", "? {", "*a", "&a [*a]", "\t", "1"])
    )
    lines[at] = " " * data.draw(st.integers(0, 6)) + junk
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for finding in small_project.findings():
            assert finding.place.line >= 1
    finally:
        path.write_text(intact, encoding="utf-8")


def test_the_limits_are_the_promised_ones() -> None:
    assert (LIMITS.answered_examples, LIMITS.declined_examples) == (30, 25)
    assert LIMITS.conversation_examples == 15
    assert LIMITS.topic_words == 90
    assert LIMITS.reading_grade == 9.0
    assert LIMITS.title_characters == 20


def test_this_project_is_clean(project_root: Path) -> None:
    findings = Findings()
    project = read_project(project_root, findings)
    check_project(project, date.today(), findings)
    assert [str(finding) for finding in findings] == []


def test_the_check_covers_every_part_of_this_project(project: Project) -> None:
    assert len(project.register.articles) == 5
    assert len(project.domain.intents) >= len(project.register.topics) >= 54
    assert len(project.blocks) == len(project.domain.intents)
    assert {rule.name for rule in project.rules} >= project.register.topics.keys()
