"""Urgent help stays in reach in the chat window, whatever the chat or its server does."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.chat import Chat

Visit = Callable[..., Chat]
PHONE = {"width": 320, "height": 568}


def expect_urgent_help(chat: Chat, *words: str) -> None:
    """Expect that one tap on what is in view shows whom to call, and close it again."""
    button = chat.button("Urgent help")
    expect(button).to_be_in_viewport()
    button.click()
    for part in ("Call your local emergency number now", "does not contact anybody", *words):
        expect(chat.panel.get_by_text(part)).to_be_visible()
    button.click()


def test_urgent_help_stays_in_reach_all_through_a_chat(visit: Visit) -> None:
    chat = visit(viewport=PHONE).open()
    expect_urgent_help(chat, "call Samaritans")
    chat.ask()
    expect_urgent_help(chat)
    chat.say("x" * 1500)
    expect_urgent_help(chat)


def test_urgent_help_names_numbers_without_the_server(visit: Visit) -> None:
    chat = visit()
    chat.page.route("**/chat/**", lambda route: route.abort())
    chat.open()
    expect_urgent_help(chat, "999 in the UK, 112 in the EU, 911 in the US and Canada")
