"""Nothing lost, nothing twice: when the network, the server or the page goes away in the middle."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.chat import ANSWER, QUESTION, Chat
from tests.conftest import Server
from tests.website.site import Client, start_dialogue, stop_dialogue

Visit = Callable[..., Chat]
SECOND = "Is swimming good when I have sciatica?"
SECOND_ANSWER = "It may be a good choice, since it is low impact"


def expect_once(chat: Chat, *texts: str) -> None:
    """Expect each text exactly once in the chat."""
    for text in texts:
        expect(chat.log.get_by_text(text)).to_have_count(1)


def stored(chat: Chat, site: Server) -> list[str]:
    """Return what the person said, as the server has it."""
    token = chat.page.evaluate(
        "JSON.parse(Object.entries(sessionStorage).find(([k]) => k.endsWith(':session'))[1]).token"
    )
    return [m["text"] for m in Client(site.url, token).history() if m["from"] == "person"]


def test_a_message_waits_while_the_network_is_off(visit: Visit, site: Server) -> None:
    chat = visit().open()
    chat.ask()
    chat.page.context.set_offline(True)
    chat.say(SECOND)
    expect(chat.alert).to_contain_text("can’t be reached")
    expect(chat.alert).to_contain_text("don’t wait for this chat")
    expect(chat.log.get_by_text("Not sent yet. I’ll keep trying.")).to_be_visible()
    chat.page.context.set_offline(False)
    expect(chat.log.get_by_text(SECOND_ANSWER)).to_be_visible()
    expect(chat.alert).to_be_empty()
    expect_once(chat, QUESTION, ANSWER, SECOND, SECOND_ANSWER)
    assert stored(chat, site) == [QUESTION, SECOND]


def test_a_reply_that_was_lost_on_the_way_comes_with_the_next_try(
    visit: Visit, site: Server
) -> None:
    chat = visit().open()
    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().text())
            route.abort("connectionreset")
        else:
            route.continue_()

    chat.page.route("**/chat/messages", lose)
    chat.ask()
    assert ANSWER in lost[0]
    expect_once(chat, QUESTION, ANSWER)
    assert stored(chat, site) == [QUESTION]


def test_a_reload_in_the_middle_of_a_turn_loses_nothing(visit: Visit, site: Server) -> None:
    chat = visit().open()
    chat.ask()
    chat.page.route("**/chat/messages", lambda route: None)  # Never answered.
    chat.say(SECOND)
    chat.page.unroute_all(behavior="ignoreErrors")
    chat.page.reload()
    expect(chat.log.get_by_text(SECOND_ANSWER)).to_be_visible()
    expect_once(chat, QUESTION, ANSWER, SECOND, SECOND_ANSWER)
    assert stored(chat, site) == [QUESTION, SECOND]


@pytest.mark.parametrize("ending", ["Start over", "Delete this chat"])
def test_a_chat_that_was_left_while_a_message_was_on_its_way_stays_left(
    visit: Visit, ending: str
) -> None:
    chat = visit().open()
    chat.ask()
    sent: list[Route] = []
    chat.page.route("**/chat/messages", lambda route: sent.append(route))
    with chat.page.expect_request("**/chat/messages"):
        chat.say(SECOND)
    chat.button("More").click()
    chat.button(ending).click()
    if ending == "Delete this chat":
        with chat.page.expect_response("**/chat/conversation"):
            chat.button("Delete").last.click()
    expect(chat.log.get_by_text(QUESTION)).to_have_count(0)
    with chat.page.expect_response("**/chat/messages"):
        sent[0].continue_()
    chat.page.unroute_all()
    # What comes next shows that the reply has been taken in.
    chat.ask("What kind of running shoes should I wear?", "Look for supportive shoes")
    for text in (QUESTION, SECOND, SECOND_ANSWER):
        expect(chat.log.get_by_text(text)).to_have_count(0)
    assert len(sent) == 1


def test_the_conversation_goes_on_after_another_page(visit: Visit, site: Server) -> None:
    chat = visit().open()
    chat.ask()
    chat.page.goto(site.url + "/faq")
    chat.page.goto(site.url)
    expect_once(chat, QUESTION, ANSWER)
    expect(chat.input).not_to_be_focused()
    chat.ask(SECOND, SECOND_ANSWER)


def test_two_tabs_of_one_conversation_show_the_same(
    visit: Visit, site: Server, context: Callable[..., BrowserContext]
) -> None:
    window = context()
    first = visit(window).open()
    first.ask()
    kept = first.page.evaluate("JSON.stringify(sessionStorage)")
    second = visit(window)
    second.page.evaluate(
        """kept => {
          for (const [key, value] of Object.entries(JSON.parse(kept))) {
            sessionStorage.setItem(key, value);
          }
        }""",
        kept,
    )
    second.page.reload()
    expect_once(second, QUESTION, ANSWER)
    second.say(SECOND)
    first.say("What kind of running shoes should I wear?")
    for tab in (first, second):
        expect(tab.log.get_by_text(SECOND_ANSWER)).to_be_visible()
        expect(tab.log.get_by_text("Look for supportive shoes")).to_be_visible()
        expect_once(tab, QUESTION, ANSWER, SECOND, SECOND_ANSWER, "What kind of running shoes")
    assert len(stored(first, site)) == 3


def test_two_browsers_know_nothing_of_each_other(visit: Visit, site: Server) -> None:
    one, other = visit().open(), visit().open()
    one.ask()
    other.ask(SECOND, SECOND_ANSWER)
    assert one.count(SECOND) == 0
    assert other.count(QUESTION) == 0
    assert stored(one, site) == [QUESTION]
    assert stored(other, site) == [SECOND]


def test_an_old_session_is_replaced_and_the_person_told(visit: Visit) -> None:
    chat = visit().open()
    chat.ask()
    chat.page.evaluate(
        """() => {
          const key = Object.keys(sessionStorage).find((name) => name.endsWith(":session"));
          sessionStorage.setItem(key, JSON.stringify({ token: "of.long.ago", expires: 1 }));
        }"""
    )
    chat.ask(SECOND, SECOND_ANSWER)
    expect(chat.log.get_by_text("A new chat starts here.")).to_have_count(1)
    expect_once(chat, QUESTION, ANSWER, SECOND)


def test_an_error_of_the_server_is_seen_and_can_be_tried_again(visit: Visit) -> None:
    chat = visit().open()
    failed: list[bool] = []

    def fail(route: Route) -> None:
        if failed:
            route.continue_()
            return
        failed.append(True)
        error = {"code": "timed_out", "message": "The answer took too long. Please try again."}
        route.fulfill(status=504, json={"error": error})

    chat.page.route("**/chat/messages", fail)
    chat.say(QUESTION)
    expect(chat.alert).to_contain_text("The answer took too long.")
    chat.button("Try again").click()
    expect(chat.log.get_by_text(ANSWER)).to_be_visible()
    expect(chat.alert).to_be_empty()
    expect_once(chat, QUESTION, ANSWER)


def test_a_restart_of_the_server_loses_nothing(visit: Visit, site: Server) -> None:
    chat = visit().open()
    chat.ask()
    stop_dialogue(site)
    chat.say(SECOND)
    expect(chat.log.get_by_text("Not sent yet. I’ll keep trying.")).to_be_visible()
    start_dialogue(site)
    expect(chat.log.get_by_text(SECOND_ANSWER)).to_be_visible(timeout=40_000)
    chat.page.reload()
    expect_once(chat, QUESTION, ANSWER, SECOND, SECOND_ANSWER)
    assert stored(chat, site) == [QUESTION, SECOND]
