"""Reads the body of a call: bytes in, a value that fits the API's description out."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from stridewell.settings import ROOT
from stridewell.web.errors import ApiError

DESCRIPTION = ROOT / "channels" / "website.openapi.yml"


@cache
def description(path: Path = DESCRIPTION) -> dict[str, Any]:
    """Return the API's OpenAPI description."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


@cache
def validator(schema: str) -> jsonschema.Draft202012Validator:
    """Return the validator of one of the schemas in the API's description."""
    return jsonschema.Draft202012Validator(
        {**description(), "$ref": f"#/components/schemas/{schema}"}
    )


def parse(body: bytes, schema: str) -> dict[str, Any]:
    """Parse a body and check its form.

    Args:
        body: What was sent; nothing at all stands for an empty object.
        schema: Name of the schema in the API's description.

    Returns:
        The object. Its texts may hold any character, but no broken one.

    Raises:
        ApiError: It is not JSON, or doesn't fit the schema.
    """
    try:
        value = json.loads(body.decode("utf-8") or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ApiError("invalid_json") from None
    problem = next(iter(validator(schema).iter_errors(value)), None)
    if problem is not None:
        # The value itself is not repeated: it may be long, hostile, or private.
        where = "/".join(str(step) for step in problem.absolute_path) or "the body"
        raise ApiError(
            "invalid_request", f"The request does not have the right form (see {where[:60]})."
        )
    checked: dict[str, Any] = value
    return checked


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
