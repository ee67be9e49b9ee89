"""One HTTP request to a target: never follows a redirect, never waits for ever."""

from __future__ import annotations

from typing import Any

import requests

from stridewell.handoff.targets.base import DeliveryProblem

_MOST_WAIT = 86400.0


def call(
    session: requests.Session,
    method: str,
    url: str,
    what: str,
    timeout: float,
    accept: tuple[int, ...] = (),
    **options: Any,
) -> requests.Response:
    """Make a request.

    Args:
        session: The session; its headers and certificates are used.
        method: The HTTP method.
        url: Where to.
        what: What is called, for the error.
        timeout: Seconds to wait for the connection, and for each part of the answer.
        accept: Statuses beside 2xx that are no error.
        **options: Passed on to requests.

    Returns:
        The answer; its status is 2xx or one of ``accept``.

    Raises:
        DeliveryProblem: No answer came, or another one.
    """
    try:
        answer = session.request(method, url, timeout=timeout, allow_redirects=False, **options)
    except requests.exceptions.SSLError as error:
        raise DeliveryProblem(f"{what}: the certificate was not accepted") from error
    except requests.Timeout as error:
        raise DeliveryProblem(f"{what}: no answer in time") from error
    except requests.RequestException as error:
        # The error's text may hold the address, which can be a secret.
        raise DeliveryProblem(f"{what}: no connection ({type(error).__name__})") from error
    if 200 <= answer.status_code < 300 or answer.status_code in accept:
        return answer
    raise DeliveryProblem(f"{what}: answered {answer.status_code}", _retry_after(answer))


def body(answer: requests.Response, what: str) -> Any:
    """Return the JSON of an answer.

    Raises:
        DeliveryProblem: It is no JSON.
    """
    try:
        return answer.json()
    except ValueError as error:
        raise DeliveryProblem(f"{what}: answered something that is no JSON") from error


def new_session(ca_file: str | None) -> requests.Session:
    """Return a session that trusts the system's certificates, or those of ``ca_file``."""
    session = requests.Session()
    if ca_file:
        session.verify = ca_file
    return session


def _retry_after(answer: requests.Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return min(float(value), _MOST_WAIT) if value.isdigit() else None
