"""What the log lines hold, and what they never do."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stridewell import logs
from stridewell.settings import ROOT


def line(record: logging.LogRecord) -> dict[str, Any]:
    """Return the line of a record."""
    parsed: dict[str, Any] = json.loads(logs.JsonLine().format(record))
    return parsed


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    """Make a record as Python's logging does."""
    trouble = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("test", logging.ERROR, __file__, 1, message, args, trouble)


def test_a_line_has_time_level_logger_and_request() -> None:
    token = logs.request_id.set("r-1234567")
    try:
        found = line(record("Something %s.", "happened"))
    finally:
        logs.request_id.reset(token)
    assert found["message"] == "Something happened."
    assert (found["level"], found["logger"], found["request_id"]) == ("ERROR", "test", "r-1234567")
    assert found["time"].endswith("+00:00")


def test_the_id_of_the_conversation_is_struck_out() -> None:
    with logs.private("telegram-4711"):
        text = logs.JsonLine().format(record("Tripped for sender 'telegram-4711'."))
    assert "4711" not in text
    assert logs.STRUCK_OUT in text
    assert "4711" in logs.JsonLine().format(record("Port 4711"))


def test_an_exception_tells_where_but_not_what() -> None:
    def fail() -> None:
        my_pain = "my secret pain"
        raise ValueError(f"can't parse {my_pain}")

    try:
        fail()
    except ValueError as error:
        text = logs.JsonLine().format(record("A turn failed.", error=error))
    assert "secret" not in text
    assert json.loads(text)["error"]["type"] == "ValueError"
    assert "fail" in json.loads(text)["error"]["places"][-1]


def test_an_error_of_the_system_keeps_its_words() -> None:
    with pytest.raises(OSError, match="No such file") as trouble:
        Path("/nowhere/at/all").read_text(encoding="utf-8")
    assert "No such file" in line(record("x", error=trouble.value))["error"]["text"]


def test_a_structured_record_keeps_known_fields_only() -> None:
    # As structlog hands on what rasa.core.channels.rest logs when a turn fails.
    fields = {
        "event": "rest.message.received.failure",
        "text": "my secret pain",
        "exception": [
            {
                "exc_type": "KeyError",
                "exc_value": "'my secret pain'",
                "frames": [
                    {
                        "filename": "rest.py",
                        "lineno": 7,
                        "name": "receive",
                        "locals": {"text": "my secret pain"},
                    }
                ],
            }
        ],
    }
    text = logs.JsonLine().format(record(json.dumps(fields)))
    assert "secret" not in text
    found = json.loads(text)
    assert found["message"] == "rest.message.received.failure"
    assert found["error"] == [{"type": "KeyError", "places": ["rest.py:7 receive"]}]


def test_a_database_error_tells_no_values(tmp_path: Any) -> None:
    from stridewell.stores.database import open_engine

    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(sa.exc.SQLAlchemyError) as trouble, engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO nowhere VALUES (:text)"), {"text": "secret pain"})
    assert "secret pain" not in str(trouble.value)


def test_logging_yml_is_what_a_server_logs_with() -> None:
    script = (
        "import logging; from stridewell import logs; logs.install()\n"
        "logging.getLogger('rasa.core').info('Hello.')\n"
        "logging.getLogger('rasa.core').debug('my secret pain')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (only,) = result.stdout.splitlines()
    assert json.loads(only)["message"] == "Hello."
