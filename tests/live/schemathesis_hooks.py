"""What the document cannot say in a schema, and schemathesis would take for a fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import schemathesis

from tests.web.api.test_openapi import resolved

OF_THE_WORLD = (
    "IP address is already authorized",
    "IP address is not authorized",
    "Hostname is already authorized",
    "Hostname is not authorized",
    "There is no proxy ",
    "A sub-account has its parent's proxies.",
    "An expired token cannot be activated.",
    "This day is in the past.",
    "This username is taken.",
    "This is not a public address.",
    "No client connects from this address.",
    "This must be before until.",
    "This field and monthly_limit are not the same.",
    "This field and total_limit are not the same.",
)
"""How the complaints begin that depend on what is there already, on the day, or on two fields at once."""

IMPOSSIBLE_DAY = "Enter a date, or a date and time as "
"""The 30th of February has the shape of a date."""

NO_SELECTION = " at character "
"""A selection has a grammar of its own."""


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Without the fields that the form does not know: it refuses them, and has no word for that in its schema."""
    content = context.operation.definition.raw.get("requestBody", {}).get("content", {})
    known = {name for each in content.values() for name in resolved(each["schema"])["properties"]}
    return {name: value for name, value in body.items() if name in known} if isinstance(body, Mapping) else body


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Blanks around a value are dropped, so that " " is as good as "", and what has no parts is sent as ""."""
    return all(map(_bare, (case.query, case.body)))


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """A 400 to a well-formed form is a fault, unless each of its complaints is one that no schema could announce."""
    if not isinstance(failure, schemathesis.openapi.checks.RejectedPositiveData) or response.status_code != 400:
        return True
    complaints = [text for texts in json.loads(response.content).values() for text in texts]
    return not all(text.startswith((*OF_THE_WORLD, IMPOSSIBLE_DAY)) or NO_SELECTION in text for text in complaints)


def _bare(fields: object) -> bool:
    values = fields.values() if isinstance(fields, Mapping) else ()
    return all(value not in ([], {}) and (not isinstance(value, str) or value == value.strip()) for value in values)
