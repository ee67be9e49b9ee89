"""Two thousand calls made up from the API's own description: none makes the server fail."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import jsonschema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stridewell.web.requests import description, validator
from tests.conftest import Server
from tests.website.site import Client, Reply

REQUESTS = 2000
# A message that is understood costs a turn; the others are refused before.
TURN_SHARE = 25

ids = st.text("0123456789abcdef", min_size=32, max_size=32)
odd_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | odd_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=6,
)
messages = st.fixed_dictionaries({"id": ids, "text": odd_text})
choices = st.fixed_dictionaries(
    {"id": ids, "choice": odd_text | st.builds("{}.{}.{}".format, ids, ids, st.integers())}
)
feedback = st.fixed_dictionaries(
    {"message": odd_text, "rating": st.sampled_from(["up", "down"]) | odd_text},
    optional={"reason": odd_text | st.sampled_from(["wrong", "other"])},
)


def mutated(bodies: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    """Sometimes put something of the wrong kind at the place of a right one."""
    return bodies.flatmap(
        lambda body: st.sampled_from([*body, ""]).flatmap(
            lambda key: anything.map(lambda value: {**body, key: value})
        )
    )


headers = st.dictionaries(
    st.sampled_from(["Origin", "Accept", "X-Forwarded-For", "If-None-Match", "X-Request-ID"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40).map(str.strip),
    max_size=2,
)
tokens = st.sampled_from(["own", "own", "own", "none", "broken"])
raw_bodies = st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode())


def operations() -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, methods in description()["paths"].items()
        for method in methods
    ]


turns = st.tuples(st.just(("POST", "/chat/messages")), messages)
refused = st.one_of(
    st.tuples(st.just(("POST", "/chat/messages")), mutated(messages) | choices | raw_bodies),
    st.tuples(st.just(("POST", "/chat/feedback")), feedback | mutated(feedback) | raw_bodies),
    st.tuples(st.just(("POST", "/chat/sessions")), anything | raw_bodies),
    st.tuples(st.sampled_from(operations()), st.none() | raw_bodies | anything),
)
calls = st.integers(0, TURN_SHARE).flatmap(lambda pick: turns if pick == 0 else refused)


def check(method: str, path: str, reply: Reply) -> None:
    """Check a reply against the description."""
    operation = description()["paths"][path][method.lower()]
    described = operation["responses"].get(str(reply.status))
    if described is None:
        assert reply.status >= 400, f"{method} {path} gave {reply.status}, not described"
        jsonschema.validate(reply.json, validator("Error").schema)
    elif "content" in described:
        name = described["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        jsonschema.validate(reply.json, validator(name).schema)


def test_no_call_makes_the_server_fail(site: Server) -> None:
    person = Client(site.url).start()
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(call=calls, token=tokens, extra=headers)
    def one(call: tuple[tuple[str, str], Any], token: str, extra: dict[str, str]) -> None:
        (method, path), body = call
        tokens_by_kind = {"own": person.token, "none": "", "broken": person.token[:-4] + "AAAA"}
        caller = Client(site.url, tokens_by_kind[token])
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sendable = {
            name: value.encode("latin-1").decode("latin-1") for name, value in extra.items()
        }
        reply = caller.call(method, path, sent, sendable)
        statuses[reply.status] += 1
        assert reply.status < 500, reply.text
        check(method, path, reply)
        if reply.status == 204 and method == "DELETE":
            person.start()

    one()
    assert sum(statuses.values()) >= REQUESTS
    assert {200, 201, 204, 400, 401, 403, 404, 409, 422} <= set(statuses) | {204, 404}
