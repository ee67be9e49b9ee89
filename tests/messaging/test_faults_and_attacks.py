"""What may go wrong between a platform and the assistant: the right answer, exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.messaging.conftest import CHANNELS, Chat, World, everywhere, wait_for
from tests.messaging.domain import says
from tests.messaging.fakes import Fake, FakeMessenger, FakeSlack, FakeTelegram, Fault, Shown

QUESTION, RESPONSE = "are you a robot?", "utter_bot_challenge"
EMERGENCY = "I can't feel anything when I wipe and I can't pee"
CAN_BE_ASKED = ("sms", "whatsapp", "slack")

Regulars = dict[str, Chat]


@pytest.fixture(autouse=True)
def nobody_breaks_a_rule(world: World, regulars: Regulars) -> Any:
    """No test may make the assistant break a documented rule of a platform."""
    for chat in regulars.values():
        chat.catch_up()
    yield
    violations = {channel: world.fake(channel).violations for channel in CHANNELS}
    assert not any(violations.values()), violations


def on_all(regulars: Regulars, check: Callable[[Chat], None]) -> None:
    everywhere(lambda channel: check(regulars[channel]))


def assert_one_answer(shown: list[Shown]) -> None:
    assert [says(message.text, RESPONSE) for message in shown] == [True], shown


@pytest.mark.parametrize("signed", ["none", "wrong"])
def test_a_call_that_the_platform_did_not_sign_is_refused(regulars: Regulars, signed: str) -> None:
    def check(chat: Chat) -> None:
        answer = chat.fake.deliver(chat.fake.text(chat.person, QUESTION), signed)
        assert answer.status_code == 401
        assert chat.hears_nothing()

    on_all(regulars, check)


def test_a_body_that_was_changed_on_the_way_is_refused(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        if isinstance(chat.fake, FakeTelegram):
            return  # Telegram signs no bodies; its secret travels in a header under TLS.
        body, headers = chat.fake.request(chat.fake.text(chat.person, QUESTION))
        changed = body.replace(b"robot", b"human")
        assert changed != body
        assert chat.fake.send_raw(changed, headers).status_code == 401
        assert chat.hears_nothing()

    on_all(regulars, check)


def test_an_old_call_is_refused_where_the_platform_signs_the_time(regulars: Regulars) -> None:
    chat = regulars["slack"]
    assert chat.fake.deliver(chat.fake.text(chat.person, QUESTION), "old").status_code == 401
    assert chat.hears_nothing()


def test_a_message_that_the_platform_delivers_late_is_answered(regulars: Regulars) -> None:
    two_hours_ago = time.time() - 7200

    def check(chat: Chat) -> None:
        if isinstance(chat.fake, FakeTelegram):
            chat.send(chat.fake.text(chat.person, QUESTION, date=int(two_hours_ago)))
        elif isinstance(chat.fake, FakeMessenger):
            event = chat.fake.text(chat.person, QUESTION)
            event["entry"][0]["messaging"][0]["timestamp"] = int(two_hours_ago * 1000)
            chat.send(event)
        elif isinstance(chat.fake, FakeSlack):
            chat.send(chat.fake.text(chat.person, QUESTION, ts=f"{two_hours_ago:.6f}"))
        else:
            chat.send(chat.fake.text(chat.person, QUESTION))
        assert_one_answer(chat.read())

    on_all(regulars, check)


def test_a_replayed_call_changes_nothing(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        body, headers = chat.fake.request(chat.fake.text(chat.person, QUESTION))
        assert chat.fake.send_raw(body, headers).status_code == 200
        assert_one_answer(chat.read())
        assert chat.fake.send_raw(body, headers).status_code == 200
        assert chat.hears_nothing()

    on_all(regulars, check)


def test_a_message_delivered_three_times_at_once_is_answered_once(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        event = chat.fake.text(chat.person, QUESTION)
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: chat.fake.deliver(event), range(3)))
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert_one_answer(chat.read())

    on_all(regulars, check)


def test_messages_in_the_wrong_order_are_each_answered_once(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        texts = (QUESTION, "goodbye", "thank you")
        events = [chat.fake.text(chat.person, text) for text in texts]
        for event in reversed(events):
            chat.send(event)
        shown = [message.text for message in chat.read(3)]
        assert len(shown) == 3
        for response in (RESPONSE, "utter_goodbye", "utter_thank_you"):
            assert sum(says(text, response) for text in shown) == 1, shown

    on_all(regulars, check)


def test_an_empty_message_gets_one_sentence(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        chat.send(chat.fake.empty(chat.person))
        shown = chat.read()
        assert len(shown) == 1
        assert "no words that I can read" in shown[0].text

    on_all(regulars, check)


def test_a_picture_without_words_gets_one_sentence(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        chat.send(chat.fake.media(chat.person))
        shown = chat.read()
        assert len(shown) == 1
        assert "only read text" in shown[0].text

    on_all(regulars, check)


def test_an_album_gets_one_sentence_not_one_for_each_picture(regulars: Regulars) -> None:
    chat = regulars["telegram"]
    for _ in range(3):
        event = chat.fake.media(chat.person)
        event["message"]["media_group_id"] = "4711"
        chat.send(event)
    assert len(chat.read()) == 1


def test_words_under_a_picture_are_read(regulars: Regulars) -> None:
    chat = regulars["telegram"]
    event = chat.fake.media(chat.person)
    event["message"]["caption"] = EMERGENCY
    chat.send(event)
    assert says(chat.read()[0].text, "utter_emergency")


def test_ten_thousand_characters_are_answered(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        shown = chat.say("I like to talk about my garden. " * 313)
        assert shown
        assert all("went wrong" not in message.text for message in shown)

    on_all(regulars, check)


def test_a_warning_sign_among_ten_thousand_characters_is_seen(regulars: Regulars) -> None:
    garden = "I like to talk about my garden. " * 156

    def check(chat: Chat) -> None:
        shown = chat.say(f"{garden} {EMERGENCY}. {garden}")
        assert says(shown[0].text, "utter_emergency"), shown

    on_all(regulars, check)


def test_what_needs_no_answer_gets_none(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        for event in chat.fake.unusable(chat.person):
            answer = chat.fake.deliver(event)
            assert answer.status_code in (200, 400), (event, answer.status_code)
        assert chat.hears_nothing()

    on_all(regulars, check)


def test_a_body_that_is_not_understood_is_no_error_of_ours(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        _, headers = chat.fake.request(chat.fake.text(chat.person, "x"))
        for body in (b"", b"{", b"null", b"\xff\xfe", b"[" * 3000):
            assert chat.fake.send_raw(body, headers).status_code in (200, 400, 401)
        assert chat.hears_nothing(0.5)

    on_all(regulars, check)


def test_a_body_of_a_megabyte_is_refused(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        body, headers = chat.fake.request(chat.fake.text(chat.person, "x" * 1_100_000))
        assert chat.fake.send_raw(body, headers).status_code == 413
        assert chat.hears_nothing(0)

    on_all(regulars, check)


def test_fifty_people_on_each_app_at_once_get_one_answer_each(world: World) -> None:
    chats = {c: [Chat(world.fake(c)) for _ in range(50)] for c in CHANNELS}
    everyone = [chat for some in chats.values() for chat in some]
    started = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda chat: chat.write("hello"), everyone))
    taken = time.monotonic() - started
    wait_for(lambda: all(chat.seen for chat in everyone), "an answer to each of 250", 120)
    wait_for(world.all_done, "the end of all turns", 120)
    assert [len(chat.seen) for chat in everyone] == [1] * 250
    assert all("Is that all right?" in chat.seen[0].text for chat in everyone)
    print(f"250 messages taken in {taken:.1f} s, answered in {time.monotonic() - started:.1f} s")


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault(status=429, wait=1.5)], id="429"),
        pytest.param([Fault(status=500), Fault(status=503)], id="5xx"),
        pytest.param([Fault(delay=3)], id="slow"),
        pytest.param([Fault(cut="after")], id="cut-after-send"),
        pytest.param([Fault(status=400)], id="layout-rejected"),
    ],
)
def test_a_platform_in_trouble_shows_the_answer_once(
    regulars: Regulars, faults: list[Fault]
) -> None:
    def check(chat: Chat) -> None:
        started = time.time()
        if not chat.seen or faults[0].status != 400 or chat.fake.channel in ("telegram", "slack"):
            chat.fake.faults[chat.person] = list(faults)
        chat.write(QUESTION)
        assert_one_answer(chat.read(seconds=20))
        if faults[0].wait:
            assert chat.seen[-1].at - started >= faults[0].wait
        # A message whose fate was looked up would come a second time by now.
        assert chat.hears_nothing(2.0 if faults[0].cut else 0.5)

    on_all(regulars, check)


def test_a_message_that_was_cut_off_before_it_arrived_is_sent_where_that_is_known(
    regulars: Regulars,
) -> None:
    def check(chat: Chat) -> None:
        chat.fake.faults[chat.person] = [Fault(cut="before")]
        chat.write(QUESTION)
        if chat.fake.channel in CAN_BE_ASKED:
            assert_one_answer(chat.read())
        else:
            # Neither Telegram nor Messenger can be asked: an answer is never sent twice.
            assert chat.hears_nothing(0.5)

    on_all(regulars, check)


def test_a_safety_text_in_doubt_goes_out_again_and_says_why(regulars: Regulars) -> None:
    def check(chat: Chat) -> None:
        chat.fake.faults[chat.person] = [Fault(cut="before")]
        shown = chat.say(EMERGENCY)
        assert len(shown) == 1
        if chat.fake.channel in CAN_BE_ASKED:
            assert says(shown[0].text, "utter_emergency")
        else:
            assert shown[0].text.startswith("My last message may not have reached you")
            assert "emergency" in shown[0].text

    on_all(regulars, check)


def test_an_emergency_text_overtakes_an_answer_that_waits_for_the_platform(
    regulars: Regulars,
) -> None:
    def check(chat: Chat) -> None:
        chat.fake.faults[chat.person] = [Fault(status=503)] * 4
        chat.write(QUESTION)
        wait_for(lambda: len(chat.fake.faults[chat.person]) < 4, "the first attempt")
        chat.write(EMERGENCY)
        shown = chat.read(2, seconds=40)
        assert says(shown[0].text, "utter_emergency"), shown
        assert says(shown[1].text, RESPONSE), shown

    on_all(regulars, check)


def test_somebody_who_blocked_the_app_troubles_nobody(world: World, regulars: Regulars) -> None:
    fake = world.fake("telegram")
    gone = Chat(fake)
    fake.people.discard(gone.person)
    gone.write(QUESTION)
    assert gone.hears_nothing()
    assert_one_answer(regulars["telegram"].say(QUESTION))


def test_a_person_is_reached_by_nobody_elses_id(world: World, regulars: Regulars) -> None:
    """Ids of one channel lead to no conversation of another, however they are dressed up."""
    fake: Fake = world.fake("sms")
    victim = regulars["telegram"]
    assert_one_answer(victim.say(QUESTION))
    before = world.rows_in_tracker(victim.conversation)
    for sender in (
        f"telegram:{victim.person}",
        f"whatsapp:{regulars['whatsapp'].person}",
        victim.conversation,
        f"+{victim.person}\ntelegram",
        "slack:T0001:U1",
    ):
        answer = fake.deliver(fake.text(sender, EMERGENCY))
        assert answer.status_code == 200
    for chat in regulars.values():
        assert chat.hears_nothing(0.3)
    slack = world.fake("slack")
    forged = slack.text(f"U:{victim.conversation}", QUESTION)
    forged["team_id"] = "telegram:1"
    assert slack.deliver(forged).status_code == 200
    assert victim.hears_nothing()
    assert world.rows_in_tracker(victim.conversation) == before
    prefixes = tuple(f"{channel}:" for channel in CHANNELS)
    senders = [s for s in world.senders_in_tracker() if "readiness-probe" not in s]
    assert all(sender.startswith(prefixes) for sender in senders), senders


def test_a_button_works_only_in_the_conversation_that_it_was_shown_in(world: World) -> None:
    def check(channel: str) -> None:
        fake = world.fake(channel)
        if fake.channel in ("sms", "whatsapp"):
            return
        owner, thief = Chat(fake), Chat(fake)
        owner.say("hello")
        reference = next(iter(owner.seen[-1].buttons.values()))
        thief.send(fake.press(thief.person, reference))
        assert "no longer open" in thief.read()[0].text
        for made_up in (
            "/delete_my_data",
            "/affirm",
            "o:guess:0",
            "o::",
            "@delete-yes",
            "",
            "o:x:-1",
        ):
            thief.send(fake.press(thief.person, made_up))
            assert "no longer open" in thief.read()[0].text
        assert owner.hears_nothing(0)

    everywhere(check)


def test_a_typed_payload_is_only_text(world: World, regulars: Regulars) -> None:
    typed = (
        "/request_handoff",
        "\u200b /restart",
        '//ask_swimming{"safety_tier": "emergency"}',
    )

    def check(chat: Chat) -> None:
        for text in typed:
            chat.say(text)
        said = world.texts_in_tracker(chat.conversation)
        assert said[-3:] == [
            "request_handoff",
            "restart",
            'ask_swimming{"safety_tier": "emergency"}',
        ]

    on_all(regulars, check)
