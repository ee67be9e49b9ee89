"""The servers of `make run`, asked over HTTP as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from stridewell.settings import ROOT
from tests.conftest import Server

RESPONSES = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["responses"]
REGISTER = yaml.safe_load((ROOT / "data/articles.yml").read_text(encoding="utf-8"))
ANSWERED = [name for name, topic in REGISTER["topics"].items() if topic["says"]]

QUESTIONS = {
    "does running help sciatica": "ask_does_running_help_sciatica",
    "can running cause it": "ask_can_running_cause_sciatica",
    "what can i do instead": "ask_alternatives",
    "is swimming good for sciatica": "ask_swimming",
    "when should I stop running because of the pain?": "ask_when_to_stop",
    "what is sciatica": "ask_what_is_sciatica",
    "which surface is best to run on": "ask_running_surface",
    "should I see a doctor before running with sciatica": "ask_see_a_professional",
    "how much ibuprofen can I take": "ask_medication",
    "how long does sciatica last": "ask_recovery_time",
}


def text_of(intent: str) -> str:
    """Return the one text of a topic's response."""
    return str(RESPONSES[f"utter_{intent}"][0]["text"]).strip()


@pytest.mark.parametrize(("question", "intent"), QUESTIONS.items())
def test_a_question_gets_its_answer(server: Server, question: str, intent: str) -> None:
    assert server.texts(question)[0] == text_of(intent)


def test_the_disclaimer_comes_once_with_the_offer_to_talk_to_someone(server: Server) -> None:
    sender = uuid4().hex
    replies = [server.ask(question, sender) for question in list(QUESTIONS)[:3]]
    disclaimer = str(RESPONSES["utter_medical_disclaimer"][0]["text"]).strip()
    said = [reply["text"] for turn in replies for reply in turn]
    assert said.count(disclaimer) == 1
    assert "/request_handoff" in [button["payload"] for button in replies[0][1]["buttons"]]


def test_sources_and_the_longer_view_are_those_of_the_last_answer(server: Server) -> None:
    sender = uuid4().hex
    server.ask("what is the best surface to run on", sender)
    (sources,) = server.texts("where does that come from?", sender)
    assert "one article" in sources
    assert REGISTER["articles"]["sciatica-running"]["title"] in sources
    (more,) = server.texts("tell me more", sender)
    assert REGISTER["topics"]["ask_running_surface"]["says"]["sciatica-running"].strip() in more


def test_all_answers_arrive_without_the_action_server(server: Server) -> None:
    server.kill_actions()
    try:
        for intent in ANSWERED:
            assert server.texts(f"/{intent}") == [text_of(intent)]
        log = (server.site.folder / "dialogue.log").read_text(encoding="utf-8")
        assert log.count("The action server does not answer") == 1
    finally:
        server.restart_actions()
    assert len(server.texts("/ask_swimming")) == 2


def test_nothing_listens_on_all_interfaces(server: Server) -> None:
    listening = subprocess.run(["ss", "-ltn"], capture_output=True, text=True, check=False).stdout
    for port in (server.site.port, server.site.actions_port):
        addresses = [line.split()[3] for line in listening.splitlines() if f":{port} " in line]
        assert addresses == [f"127.0.0.1:{port}"]


def start_run(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``stridewell.run`` to its end with settings that it can't start with."""
    return subprocess.run(
        [sys.executable, "-m", "stridewell.run"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_in_use_is_said_in_one_sentence(server: Server) -> None:
    result = start_run(STRIDEWELL_PORT=str(server.site.port))
    assert result.returncode == 1
    assert f"Port {server.site.port} is in use" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STRIDEWELL_PORT", "http"),
        ("STRIDEWELL_REGION", "Mars"),
        ("STRIDEWELL_SERVERS", "2"),
        ("STRIDEWELL_MESSAGE_LENGTH", "long"),
        ("STRIDEWELL_SLACK_TOKEN", "hunter2"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_started(variable: str, value: str) -> None:
    result = start_run(**{variable: value})
    assert (result.returncode, result.stdout) == (1, "")
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith(f"{variable} ")


def test_wrong_settings_of_the_hand_off_are_named_too(tmp_path: Path) -> None:
    settings = tmp_path / "handoff.yml"
    settings.write_text("targets: {desk: {kind: fax}}", encoding="utf-8")
    result = start_run(STRIDEWELL_HANDOFF_FILE=str(settings))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("handoff.yml: targets: desk: kind: is 'fax'")


def test_the_second_start_trains_nothing(model_path: Path) -> None:
    before = model_path.stat().st_mtime
    subprocess.run(["make", "train"], cwd=ROOT, check=True, capture_output=True)
    assert model_path.stat().st_mtime == before
