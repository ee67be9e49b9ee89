"""Opens a trained model's archive: what one component stored, without starting Rasa."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rasa.engine.storage.resource import Resource
    from rasa.engine.storage.storage import ModelStorage


@contextmanager
def stored(archive: Path, component: type) -> Iterator[tuple[ModelStorage, Resource]]:
    """Open what a component of a trained model stored.

    Args:
        archive: The model.
        component: The component's class.

    Returns:
        The storage and what to ask it for, as the component's ``load`` takes them.
    """
    from rasa.engine.storage.local_model_storage import LocalModelStorage

    with tempfile.TemporaryDirectory() as folder:
        storage, metadata = LocalModelStorage.from_model_archive(Path(folder), archive)
        nodes = metadata.predict_schema.nodes.values()
        node = next(node for node in nodes if node.uses is component)
        assert node.resource
        yield storage, node.resource
