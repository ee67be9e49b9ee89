"""Drives the chat as a person does: by what is seen and said, never by its inner names."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

QUESTION = "Does running help sciatica?"
ANSWER = "Maybe. It may ease sciatica"
DISCLAIMER = "This is general information from five articles"


@dataclass
class Chat:
    """The chat on a page."""

    page: Page

    @property
    def launcher(self) -> Locator:
        """The button that opens the chat."""
        return self.page.locator("stridewell-chat").get_by_role("button", name="Ask a question")

    @property
    def panel(self) -> Locator:
        """The open chat."""
        return self.page.get_by_role("dialog", name="Larkfield assistant")

    @property
    def log(self) -> Locator:
        """Where the messages are."""
        return self.panel.get_by_role("log")

    @property
    def input(self) -> Locator:
        """Where one types."""
        return self.panel.get_by_role("textbox", name="Your question")

    @property
    def alert(self) -> Locator:
        """Where one reads what went wrong."""
        return self.panel.get_by_role("alert")

    def open(self) -> Chat:
        """Open the chat."""
        self.launcher.click()
        expect(self.input).to_be_focused()
        return self

    def say(self, text: str) -> None:
        """Type something and send it."""
        self.input.fill(text)
        self.input.press("Enter")

    def ask(self, text: str = QUESTION, answer: str = ANSWER) -> None:
        """Ask something and wait for the answer."""
        self.say(text)
        expect(self.log.get_by_text(answer)).to_be_visible()

    def count(self, text: str) -> int:
        """Return how often a text stands in the chat."""
        return int(self.log.get_by_text(text).count())

    def button(self, name: str) -> Locator:
        """Return a button of the chat."""
        return self.panel.get_by_role("button", name=name)
