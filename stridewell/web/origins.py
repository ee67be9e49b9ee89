"""Decides which websites may call: the Origin and Host of a request in, CORS headers out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stridewell.web.errors import ApiError

METHODS = "GET, POST, DELETE"
HEADERS = "Authorization, Content-Type"
PREFLIGHT_SECONDS = "600"


def check_origin(origin: str | None, host: str, allowed: Collection[str]) -> dict[str, str]:
    """Decide on the origin of a call.

    Args:
        origin: Header ``Origin``; None when it is no browser's call from another page.
        host: Header ``Host``.
        allowed: The origins on the site's list, in lower case.

    Returns:
        The headers that let that origin read the reply; only ``Vary`` when it needs none.

    Raises:
        ApiError: The origin is neither this site's own nor on the list.
    """
    vary = {"Vary": "Origin"}
    if origin is None:
        return vary
    known = origin.lower()
    if known in (f"https://{host.lower()}", f"http://{host.lower()}") or known in allowed:
        return {
            **vary,
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": HEADERS,
            "Access-Control-Expose-Headers": "Retry-After",
            "Access-Control-Max-Age": PREFLIGHT_SECONDS,
        }
    raise ApiError("origin_not_allowed")


def caller_address(peer: str, forwarded: Sequence[str], trusted_proxies: int) -> str:
    """Tell the address that a call came from.

    Args:
        peer: Address at the other end of the connection.
        forwarded: All headers ``X-Forwarded-For`` of the request, in order.
        trusted_proxies: How many proxies of our own stand in front.

    Returns:
        The address that the outermost trusted proxy saw. What stands before it in the header was
        written by the caller and is not believed.
    """
    if trusted_proxies < 1:
        return peer
    hops = [hop.strip() for line in forwarded for hop in line.split(",") if hop.strip()]
    return hops[-trusted_proxies] if len(hops) >= trusted_proxies else peer
