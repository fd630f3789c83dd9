"""What went wrong with an authority, as a sentence for the operator.  Pure.

An authority's own words are quoted, in one line and cut; of what went wrong inside meshd nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterator

import requests
from acme import errors, messages
from josepy.errors import Error as JoseError

PROBLEM_LENGTH = 500
"""Characters of a problem: a list of certificates has one in each row."""

_OWN = (
    (requests.exceptions.SSLError, "The authority's own certificate is not trusted: see acme_ca."),
    (requests.exceptions.Timeout, "The authority did not answer in time."),
    (requests.exceptions.RequestException, "The authority cannot be reached."),
    (errors.TimeoutError, "The authority did not decide in time."),
)
_STRANGE = "The authority's answer could not be understood."


class Failed(Exception):
    """No certificate this time; the text is for the operator.  wait: seconds that the authority wants to rest."""

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(tidied(problem))
        self.wait = wait


EXPECTED = (
    *(errors.Error, JoseError, requests.exceptions.RequestException),
    *(ValueError, KeyError, TypeError, AttributeError),
)
"""What the library raises for whatever an authority may answer."""


def worded(error: Exception) -> str:
    """The sentence for one of these."""
    if isinstance(error, messages.Error):
        return "".join(_told(error))
    if isinstance(error, errors.IssuanceError):
        return worded(error.error)
    if error.args and isinstance(error.args[0], requests.Response):
        return f"The authority answered {error.args[0].status_code}, with nothing to read."
    for kind, sentence in _OWN:
        if isinstance(error, kind):
            return sentence
    return _STRANGE


def is_kind(error: Exception, name: str) -> bool:
    """Whether this is the authority's error of a type, without its prefix; the library knows only some by name."""
    return isinstance(error, messages.Error) and str(error.typ).rpartition(":")[2] == name


def tidied(text: str) -> str:
    """One line without control characters, cut to PROBLEM_LENGTH."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * PROBLEM_LENGTH]).split())
    return line if len(line) <= PROBLEM_LENGTH else line[: PROBLEM_LENGTH - 1] + "…"


def _told(error: messages.Error) -> Iterator[str]:
    name = str(error.typ).rpartition(":")[2]
    yield f"{error.identifier.value}: " if error.identifier else ""
    yield error.detail or error.title or error.description or "refused"
    yield f" ({name})" if name and name != "blank" else ""
    for each in error.subproblems or ():
        yield "; " + worded(each)
