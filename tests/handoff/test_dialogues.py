"""The hand-off as a conversation: the project's rules, policies and actions, and a real webhook."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa.core.agent import Agent

from stridewell.content.register import load_register
from stridewell.handoff.outbox import SENT, WAITING, WITHDRAWN, HandoffState
from stridewell.handoff.settings import load_handoff_settings
from stridewell.settings import ROOT
from tests.handoff.conftest import EMERGENCY, ActionsInProcess, Bench, Chat, webhook_target
from tests.handoff.fakes.faults import Fault
from tests.handoff.fakes.webhook import FakeWebhook

EMERGENCY_TEXT = "Please get emergency help now."
CONSENT = "Shall I send it for you?"
CONTACT = "How can they reach you?"
NOTE = "Would you like to add a note"
REVIEW = "Shall I send it now?"
STORED = "Your summary is stored."


def stored(bench: Bench, chat: Chat) -> list[HandoffState]:
    return bench.outbox.states(chat.sender)


def only(replies: list[str], *starts: str) -> None:
    """Assert that the replies begin so, in this order, and that there are no others."""
    assert [reply[: len(start)] for reply, start in zip(replies, starts, strict=True)] == [*starts]


def up_to_review(chat: Chat, note: str = "Afternoons are best.") -> list[str]:
    """Ask a question, ask for a person, agree, leave an address and a note."""
    chat.say("My leg has hurt since May. Can I run?", "ask_safe_to_run_sciatica")
    chat.ask_for_person()
    chat.say("yes", "affirm")
    chat.say("jo@example.com")
    return chat.say(note)


def send(chat: Chat) -> list[str]:
    """Go through the whole form."""
    up_to_review(chat)
    return chat.say("yes, send it", "affirm")


def texts(webhook: FakeWebhook) -> list[str]:
    return [message["text"] for message in webhook.messages.values()]


# ---- the ways in

NOT_MEDICAL = {"ask_specific_shoes", "state_pain", "out_of_scope"}
DECLINED = [
    topic.id
    for topic in load_register(ROOT).topics.values()
    if not topic.answered and topic.id not in NOT_MEDICAL
]


@pytest.mark.parametrize("topic", DECLINED)
def test_a_declined_medical_topic_offers_the_hand_off(chat: Chat, topic: str) -> None:
    chat.say(f"/{topic}")
    assert "/request_handoff" in chat.offered


def test_the_disclaimer_and_the_second_miss_offer_the_hand_off(chat: Chat) -> None:
    chat.say("Can I run?", "ask_safe_to_run_sciatica")
    assert "/request_handoff" in chat.offered
    chat.say("blorp")
    assert "/request_handoff" not in chat.offered
    chat.say("zint")
    assert "/request_handoff" in chat.offered


# ---- consent given, refused, withdrawn


def test_whom_to_see_comes_first_then_the_summary_then_the_question(
    chat: Chat, webhook: FakeWebhook
) -> None:
    only(
        chat.ask_for_person(),
        "I contact nobody by myself", "Below is a summary", "Summary of a chat", CONSENT,
    )  # fmt: skip


def test_consent_is_asked_in_so_many_words(chat: Chat, bench: Bench, webhook: FakeWebhook) -> None:
    bench.configure(**bench.content, retention_days=14, site={"reply_time": "two working days"})
    question = chat.ask_for_person()[-1]
    for said in (
        "The clinic's system would get the whole summary, with your note and how to reach you.",
        "kept here for 14 days and then deleted",
        "You can stop at any time before it is sent.",
        "Usual time to reply: two working days.",
        "Call your local emergency number",
    ):
        assert said in question


def test_consent_given_sends_the_summary(chat: Chat, bench: Bench, webhook: FakeWebhook) -> None:
    (reply,) = send(chat)
    assert reply.startswith(STORED)
    assert "Waiting to be sent to the clinic's system. It has not been sent yet." in reply
    assert texts(webhook) == []
    bench.worker().deliver_all()
    (text,) = texts(webhook)
    assert "1. At " in text
    assert '"My leg has hurt since May. Can I run?"' in text
    assert 'The person\'s note: "Afternoons are best."' in text
    assert "To be reached by e-mail: jo@example.com" in text


def test_what_is_sent_is_what_was_shown(chat: Chat, bench: Bench, webhook: FakeWebhook) -> None:
    shown = up_to_review(chat)[0].split("\n")
    chat.say("/affirm")
    bench.worker().deliver_all()
    sent = texts(webhook)[0].split("\n")
    number = sent.pop(1)
    assert number.startswith("Hand-off number: ")
    assert sent[2:] == shown[2:], "all but the time of writing"


@pytest.mark.parametrize("refusal", ["no", "/deny", "no thanks", "skip"])
def test_consent_refused_stores_and_sends_nothing(
    chat: Chat, bench: Bench, webhook: FakeWebhook, refusal: str
) -> None:
    chat.ask_for_person()
    only(chat.say(refusal, "deny"), "Okay, I haven't sent this summary")
    assert stored(bench, chat) == []
    only(chat.say("hi", "greet"), "H")


@pytest.mark.parametrize("reply", ["yes but not to the clinic", "maybe", "I don't know"])
def test_an_unclear_answer_is_no_consent(
    chat: Chat, bench: Bench, webhook: FakeWebhook, reply: str
) -> None:
    chat.ask_for_person()
    only(chat.say(reply, "affirm"), "Sorry, I need a clear yes or no", CONSENT)
    only(chat.say(reply, "affirm"), "Okay, I haven't sent this summary")
    assert stored(bench, chat) == []


def test_consent_withdrawn_in_the_form_stores_nothing(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    up_to_review(chat)
    only(chat.say("I withdraw my consent"), "I've stopped. This summary was not sent.")
    assert stored(bench, chat) == []
    assert chat.slots["handoff_contact"] is None


def test_consent_withdrawn_before_it_was_sent_stops_it(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    send(chat)
    assert any('say "withdraw"' in reply for reply in chat.ask_for_person())
    (reply,) = chat.say("withdraw")
    assert "Taken back. It was not sent to the clinic's system." in reply
    bench.worker().deliver_all()
    assert texts(webhook) == []
    assert stored(bench, chat)[0].deliveries[0].state == WITHDRAWN


def test_consent_withdrawn_after_it_was_sent_tells_the_truth(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    send(chat)
    bench.worker().deliver_all()
    chat.ask_for_person()
    (reply,) = chat.say("please take it back")
    assert "can't be called back" in reply
    assert "What was stored to send is deleted." in reply


# ---- the contact


def test_a_wrong_contact_says_what_is_wrong_and_asks_again(
    chat: Chat, webhook: FakeWebhook
) -> None:
    chat.ask_for_person()
    chat.say("/affirm")
    only(chat.say("jo@nowhere"), "That e-mail address doesn't look complete.", CONTACT)
    only(chat.say("jo@example.com"), NOTE)


def test_a_contact_wrong_twice_is_left_out_and_can_be_added_at_the_end(
    chat: Chat, webhook: FakeWebhook
) -> None:
    chat.ask_for_person()
    chat.say("/affirm")
    chat.say("020 7946")
    only(chat.say("020 79460018 or so"), "I still can't read that", NOTE)
    assert "To be reached" not in chat.say("skip")[0]
    only(chat.say("change contact"), CONTACT)
    assert "+44 20 7946 0018" in chat.say("+44 20 7946 0018")[0]


def test_a_phone_number_is_read_as_of_the_sites_country(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    bench.configure(**bench.content, site={"phone_country": "GB"})
    chat.ask_for_person()
    chat.say("/affirm")
    only(chat.say("020 7946 0018"), NOTE)
    assert chat.slots["handoff_contact"]["value"] == "+442079460018"


def test_contact_and_note_can_be_skipped(chat: Chat, bench: Bench, webhook: FakeWebhook) -> None:
    chat.ask_for_person()
    chat.say("/affirm")
    only(chat.say("/deny"), NOTE)
    shown, question = chat.say("no note", "deny")
    assert question.startswith("That is what I would send.")
    assert "note:" not in shown
    only(chat.say("send it", "affirm"), STORED)


# ---- corrections


def test_the_contact_can_be_corrected_before_sending(chat: Chat, webhook: FakeWebhook) -> None:
    up_to_review(chat)
    shown, _ = chat.say("change my email to jo2@example.com")
    assert "jo2@example.com" in shown


def test_the_note_can_be_corrected_before_sending(chat: Chat, webhook: FakeWebhook) -> None:
    up_to_review(chat)
    only(chat.say("change note"), NOTE)
    shown, _ = chat.say("Mornings are best.")
    assert "Mornings are best." in shown
    assert "Afternoons" not in shown


def test_messages_can_be_left_out_and_corrected(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    chat.say("I lied to my boss about my knee", "ask_other_injury")
    up_to_review(chat)
    chat.say("leave out 1")
    shown, _ = chat.say("correct 2: My left leg has hurt since June.")
    assert "boss" not in shown
    assert "My left leg has hurt since June." in shown
    assert "The person left out 1 message." in shown
    chat.say("yes", "affirm")
    bench.worker().deliver_all()
    assert "boss" not in str(webhook.messages)


def test_a_number_that_is_not_there_changes_nothing(chat: Chat, webhook: FakeWebhook) -> None:
    up_to_review(chat)
    assert chat.say("leave out 9")[0].startswith("There is no message with that number")


# ---- cancelled in the middle


@pytest.mark.parametrize("steps", range(4))
def test_cancelled_at_any_question_nothing_is_stored(
    chat: Chat, bench: Bench, webhook: FakeWebhook, steps: int
) -> None:
    chat.ask_for_person()
    for text in ("/affirm", "jo@example.com", "a note", "/affirm")[:steps]:
        chat.say(text)
    only(chat.say("cancel"), "I've stopped. This summary was not sent.")
    assert stored(bench, chat) == []
    held = {name: value for name, value in chat.slots.items() if name.startswith("handoff_")}
    assert not [held[f"handoff_{name}"] for name in ("contact", "note", "consent", "draft")
                if held[f"handoff_{name}"]]  # fmt: skip
    assert chat.slots["requested_slot"] is None


# ---- a warning sign in the middle

SIGN = "since today I can't pee and it is numb, jo@example.com"


@pytest.mark.parametrize("steps", range(4))
def test_a_warning_sign_in_the_form_gets_the_emergency_text_and_nothing_else(
    chat: Chat, bench: Bench, webhook: FakeWebhook, steps: int
) -> None:
    chat.ask_for_person()
    for text in ("/affirm", "skip", "skip")[:steps]:
        chat.say(text)
    only(chat.say(SIGN, safety=EMERGENCY), EMERGENCY_TEXT)
    assert SIGN not in str([chat.slots[f"handoff_{name}"] for name in ("contact", "note", "draft")])


@pytest.mark.parametrize("steps", range(4))
def test_after_a_warning_sign_the_next_message_is_no_answer(
    chat: Chat, bench: Bench, webhook: FakeWebhook, steps: int
) -> None:
    chat.ask_for_person()
    for text in ("/affirm", "skip", "skip")[:steps]:
        chat.say(text)
    chat.say(SIGN, safety=EMERGENCY)
    chat.say("yes", "affirm")
    assert stored(bench, chat) == []
    assert not chat.slots["handoff_review"]


def test_a_warning_sign_is_answered_with_the_action_server_down(
    chat: Chat, webhook: FakeWebhook
) -> None:
    chat.ask_for_person()
    chat.actions.down = True
    only(chat.say(SIGN, safety=EMERGENCY), EMERGENCY_TEXT)


def test_a_warning_sign_of_the_form_is_in_a_later_summary_as_mentioned(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    chat.ask_for_person()
    chat.say("/affirm")
    chat.say(SIGN, safety=EMERGENCY)
    chat.say("cancel", "deny")
    summary = next(r for r in chat.ask_for_person() if r.startswith("Summary"))
    assert "Warning signs the person mentioned: trouble with the bladder" in summary


def test_a_denied_sign_in_the_note_is_in_the_note_only_when_the_person_says_so(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    chat.ask_for_person()
    chat.say("/affirm")
    chat.say("skip")
    note = "My hip clicks, no numbness though."
    chat.say(note, safety={"tier": "emergency", "signs": ["saddle"], "status": "denied"})
    assert not chat.slots["handoff_note"]
    shown = chat.say("add it")[0]
    assert f'The person\'s note: "{note}"' in shown


# ---- a second hand-off, and the states that people see


def test_a_second_handoff_tells_of_the_first_and_is_sent_too(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    send(chat)
    bench.worker().deliver_all()
    replies = chat.ask_for_person()
    assert any("Sent to the clinic's system at" in reply for reply in replies)
    assert not any("Nobody has been contacted" in reply for reply in replies)
    for text in ("/affirm", "skip", "Second note.", "/affirm"):
        chat.say(text)
    bench.worker().deliver_all()
    first, second = texts(webhook)
    assert "Second note." in second
    assert "Second note." not in first
    assert len({state.reference for state in stored(bench, chat)}) == 2


def test_what_could_not_be_sent_yet_is_said_and_what_to_do_meanwhile(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    webhook.faults.add([Fault.REFUSE])
    send(chat)
    bench.worker().deliver_all()
    status = next(r for r in chat.ask_for_person() if r.startswith("You asked me"))
    assert "could not be sent to the clinic's system yet" in status
    assert "or see a doctor" in status
    assert stored(bench, chat)[0].deliveries[0].state == WAITING


def test_another_conversation_sees_nothing_of_it(
    chat: Chat, bench: Bench, webhook: FakeWebhook, dialogue: tuple[Agent, ActionsInProcess]
) -> None:
    send(chat)
    other = Chat(dialogue[0], dialogue[1], "somebody-else")
    assert not [r for r in other.ask_for_person() if "You asked me" in r or "My leg" in r]


# ---- a question in the middle


@pytest.mark.parametrize(
    ("steps", "question"), enumerate([CONSENT, CONTACT, NOTE, "That is what I would send."])
)
def test_a_question_in_the_middle_is_answered_and_the_form_comes_back(
    chat: Chat, webhook: FakeWebhook, steps: int, question: str
) -> None:
    chat.say("Can I run?", "ask_safe_to_run_sciatica")
    chat.ask_for_person()
    for text in ("/affirm", "skip", "skip")[:steps]:
        chat.say(text)
    replies = chat.say("is walking good for sciatica?", "ask_walking")
    assert "walking" in replies[0].lower()
    assert replies[-1].startswith(question)


def test_the_form_goes_on_after_a_question_as_if_nothing_had_been(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    chat.ask_for_person()
    chat.say("is walking good?", "ask_walking")
    only(chat.say("yes", "affirm"), CONTACT)
    chat.say("who reads this?", "ask_privacy")
    chat.say("jo@example.com")
    chat.say("My hip clicks.", "state_pain")
    only(chat.say("yes", "affirm"), STORED)
    bench.worker().deliver_all()
    (text,) = texts(webhook)
    assert "is walking good?" in text
    assert '"My hip clicks."' in text


def test_a_question_for_the_note_can_be_put_there(chat: Chat, webhook: FakeWebhook) -> None:
    chat.ask_for_person()
    chat.say("/affirm")
    chat.say("skip")
    replies = chat.say("Should I see a doctor about it?", "ask_see_a_professional")
    assert any("I have not put your last message into the note" in reply for reply in replies)
    assert '"Should I see a doctor about it?"' in chat.say("add it")[0]


# ---- injection and length


@pytest.mark.parametrize(
    "note",
    [
        "hi\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>",
        "{emergency_help} {handoff_recipients} {{7*7}} %s",
        "Assessment\nAll clear\nRecommendation\nRun a marathon",
    ],
)
def test_a_note_changes_nothing_but_its_own_line(
    chat: Chat, bench: Bench, webhook: FakeWebhook, note: str
) -> None:
    plain = up_to_review(chat, "x")[0].split("\n")
    chat.say("change note")
    nasty = chat.say(note)[0].split("\n")
    different = [(a, b) for a, b in zip(plain, nasty, strict=True) if a != b]
    assert different == [
        ('The person\'s note: "x"', f'The person\'s note: "{" ".join(note.split())}"')
    ]


def test_a_very_long_note_is_cut_with_a_word_about_it(chat: Chat, webhook: FakeWebhook) -> None:
    warning, shown, _ = up_to_review(chat, "x" * 100_000)
    assert "I kept the first 4,000 characters." in warning
    assert "x" * 4000 in shown
    assert "x" * 4001 not in shown


def test_a_name_with_line_ends_in_the_contact_is_no_contact(
    chat: Chat, webhook: FakeWebhook
) -> None:
    chat.ask_for_person()
    chat.say("/affirm")
    chat.say("Jo\r\nBcc: all@example.com <jo@example.com>")
    assert not chat.slots["handoff_contact"]


# ---- without a target, and when something is broken


def test_without_a_target_the_summary_is_there_to_take_along(chat: Chat) -> None:
    chat.say("My leg hurts. Can I run?", "ask_safe_to_run_sciatica")
    replies = chat.ask_for_person()
    only(
        replies,
        "I contact nobody by myself", "Below is a summary", "Summary of a chat",
        "I can't send it from here",
    )  # fmt: skip
    assert "My leg hurts. Can I run?" in replies[2]


def test_without_a_target_it_can_still_be_corrected(chat: Chat) -> None:
    chat.say("My leg hurts. Can I run?", "ask_safe_to_run_sciatica")
    chat.ask_for_person()
    shown, _ = chat.say("correct 1: My left leg hurts.")
    assert "My left leg hurts." in shown
    shown, _ = chat.say("note: I also have stiff mornings")
    assert "I also have stiff mornings" in shown


@pytest.mark.parametrize(
    ("text", "intent", "answer"),
    [
        ("is walking good?", "ask_walking", "Walking"),
        ("thanks", "thank_you", ""),
        ("no", "deny", "Okay, no problem."),
    ],
)
def test_without_a_target_any_other_message_just_goes_on(
    chat: Chat, text: str, intent: str, answer: str
) -> None:
    chat.say("Can I run?", "ask_safe_to_run_sciatica")
    chat.ask_for_person()
    replies = chat.say(text, intent)
    assert not [reply for reply in replies if reply.startswith(("Summary", "I can't send"))]
    assert replies[0].startswith(answer)
    assert chat.slots["requested_slot"] is None


def test_the_summary_comes_as_a_file_where_the_channel_shows_one(chat: Chat, bench: Bench) -> None:
    bench.configure(file_channels=["rest"])
    text = next(reply for reply in chat.ask_for_person() if reply.startswith("Summary"))
    (file,) = chat.files
    assert file["handoff_summary"]["text"] == text
    assert file["handoff_summary"]["data"]["format"] == "stridewell-handoff-1"


def test_with_the_action_server_down_the_person_still_learns_whom_to_see(
    chat: Chat, webhook: FakeWebhook
) -> None:
    chat.actions.down = True
    only(chat.ask_for_person(), "I contact nobody by myself")


def test_with_wrong_settings_nothing_is_offered_and_the_summary_is_there(
    chat: Chat, bench: Bench
) -> None:
    bench.configure(targets={"t": {"kind": "fax"}})
    assert chat.ask_for_person()[-1].startswith("I can't send it from here")


def test_with_the_database_out_of_reach_nothing_is_offered(
    chat: Chat, webhook: FakeWebhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("STRIDEWELL_HANDOFF_DB", f"sqlite:///{tmp_path / 'file' / 'outbox.db'}")
    replies = chat.ask_for_person()
    assert replies[1].startswith("I can't send anything for you right now.")
    assert replies[-1].startswith("I can't send it from here")


def test_sent_is_not_said_when_storing_fails(
    chat: Chat, webhook: FakeWebhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    up_to_review(chat)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("STRIDEWELL_HANDOFF_DB", f"sqlite:///{tmp_path / 'file' / 'outbox.db'}")
    only(chat.say("yes", "affirm"), "I'm sorry, your summary could not be stored")


def test_a_target_that_changed_after_the_yes_gets_nothing(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    up_to_review(chat)
    bench.add_target("other", **{**webhook_target(webhook, "full"), "label": "somebody else"})
    only(chat.say("yes", "affirm"), "This site has just changed who would get your summary.")
    assert stored(bench, chat) == []


def test_several_targets_are_all_named_and_all_get_it(
    chat: Chat, bench: Bench, webhook: FakeWebhook
) -> None:
    bench.add_target("second", **{**webhook_target(webhook, "contact"), "label": "the team"})
    question = chat.ask_for_person()[-1]
    assert "The clinic's system would get the whole summary" in question
    assert "The team would get only that you ask for help and how to reach you." in question
    for text in ("/affirm", "jo@example.com", "skip", "/affirm"):
        chat.say(text)
    assert set(load_handoff_settings().targets) == {"hook", "second"}
    bench.worker().deliver_all()
    assert {d.state for d in stored(bench, chat)[0].deliveries} == {SENT}
    assert len(webhook.messages) == 2
