"""A letter as a value, and the bytes of it that SMTP carries (RFC 5322).  Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import NamedTuple

from meshd.values.mailboxes import is_mailbox

NOBODY = "meshd@localhost"
"""The sender where the settings name none, as they may while there is no server."""


class Letter(NamedTuple):
    """What somebody is told, and where."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return "Letter(…)"


def rendered(letter: Letter, sender: str, *, now: float, unique: str) -> bytes:
    """The bytes of a letter.  unique: no other letter's, for its id.

    Every field is written by the standard library, which refuses what would begin another.
    Raises: ValueError for what is no address, and for a subject of several lines.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(sender)
    message["To"] = _address(letter.to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<{unique}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's program answers
    message.set_content(letter.text)
    return message.as_bytes()


def _address(text: str) -> Address:
    if not is_mailbox(text):
        raise ValueError("this is no address that a letter could be sent to")
    return Address(addr_spec=text)
