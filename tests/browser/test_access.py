"""The chat and the pages for everybody: keyboard, screen reader, large text, small screens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.chat import ANSWER, DISCLAIMER, Chat

Visit = Callable[..., Chat]
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
PHONE = {"viewport": {"width": 390, "height": 844}}
NARROW = {"viewport": {"width": 320, "height": 640}}


def expect_no_barriers(page: Page) -> None:
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def sideways(page: Page) -> list[str]:
    """Return what is wider than its place: of the page, and inside the open chat."""
    return page.evaluate(  # type: ignore[no-any-return]
        """() => {
          const wide = (element) => element.scrollWidth > element.clientWidth + 1;
          const found = wide(document.documentElement) ? ["page"] : [];
          const root = document.querySelector("stridewell-chat")?.shadowRoot;
          for (const part of root?.querySelectorAll(".frame, .log, .sheet, .panel") ?? []) {
            if (part.getClientRects().length && wide(part)) found.push(part.className);
          }
          return found;
        }"""
    )


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_the_demo_page_has_no_barriers(colors: str, visit: Visit) -> None:
    expect_no_barriers(visit(color_scheme=colors).page)


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_the_faq_page_has_no_barriers(colors: str, visit: Visit) -> None:
    expect_no_barriers(visit(path="/faq", color_scheme=colors).page)


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
def test_the_open_chat_has_no_barriers(colors: str, screen: dict[str, Any], visit: Visit) -> None:
    chat = visit(color_scheme=colors, reduced_motion="reduce", **screen).open()
    expect(chat.button("Is it safe to run when I have sciatica?")).to_be_visible()
    expect_no_barriers(chat.page)
    chat.ask()
    chat.panel.get_by_text("4 sources").click()
    chat.button("No, not helpful").first.click()
    expect(chat.button("Hard to follow")).to_be_visible()
    chat.say("I can't pee and both legs are numb")
    expect(chat.log.get_by_role("link", name="999")).to_be_visible()
    expect_no_barriers(chat.page)
    chat.button("Urgent help").click()
    expect_no_barriers(chat.page)
    chat.button("More").click()
    chat.button("Delete this chat").click()
    expect_no_barriers(chat.page)


def test_the_whole_chat_works_by_keyboard_alone(visit: Visit) -> None:
    chat = visit()
    keys = chat.page.keyboard
    chat.launcher.focus()
    keys.press("Enter")
    expect(chat.input).to_be_focused()
    keys.type("Does running help sciatica?")
    keys.press("Enter")
    expect(chat.log.get_by_text(DISCLAIMER)).to_be_visible()
    expect(chat.input).to_be_focused()  # A reply never takes the focus.

    def tab_to(name: str, back: bool = True) -> None:
        for _ in range(20):
            keys.press("Shift+Tab" if back else "Tab")
            focused = chat.page.evaluate(
                """() => {
                  const root = document.querySelector("stridewell-chat").shadowRoot;
                  const element = root.activeElement;
                  return element?.getAttribute("aria-label") || element?.textContent || "";
                }"""
            )
            if focused.strip() == name:
                return
        pytest.fail(f"'{name}' can't be reached with the keyboard")

    tab_to("4 sources")
    keys.press("Enter")
    expect(chat.log.get_by_text("“Sciatica running”, essay")).to_be_visible()
    tab_to("Urgent help")
    keys.press("Enter")
    expect(chat.panel.get_by_role("region", name="Urgent help")).to_be_visible()
    keys.press("Escape")
    expect(chat.panel.get_by_role("region", name="Urgent help")).to_be_hidden()
    expect(chat.panel).to_be_visible()
    tab_to("More")
    keys.press("Enter")
    expect(chat.button("Start over")).to_be_focused()
    keys.press("Escape")
    expect(chat.button("More")).to_be_focused()
    tab_to("Yes, helpful", back=False)
    keys.press("Space")
    expect(chat.button("Yes, helpful")).to_have_attribute("aria-pressed", "true")
    tab_to("Talk to someone", back=False)
    keys.press("Enter")
    expect(chat.log).to_contain_text("I contact nobody by myself")
    keys.press("Escape")
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_focused()


def test_the_log_is_there_before_messages_arrive_and_bubbles_are_no_stops(visit: Visit) -> None:
    chat = visit().open()
    expect(chat.log).to_have_attribute("aria-label", "Chat")
    chat.page.evaluate(
        """() => {
          const root = document.querySelector("stridewell-chat").shadowRoot;
          window.log = root.querySelector("[role=log]");
        }"""
    )
    chat.ask()
    assert chat.page.evaluate("window.log.textContent").count(ANSWER) == 1
    assert chat.page.evaluate("window.log.querySelectorAll('.message[tabindex]').length") == 0


def test_a_phone_keeps_the_focus_inside_and_the_page_still(visit: Visit) -> None:
    chat = visit(**PHONE).open()
    expect(chat.panel).to_have_attribute("aria-modal", "true")
    for _ in range(12):
        chat.page.keyboard.press("Tab")
        inside = chat.page.evaluate("document.activeElement.localName")
        assert inside == "stridewell-chat"
    assert chat.page.evaluate("getComputedStyle(document.documentElement).overflowY") == "hidden"
    chat.page.keyboard.press("Escape")
    assert chat.page.evaluate("getComputedStyle(document.documentElement).overflowY") != "hidden"


@pytest.mark.parametrize("path", ["/", "/faq"])
@pytest.mark.parametrize("size", ["100%", "200%"])
def test_nothing_scrolls_sideways_at_320_pixels(path: str, size: str, visit: Visit) -> None:
    chat = visit(path=path, **NARROW)
    chat.page.evaluate("size => { document.documentElement.style.fontSize = size; }", size)
    assert sideways(chat.page) == []


@pytest.mark.parametrize("size", ["100%", "200%"])
@pytest.mark.parametrize(
    "screen", [NARROW, {"viewport": {"width": 1280, "height": 720}}], ids=["narrow", "desktop"]
)
def test_the_chat_works_with_large_text(size: str, screen: dict[str, Any], visit: Visit) -> None:
    chat = visit(**screen)
    chat.page.evaluate("size => { document.documentElement.style.fontSize = size; }", size)
    chat.open().ask()
    assert sideways(chat.page) == []
    chat.button("Urgent help").click()
    help_now = chat.panel.get_by_role("region", name="Urgent help")
    help_now.get_by_text("does not contact anybody").scroll_into_view_if_needed()
    assert sideways(chat.page) == []
    chat.button("Urgent help").click()
    for part in (chat.input, chat.button("Send"), chat.button("Talk to someone")):
        part.scroll_into_view_if_needed()
        expect(part).to_be_in_viewport(ratio=0.9)


def test_open_urgent_help_leaves_the_input_in_place_on_a_small_phone(visit: Visit) -> None:
    chat = visit(reduced_motion="reduce", **NARROW).open()
    place = chat.input.bounding_box()
    chat.button("Urgent help").click()
    expect(chat.panel.get_by_role("region", name="Urgent help")).to_be_visible()
    assert chat.input.bounding_box() == place


def test_every_target_has_24_pixels(visit: Visit) -> None:
    chat = visit().open()
    chat.ask()
    small = chat.page.evaluate(
        """() => [...document.querySelector("stridewell-chat").shadowRoot
            .querySelectorAll("button, summary, textarea")]
          .filter((element) => {
            const box = element.getBoundingClientRect();
            return box.width && (box.width < 24 || box.height < 24);
          })
          .map((element) => element.textContent || element.ariaLabel)"""
    )
    assert small == []


def test_motion_stops_for_who_wants_none(visit: Visit) -> None:
    chat = visit(reduced_motion="reduce").open()
    assert chat.panel.evaluate("panel => getComputedStyle(panel).animationName") == "none"


def test_right_to_left_pages_mirror_the_chat(visit: Visit) -> None:
    chat = visit()
    chat.page.evaluate("document.documentElement.dir = 'rtl'")
    chat.open().ask()
    box = chat.panel.bounding_box()
    assert box
    assert box["x"] < 100
    person = chat.log.get_by_text("Does running help sciatica?").bounding_box()
    assert person
    assert person["x"] - box["x"] < 60
    assert sideways(chat.page) == []


def test_forced_colors_leave_edges_to_see(visit: Visit) -> None:
    chat = visit(forced_colors="active").open()
    chat.ask()
    widths = chat.panel.locator(".bubble").evaluate_all(
        "bubbles => bubbles.map((bubble) => getComputedStyle(bubble).borderTopWidth)"
    )
    assert all(width != "0px" for width in widths)


def test_a_text_finds_its_own_direction(visit: Visit) -> None:
    chat = visit()
    chat.page.evaluate("document.documentElement.dir = 'rtl'")
    chat.open().say("مرحبا")
    for text, direction in (("مرحبا", "rtl"), ("I’m an automated assistant", "ltr")):
        found = chat.log.get_by_text(text).first
        assert found.evaluate("element => getComputedStyle(element).direction") == direction


def test_the_faq_can_be_searched(visit: Visit) -> None:
    page = visit(path="/faq").page
    page.get_by_role("searchbox", name="Find an answer").fill("supportive shoes")
    expect(page.get_by_role("status")).to_have_text("3 answers")
    expect(page.get_by_role("heading", name="What kind of running shoes")).to_be_visible()
    expect(page.get_by_role("heading", name="What is sciatica, and")).to_be_hidden()
    page.get_by_role("searchbox").fill("zebra")
    expect(page.get_by_role("status")).to_contain_text("No answer has these words")
