"""What a person can do in the chat."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Route, expect

from stridewell.web.pages import Widget
from stridewell.web.snippet import plain_snippet
from tests.browser.chat import ANSWER, DISCLAIMER, QUESTION, Chat
from tests.conftest import Server
from tests.website.site import PARTNER

Visit = Callable[..., Chat]


def test_a_person_asks_sees_sources_and_takes_a_summary_along(visit: Visit) -> None:
    chat = visit().open()
    expect(chat.log).to_contain_text("I’m an automated assistant, not a person")
    chat.ask()
    chat.panel.get_by_text("4 sources").click()
    expect(chat.log.get_by_text("“Sciatica running”, essay")).to_be_visible()
    expect(chat.log).to_contain_text(DISCLAIMER)
    chat.button("Talk to someone").click()
    expect(chat.log.get_by_text("Talk to someone").last).to_be_visible()
    expect(chat.log).to_contain_text("I contact nobody by myself")
    expect(chat.log).to_contain_text("Summary of a chat with Stridewell")
    with chat.page.expect_download() as download:
        chat.button("Save as a file").click()
    assert QUESTION in Path(download.value.path()).read_text(encoding="utf-8")


def test_the_summary_can_be_copied_and_printed(visit: Visit) -> None:
    chat = visit(permissions=["clipboard-read", "clipboard-write"]).open()
    chat.ask()
    chat.button("Talk to someone").click()
    chat.button("Copy").click()
    expect(chat.panel.get_by_text("Copied.")).to_be_attached()
    assert QUESTION in chat.page.evaluate("navigator.clipboard.readText()")
    with chat.page.expect_popup() as popup:
        chat.button("Print").click()
    expect(popup.value.get_by_text("Summary of a chat with Stridewell")).to_be_visible()


def test_a_starter_question_becomes_the_persons_message(visit: Visit) -> None:
    chat = visit().open()
    chat.button("Is it safe to run when I have sciatica?").click()
    expect(chat.log).to_contain_text("It depends on you, so ask a doctor")
    expect(chat.panel.get_by_role("list", name="Questions to start with")).to_have_count(0)


def test_urgent_help_is_one_tap_away_and_numbers_can_be_called(visit: Visit) -> None:
    chat = visit().open()
    chat.button("Urgent help").click()
    help_now = chat.panel.get_by_role("region", name="Urgent help")
    expect(help_now.get_by_role("link", name="112")).to_have_attribute("href", "tel:112")
    expect(help_now.get_by_role("link", name="116 123")).to_have_attribute("href", "tel:116123")
    expect(help_now.get_by_role("link", name="85258")).to_have_count(0)
    expect(help_now).to_contain_text("does not contact anybody")


def test_a_warning_sign_shows_numbers_that_can_be_called(visit: Visit) -> None:
    chat = visit().open()
    chat.say("I can't pee and both legs are numb")
    expect(chat.log.get_by_role("link", name="999")).to_have_attribute("href", "tel:999")


def test_a_rating_with_its_reason_is_kept(visit: Visit) -> None:
    chat = visit().open()
    chat.ask()
    chat.button("No, not helpful").first.click()
    chat.button("Hard to follow").click()
    expect(chat.button("Hard to follow")).to_have_attribute("aria-pressed", "true")
    chat.page.reload()
    expect(chat.button("No, not helpful").first).to_have_attribute("aria-pressed", "true")


def test_the_chat_can_be_downloaded(visit: Visit) -> None:
    chat = visit().open()
    chat.ask()
    chat.button("More").click()
    with chat.page.expect_download() as download:
        chat.button("Download this chat").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "You: " + QUESTION in text
    assert "Assistant: " + ANSWER in text
    assert "- Sciatica running (essay)" in text
    assert "Not medical advice" in text


def test_starting_over_empties_the_chat_and_keeps_nothing_of_it(visit: Visit) -> None:
    chat = visit().open()
    chat.ask()
    chat.button("More").click()
    chat.button("Start over").click()
    assert chat.count(ANSWER) == 0
    expect(chat.button("Is it safe to run when I have sciatica?")).to_be_visible()
    chat.page.reload()
    expect(chat.button("Is it safe to run when I have sciatica?")).to_be_visible()
    assert chat.count(ANSWER) == 0


def test_deleting_asks_first_and_says_that_it_is_done(visit: Visit, site: Server) -> None:
    chat = visit().open()
    chat.ask()
    chat.button("More").click()
    chat.button("Delete this chat").click()
    expect(chat.button("Keep it")).to_be_focused()
    with chat.page.expect_response("**/chat/conversation") as reply:
        chat.button("Delete").last.click()
    assert reply.value.status == 204
    expect(chat.log).to_contain_text("This chat was deleted from the server.")
    assert chat.count(ANSWER) == 0


def test_what_people_type_is_never_html(visit: Visit) -> None:
    chat = visit().open()
    chat.say("<img src=x onerror=alert(1)> <b>bold</b>")
    expect(chat.log.get_by_text("<img src=x onerror=alert(1)> <b>bold</b>")).to_be_visible()
    expect(chat.log.locator("img, b")).to_have_count(0)


def test_only_web_addresses_of_a_reply_become_links(visit: Visit) -> None:
    def answer(route: Route) -> None:
        message_id = json.loads(route.request.post_data or "{}")["id"]
        text = "See https://example.org/a. Not javascript:alert(1) or data:text/html,x."
        reply = {"id": f"{message_id}.0", "from": "assistant", "time": 1, "kind": "other"}
        route.fulfill(json={"messages": [{**reply, "text": text}]})

    chat = visit().open()
    chat.page.route("**/chat/messages", answer)
    chat.say("hello")
    link = chat.log.get_by_role("link")
    expect(link).to_have_count(1)
    expect(link).to_have_attribute("href", "https://example.org/a")
    expect(link).to_have_attribute("rel", "noopener noreferrer")


def test_a_message_that_is_too_long_is_kept_and_explained(visit: Visit) -> None:
    chat = visit().open()
    expect(chat.button("Is it safe to run when I have sciatica?")).to_be_visible()
    chat.say("x" * 1003)
    expect(chat.panel.get_by_text("3 characters too many")).to_be_visible()
    expect(chat.input).to_have_value("x" * 1003)


def test_a_page_can_bring_words_and_colors_of_its_own(visit: Visit, site: Server) -> None:
    chat = visit(path="/faq")
    chat.page.add_script_tag(url=f"{site.url}/widget.js")
    chat.page.evaluate(
        """() => {
          document.querySelector("stridewell-chat")?.remove();
          const chat = document.createElement("stridewell-chat");
          const words = document.createElement("script");
          words.type = "application/json";
          words.textContent = JSON.stringify({ launcher: "Zadaj pytanie", send: "Wyślij" });
          chat.append(words);
          chat.setAttribute("heading", "Pomoc");
          chat.style.setProperty("--stridewell-accent", "rgb(80, 20, 120)");
          document.body.append(chat);
        }"""
    )
    launcher = chat.page.get_by_role("button", name="Zadaj pytanie")
    expect(launcher).to_have_css("background-color", "rgb(80, 20, 120)")
    launcher.click()
    expect(chat.page.get_by_role("dialog", name="Pomoc")).to_be_visible()
    expect(chat.page.get_by_role("button", name="Wyślij")).to_be_visible()


def test_one_script_tag_is_enough(visit: Visit, site: Server) -> None:
    chat = visit(path="/faq")
    chat.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.src = "/widget.js";
          script.dataset.heading = "Front desk";
          document.head.append(script);
        }"""
    )
    chat.page.get_by_role("button", name="Ask a question").click()
    expect(chat.page.get_by_role("dialog", name="Front desk")).to_be_visible()


def test_another_sites_page_under_a_strict_policy_can_use_the_chat(
    site: Server, context: Callable[..., BrowserContext], complaints: list[str]
) -> None:
    # On the web the chat's address is public; here it is this machine's own.
    page = context(permissions=["local-network-access"]).new_page()
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    policy = f"default-src 'self'; script-src {site.url}; connect-src {site.url}; img-src data:"
    page.route(
        f"{PARTNER}/",
        lambda route: route.fulfill(
            content_type="text/html",
            headers={"Content-Security-Policy": policy},
            body="<!doctype html><title>Partner</title><link rel='icon' href='data:,'><body>"
            + plain_snippet(Widget.read(), site.url),
        ),
    )
    page.goto(f"{PARTNER}/")
    page.get_by_role("button", name="Ask a question").click()
    page.get_by_role("textbox", name="Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text(ANSWER)


def test_nothing_is_asked_of_another_host_and_nothing_before_the_chat_opens(
    site: Server, context: Callable[..., BrowserContext]
) -> None:
    page = context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.url, wait_until="networkidle")
    assert not [url for url in asked if "/chat/" in url]
    chat = Chat(page).open()
    chat.ask()
    assert all(url.startswith(site.url) for url in asked)
