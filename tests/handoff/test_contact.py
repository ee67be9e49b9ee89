"""A way to be reached: what counts as one, and that nothing else comes through."""

from __future__ import annotations

import pytest

from stridewell.handoff.contact import ContactError, looks_like_contact, read_contact


@pytest.mark.parametrize(
    ("typed", "country", "kind", "value"),
    [
        ("jo@Example.COM", "", "email", "jo@example.com"),
        ("my mail is jo.b+x@example.co.uk.", "", "email", "jo.b+x@example.co.uk"),
        ("+44 20 7946 0018", "", "phone", "+442079460018"),
        ("call me on 020 7946 0018, evenings", "GB", "phone", "+442079460018"),
        ("(212) 555-0123", "US", "phone", "+12125550123"),
        ("j\u00f6@example.com", "", "email", "j\u00f6@example.com"),
    ],
)
def test_well_formed_ones_are_taken(typed: str, country: str, kind: str, value: str) -> None:
    contact = read_contact(typed, country)
    assert (contact.kind, contact.value) == (kind, value)


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("jo@", ""), ("@example.com", ""), ("jo@example", ""), ("jo@b@example.com", ""),
        ("a@example.com or b@example.com", ""), ("020 7946 0018", ""), ("12345", "GB"),
        ("999", "GB"), ("jo@example..com", ""), ("at home", "GB"), ("", ""),
        ("+44 20 7946 0018 and +44 20 7946 0019", ""), ("x" * 100 + "@example.com", ""),
    ],
)  # fmt: skip
def test_others_are_refused_with_what_to_do(typed: str, country: str) -> None:
    with pytest.raises(ContactError, match=r"(?i)please type"):
        read_contact(typed, country)


def test_only_an_at_sign_or_several_digits_count_as_a_try() -> None:
    assert looks_like_contact("jo at@")
    assert looks_like_contact("07 94 60")
    assert not looks_like_contact("I run 10 km in 60 minutes")
