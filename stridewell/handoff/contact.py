"""Reads a way to be reached: what a person typed in, an e-mail address or phone number out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from email_validator import EmailNotValidError, validate_email

EMAIL = "email"
PHONE = "phone"
_EMAIL_LIKE = re.compile(r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+")
_LEAST_DIGITS = 5


class ContactError(ValueError):
    """What was typed is neither an e-mail address nor a phone number; the text says what to do."""


@dataclass(frozen=True)
class Contact:
    """A way to be reached.

    Attributes:
        kind: ``email`` or ``phone``.
        value: The address, or the number with "+" and country code (E.164).
        shown: The same as people write it.
    """

    kind: str
    value: str
    shown: str


def looks_like_contact(text: str) -> bool:
    """Tell whether the text holds an "@" or enough digits to be meant as a way to be reached."""
    return "@" in text or sum(char.isdigit() for char in text) >= _LEAST_DIGITS


def read_contact(text: str, country: str = "") -> Contact:
    """Read an e-mail address or a phone number out of a message.

    Nothing is sent to check it, and no name server is asked: it is well-formed, no more.

    Args:
        text: What the person typed.
        country: Two letters of the country of numbers without "+", or "".

    Raises:
        ContactError: There is no usable address or number in it.
    """
    if "@" in text:
        return _read_email(text)
    return _read_phone(text, country)


def _read_email(text: str) -> Contact:
    candidates = _EMAIL_LIKE.findall(text)
    if len(candidates) != 1:
        raise ContactError("Please type one e-mail address, like name@example.com.")
    try:
        found = validate_email(candidates[0].rstrip(".!?"), check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise ContactError(
            "That e-mail address doesn't look complete. Please type it like name@example.com."
        ) from error
    return Contact(EMAIL, found.normalized, found.normalized)


def _read_phone(text: str, country: str) -> Contact:
    found = {
        (match.number.country_code, match.number.national_number): match.number
        for match in phonenumbers.PhoneNumberMatcher(text, country or None)
    }
    if len(found) != 1:
        raise ContactError(
            "I can't read that as one phone number. Please type it with the country code, like "
            "+44 20 7946 0018, or type an e-mail address."
        )
    (number,) = found.values()
    style = phonenumbers.PhoneNumberFormat
    return Contact(
        PHONE,
        phonenumbers.format_number(number, style.E164),
        phonenumbers.format_number(number, style.INTERNATIONAL),
    )
