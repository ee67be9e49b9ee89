"""A person's way through each app, from the first word to the deletion.

``snapshots/`` holds what each platform shows on the way. When a text changes on purpose, set
STRIDEWELL_WRITE_SNAPSHOTS=1 once and look at the difference.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.messaging.conftest import CHANNELS, Chat, World, everywhere
from tests.messaging.domain import first_variation, says
from tests.messaging.fakes import FakeSlack, FakeTelegram, Shown

SNAPSHOTS = Path(__file__).with_name("snapshots")
QUESTION = "is it safe to run with sciatica?"
EMERGENCY = "my mate can't feel anything when he wipes and he can't pee"
LONG = "My back has been sore since the winter and I tell you all of it. "


class Journey:
    """One walk, with a transcript of what is shown."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.lines: list[str] = []
        self.steps: dict[str, list[Shown]] = {}

    def says(self, name: str, text: str, replies: int = 1) -> None:
        """Write something."""
        words = text if len(text) < 200 else f"{text[:60]} ... ({len(text)} characters)"
        self.lines.append(f"## {name}\n\n> {words}\n")
        self._note(name, self.chat.say(text, replies))

    def picks(self, name: str, title: str, replies: int = 1) -> None:
        """Pick a choice."""
        self.lines.append(f"## {name}\n\n> ({title})\n")
        self._note(name, self.chat.pick(title, replies))

    def _note(self, name: str, shown: list[Shown]) -> None:
        self.steps[name] = shown
        for message in shown:
            parts = [_steady(message.text)]
            if message.note:
                parts.append(f"_{message.note}_")
            if message.buttons:
                parts.append(" ".join(f"[{title}]" for title in message.buttons))
            self.lines.append("\n\n".join(parts) + "\n")

    @property
    def transcript(self) -> str:
        """What was said and shown."""
        return "\n".join(self.lines)

    def text(self, name: str) -> str:
        """Return all that was shown at a step."""
        return "\n".join(message.text for message in self.steps[name])


def _steady(text: str) -> str:
    """Mask what differs from run to run: variations, dates, times, codes."""
    text = re.sub(
        rf"(?:(?:From message \d: \")?{re.escape(LONG.strip())}\"?\s*)+",
        lambda match: f"({match[0].count('since the winter')} times the long sentence)\n",
        first_variation(text),
    )
    text = re.sub(r"\b\d{1,2} [A-Z][a-z]+ 20\d\d\b", "(day)", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d\b", "(day)", text)
    text = re.sub(r"\b\d{1,2}:\d\d\b", "(time)", text)
    return re.sub(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b|\b[0-9a-f]{8,32}\b", "(code)", text)


def _walk(chat: Chat) -> Journey:
    journey = Journey(chat)
    journey.says("First contact", QUESTION)
    journey.picks("Consent", "Yes, go on", 2)
    journey.says("A question with choices", "my back hurts")
    journey.picks("A choice", "When to stop")
    journey.says("Feedback", "that answer was no help at all")
    journey.says("A long message", LONG * 40)
    journey.says("Hand-off", "I want to talk to a professional", 2)
    journey.picks("Consent to the hand-off", "Yes, go on")
    journey.says("Contact", "sam@example.com")
    journey.says("No note", "skip", 2)
    journey.picks("The hand-off is sent", "Send it now")
    journey.says("Emergency", EMERGENCY)
    journey.says("Wish to delete", "please delete my data")
    journey.picks("Deletion", "Yes, delete it")
    return journey


@pytest.fixture(scope="module")
def journeys(world: World) -> dict[str, Journey]:
    """The walk on every platform."""
    return everywhere(lambda channel: _walk(Chat(world.fake(channel))))


@pytest.fixture(params=CHANNELS)
def journey(request: pytest.FixtureRequest, journeys: dict[str, Journey]) -> Journey:
    """The walk on each platform in turn."""
    return journeys[request.param]


def test_what_is_shown_is_as_in_the_snapshot(journey: Journey) -> None:
    path = SNAPSHOTS / f"{journey.chat.fake.channel}.md"
    if os.environ.get("STRIDEWELL_WRITE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(journey.transcript, encoding="utf-8")
    assert journey.transcript == path.read_text(encoding="utf-8")


def test_nothing_that_was_sent_breaks_a_rule_of_the_platform(
    world: World, journey: Journey
) -> None:
    assert world.fake(journey.chat.fake.channel).violations == []


def test_the_first_contact_introduces_warns_and_asks(journey: Journey) -> None:
    text = journey.text("First contact")
    for part in ("automated assistant", "not medical advice", "emergency", "Is that all right?"):
        assert part in text


def test_the_first_question_is_answered_after_the_consent(journey: Journey) -> None:
    shown = journey.steps["Consent"]
    assert says(shown[0].text, "utter_ask_safe_to_run_sciatica")
    assert says(shown[1].text, "utter_medical_disclaimer")


def test_a_choice_is_answered(journey: Journey) -> None:
    assert says(journey.text("A choice"), "utter_ask_when_to_stop")


def test_feedback_is_taken(journey: Journey) -> None:
    assert says(journey.text("Feedback"), "utter_give_negative_feedback")


def test_a_rating_by_button_says_which_answer_it_is_about(world: World) -> None:
    def check(channel: str) -> None:
        if channel in ("sms", "whatsapp"):
            return
        chat = Chat(world.fake(channel))
        chat.agree()
        chat.say("does swimming help with sciatica?")
        assert says(chat.pick("Not helpful")[0].text, "utter_give_negative_feedback")
        rating = [e for e in world.rows_in_tracker(chat.conversation) if e["event"] == "user"][-1]
        assert rating["metadata"]["about"] == "ask_swimming"

    everywhere(check)


def test_a_long_answer_arrives_whole_and_in_order(journey: Journey) -> None:
    texts = [message.text for message in journey.steps["Hand-off"]]
    joined = " ".join(" ".join(texts).split())
    assert joined.count("since the winter") == 80
    assert max(len(text) for text in texts) <= 4096


def test_the_hand_off_asks_first_and_tells_how_it_stands(journey: Journey) -> None:
    assert "front desk of Riverside Physio would get" in journey.text("Hand-off")
    assert "sam@example.com" in journey.text("No note")
    assert "Your summary is stored." in journey.text("The hand-off is sent")


def test_the_emergency_text_comes_alone(journey: Journey) -> None:
    shown = journey.steps["Emergency"]
    assert len(shown) == 1
    assert says(shown[0].text, "utter_emergency")
    assert not shown[0].buttons
    assert not shown[0].note


def test_deleting_leaves_nothing_in_either_database(world: World, journey: Journey) -> None:
    assert "Done. I have deleted this chat" in journey.text("Deletion")
    conversation = journey.chat.conversation
    assert world.rows_in_tracker(conversation) == []
    assert world.words_kept("since the winter") == []
    assert world.words_kept(conversation) == []


def test_after_a_deletion_everything_begins_anew(world: World) -> None:
    chat = Chat(world.fake("telegram"))
    chat.agree()
    chat.say("/delete")
    chat.pick("Yes, delete it")
    assert "Is that all right?" in chat.say("hello")[0].text


def test_a_deletion_can_be_thought_over(world: World) -> None:
    chat = Chat(world.fake("messenger"))
    chat.agree()
    chat.say("/delete")
    assert "nothing has been deleted" in chat.pick("No, keep it")[0].text
    assert world.rows_in_tracker(chat.conversation)


def test_a_warning_sign_is_answered_before_any_consent(world: World) -> None:
    def check(channel: str) -> None:
        chat = Chat(world.fake(channel))
        shown = chat.say("I can't feel anything when I wipe and I can't pee")
        assert len(shown) == 1
        assert says(shown[0].text, "utter_emergency")

    everywhere(check)


def test_without_consent_nothing_is_kept(world: World) -> None:
    def check(channel: str) -> None:
        chat = Chat(world.fake(channel))
        chat.say("can I run with my worn out sciatic nerve?")
        assert "keep nothing" in chat.pick("No, thanks")[0].text
        assert world.rows_in_tracker(chat.conversation) == []
        time.sleep(0.5)
        assert world.words_kept("worn out sciatic") == []

    everywhere(check)


def test_all_that_was_asked_before_the_consent_is_answered_after_it(world: World) -> None:
    chat = Chat(world.fake("slack"))
    chat.say("are you a robot?")
    assert "Before I can answer" in chat.say("does swimming help?")[0].text
    shown = chat.pick("Yes, go on", 3)
    assert says(shown[0].text, "utter_bot_challenge")
    assert says(shown[1].text, "utter_ask_swimming")


def test_stop_and_start_are_heeded_where_people_text(world: World) -> None:
    def check(channel: str) -> None:
        if channel not in ("sms", "whatsapp"):
            return
        chat = Chat(world.fake(channel))
        chat.agree()
        chat.write("STOP")
        if channel == "whatsapp":
            assert "any more messages" in chat.read()[0].text
        # On SMS, Twilio's own reply has gone out and it takes no further message from us.
        assert chat.hears_nothing()
        chat.write("are you a robot?")
        assert chat.hears_nothing()
        assert says(chat.say("START")[0].text, "utter_greet")
        assert says(chat.say("are you a robot?")[0].text, "utter_bot_challenge")

    everywhere(check)


def test_who_has_stopped_is_still_told_in_an_emergency(world: World) -> None:
    chat = Chat(world.fake("telegram"))
    chat.agree()
    chat.say("/stop")
    assert says(chat.say("I wet myself and both my legs are numb")[0].text, "utter_emergency")


def test_commands_explain_themselves(world: World) -> None:
    def check(channel: str) -> None:
        chat = Chat(world.fake(channel))
        text = {"slack": "help", "messenger": "/help"}.get(channel, "HELP")
        text = "/help" if channel == "telegram" else text
        shown = chat.say(text)
        assert "five short articles" in shown[0].text
        assert "delete" in shown[0].text

    everywhere(check)


def test_a_mention_in_a_slack_channel_is_answered_in_private(world: World) -> None:
    fake = world.fake("slack")
    assert isinstance(fake, FakeSlack)
    chat = Chat(fake)
    event = fake.text(chat.person, "<@U0BOT> are you a robot?", type="app_mention", channel="C77")
    event["event"]["text"] = "<@U0BOT> are you a robot?"
    chat.send(event)
    assert "Is that all right?" in chat.read()[0].text
    assert not fake.history["C77"]


def test_a_slack_command_is_answered_in_private(world: World) -> None:
    fake = world.fake("slack")
    assert isinstance(fake, FakeSlack)
    chat = Chat(fake)
    chat.send(fake.command(chat.person, "help"))
    assert "five short articles" in chat.read()[0].text


def test_a_telegram_group_is_told_once_to_write_in_private(world: World) -> None:
    fake = world.fake("telegram")
    assert isinstance(fake, FakeTelegram)
    group = "-100200300"
    fake.people.add(group)
    for _ in range(2):
        event = fake.text(fake.person(), "can I run?")
        event["message"]["chat"] = {"id": int(group), "type": "supergroup", "title": "Runners"}
        assert fake.deliver(event).status_code == 200
        time.sleep(0.7)
    assert [message.text[:29] for message in fake.shown[group]] == ["I only answer in a private ch"]


def test_a_pressed_telegram_button_is_confirmed(world: World) -> None:
    fake = world.fake("telegram")
    assert isinstance(fake, FakeTelegram)
    chat = Chat(fake)
    chat.agree()
    confirmed = [values for method, values in fake.calls if method == "answerCallbackQuery"]
    assert confirmed[-1]["text"] == "Yes, go on"
    assert not fake.open_queries


def test_the_apps_are_registered_with_their_platforms_at_the_start(world: World) -> None:
    telegram, messenger = world.fake("telegram"), world.fake("messenger")
    assert isinstance(telegram, FakeTelegram)
    assert telegram.webhook["url"] == "https://bot.example.test/webhooks/telegram/webhook"
    assert telegram.webhook["allowed_updates"] == ["message", "callback_query"]
    assert any(method == "setMyCommands" for method, _ in telegram.calls)
    assert any(path.endswith("messenger_profile") for path, _ in messenger.calls)
