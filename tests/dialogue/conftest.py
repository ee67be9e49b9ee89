"""What the dialogue tests share: the trained assistant in this process, and dialogues as data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stridewell.follow_ups import FollowUps, load_follow_ups
from stridewell.language import build_pipeline
from tests.dialogue.talk import Talk

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def talk(model_path: Path) -> Iterator[Talk]:
    """Conversations with the trained model."""
    conversations = Talk(model_path)
    yield conversations
    conversations.close()


@pytest.fixture(scope="session")
def follow_ups() -> FollowUps:
    """The project's follow-ups."""
    return load_follow_ups(build_pipeline().vocab)


def read(name: str) -> Any:
    """Read dialogues or messages of this folder."""
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
