"""What the content must keep to: the one place where its limits are set."""

from __future__ import annotations

from dataclasses import dataclass

from stridewell.content.register import Topic


@dataclass(frozen=True)
class Limits:
    """The limits of the content check.

    Attributes:
        answered_examples: Least number of examples of an answered topic.
        declined_examples: Least number of examples of a declined topic.
        conversation_examples: Least number of examples of any other intent.
        topic_words: Most words in the answer to a topic.
        reading_grade: Highest Flesch-Kincaid grade of a response: grade 8 ends where 9 begins.
        graded_words: Shorter texts are not graded: one long word would decide.
        title_characters: Longest title of a topic or a button (Messenger takes no longer one).
        buttons: Most buttons below a response (Messenger takes no more).
        conversation_file: Where the examples of intents stand that are no topics.
    """

    answered_examples: int = 30
    declined_examples: int = 25
    conversation_examples: int = 15
    topic_words: int = 90
    reading_grade: float = 9.0
    graded_words: int = 20
    title_characters: int = 20
    buttons: int = 3
    conversation_file: str = "data/nlu/conversation.yml"

    def least_examples(self, topic: Topic | None) -> int:
        """Return how many examples a topic needs, or an intent that is no topic (None)."""
        if topic is None:
            return self.conversation_examples
        return self.answered_examples if topic.answered else self.declined_examples


LIMITS = Limits()
