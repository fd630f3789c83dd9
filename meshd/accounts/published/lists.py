"""Members of a resource's JSON that are lists and objects of several parts.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshd.accounts.published import fields
from meshd.accounts.published.fields import Reader
from meshd.http1.grammar import TCHAR

MOST_NAMES = 100
MOST_PARTS = 100
"""Upstreams, locations and header fields of one host: a person has written them."""
MOST_RULES = 1000
"""Rules and logins of one access list: each request may have to be held against all of them."""
LONGEST_PATH = 1024
LONGEST_VALUE = 4096
"""Characters of a header field's value: far below what servers take for a whole head."""
LONGEST_PAGE = 64 * 1024
"""Characters of an error page."""
PAGES = ("404", "502", "503")
LONGEST_PASSWORD = 1024
"""Characters: a slow hash reads each of them."""

PLACEHOLDERS = frozenset({"remote_host", "scheme", "host", "method", "uri", "request_id"})
"""What `{…}` in the value of a header field may stand for."""

_FIELD_NAME = re.compile(rf"[{TCHAR.decode('ascii')}]{{1,100}}", re.ASCII)
_FIELD_VALUE = re.compile(r"[\t -~]*")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")

_MESSAGE = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields that say where a message ends or belong to one connection (RFC 9110, 7.6.1; RFC 9112, 6): they are written
from what was understood, and a rule for one could make two messages of one."""


def items(read: Reader, most: int, *, least: int = 0) -> Reader:
    """A list of so many items; a problem is told with the item's place."""

    def listed(raw: Any) -> list[Any]:
        if not isinstance(raw, list) or not least <= len(raw) <= most:
            raise ValueError(f"This must be a list of {least} to {most} items.")
        found = []
        for place, item in enumerate(raw, 1):
            try:
                found.append(read(item))
            except ValueError as error:
                raise ValueError(f"Item {place}: {error}") from None
        return found

    return listed


def record(needed: Mapping[str, Reader], more: Mapping[str, tuple[Reader, Any]]) -> Reader:
    """An object with the members that are needed, and perhaps more, each with its default."""

    def read(raw: Any) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise ValueError("This must be an object.")
        if unknown := sorted(set(raw) - set(needed) - set(more)):
            raise ValueError(f"There is no member {unknown[0][:60]!r}; there are {', '.join((*needed, *more))}.")
        if missing := sorted(set(needed) - set(raw)):
            raise ValueError(f"The member {missing[0]!r} is missing.")
        readers = {**needed, **{name: reader for name, (reader, _) in more.items()}}
        found = {}
        for name, reader in readers.items():
            try:
                found[name] = reader(raw[name]) if name in raw else more[name][1]
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return found

    return read


def domains(raw: Any) -> list[str]:
    """The names of a host, each once."""
    found: list[str] = items(fields.domain, MOST_NAMES, least=1)(raw)
    if len(set(found)) != len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ValueError(f"{twice} stands there twice.")
    return found


def server_names(raw: Any) -> str:
    """Names by which TLS clients ask: a text, several with commas, or a list; "" for none."""
    parts = raw.split(",") if isinstance(raw, str) and raw.strip() else raw or []
    found = items(fields.server_name, MOST_NAMES)(parts)
    return ", ".join(dict.fromkeys(found))


def header_rules(raw: Any) -> list[dict[str, Any]]:
    """Changes of header fields; those without a name say nothing, and are left out."""
    given = (
        [each for each in raw if not isinstance(each, dict) or each.get("name") != ""] if isinstance(raw, list) else raw
    )
    found: list[dict[str, Any]] = items(_header_rule, MOST_PARTS)(given)
    return found


_RULE = record(
    {"direction": fields.choice("request", "response"), "operation": fields.choice("set", "add", "delete")}
    | {"name": lambda raw: raw},
    {"value": (lambda raw: raw, "")},
)


def _header_rule(raw: Any) -> dict[str, Any]:
    rule: dict[str, Any] = _RULE(raw)
    name, value = rule["name"], rule["value"]
    if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
        raise ValueError("name: This must be the name of a header field (RFC 9110, 5.1).")
    if name.lower() in _MESSAGE:
        raise ValueError(
            f"name: {name} belongs to a single connection, or says where a message ends; no rule may touch it."
        )
    if name.lower() == "host" and (rule["direction"], rule["operation"]) != ("request", "set"):
        raise ValueError("name: Host can be set on requests, and nothing else.")
    if not isinstance(value, str) or len(value) > LONGEST_VALUE or not _FIELD_VALUE.fullmatch(value):
        raise ValueError(f"value: This must be a text of at most {LONGEST_VALUE} printable ASCII characters.")
    for word in _PLACEHOLDER.findall(value):
        if word not in PLACEHOLDERS:
            raise ValueError(f"value: There is no {{{word}}}; there are {', '.join(sorted(PLACEHOLDERS))}.")
    return {**rule, "value": value.strip(" \t")}


def error_pages(raw: Any) -> dict[str, str]:
    """HTML by the status that it is shown with."""
    if not isinstance(raw, dict) or not set(map(str, raw)) <= set(PAGES):
        raise ValueError(f"This must be an object with the members {', '.join(PAGES)} at most.")
    for status, page in raw.items():
        if not isinstance(page, str) or len(page) > LONGEST_PAGE or "\0" in page:
            raise ValueError(f"{status}: This must be a text of at most {LONGEST_PAGE} characters.")
        if not _encodable(page):
            raise ValueError(f"{status}: This cannot be written in UTF-8.")
    return {status: raw[status] for status in PAGES if raw.get(status)}


def _encodable(text: str) -> bool:
    """Whether the text has no half of a surrogate pair, as JSON can say it."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


UPSTREAM = record({"host": fields.host, "port": fields.port}, {})

LOCATION = record(
    {
        "path": fields.path(LONGEST_PATH),
        "forward_scheme": fields.choice("http", "https"),
        "forward_host": fields.host,
        "forward_port": fields.port,
    },
    {"forward_path": (fields.path(LONGEST_PATH, empty=True), ""), "advanced_config": (fields.nothing, "")},
)


def locations(raw: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = items(LOCATION, MOST_PARTS)(raw)
    paths = [each["path"] for each in found]
    if len(set(paths)) != len(paths):
        raise ValueError("Two items have the same path.")
    return found


_CLIENT = record(
    {"address": fields.network, "directive": fields.choice("allow", "deny")}, {"order": (fields.whole(0, 10**6), None)}
)


def clients(raw: Any) -> list[dict[str, Any]]:
    """The rules of an access list in their order: that of the list, or by `order` where all have one."""
    found: list[dict[str, Any]] = items(_CLIENT, MOST_RULES)(raw)
    if all(each["order"] is not None for each in found):
        found.sort(key=lambda each: each["order"])
    return [{**each, "order": place} for place, each in enumerate(found)]


def _username(raw: Any) -> str:
    if not isinstance(raw, str) or not 1 <= len(raw) <= fields.LONGEST_TEXT or not raw.isprintable() or ":" in raw:
        raise ValueError(f"This must be a text of 1 to {fields.LONGEST_TEXT} characters without a colon.")
    return raw


def _password(raw: Any) -> str:
    if not isinstance(raw, str) or len(raw) > LONGEST_PASSWORD or not _encodable(raw):
        raise ValueError(f"This must be a text of at most {LONGEST_PASSWORD} characters.")
    return raw


_LOGIN = record({"username": _username}, {"password": (_password, "")})


def logins(raw: Any) -> list[dict[str, Any]]:
    """Who may sign in: names alone.  A password is taken by `passwords`, and never kept as it is."""
    found = [{"username": each["username"]} for each in items(_LOGIN, MOST_RULES)(raw)]
    if len({each["username"] for each in found}) != len(found):
        raise ValueError("Two items have the same username.")
    return found


def passwords(raw: Any) -> dict[str, str]:
    """The passwords that logins are given, by name; who is given none keeps what was there."""
    return {each["username"]: each["password"] for each in items(_LOGIN, MOST_RULES)(raw) if each["password"]}


HEALTH_DEFAULT = {"enabled": False, "path": "/", "interval": "30s", "timeout": "5s", "expected_status": 200}
HEALTH = record(
    {},
    {
        "enabled": (fields.truth, False),
        "path": (fields.path(LONGEST_PATH), "/"),
        "interval": (fields.duration(1, 3600), "30s"),
        "timeout": (fields.duration(0.1, 60), "5s"),
        "expected_status": (fields.whole(100, 599), 200),
    },
)
PASSIVE_DEFAULT = {"fail_duration": "30s", "max_fails": 3, "unhealthy_latency": "0s"}
PASSIVE = record(
    {},
    {
        "fail_duration": (fields.duration(1, 86_400), "30s"),
        "max_fails": (fields.whole(1, 1000), 3),
        "unhealthy_latency": (fields.duration(0, 600), "0s"),
    },
)
RATE_DEFAULT = {"enabled": False, "requests": 100, "window": "60s"}
RATE = record(
    {},
    {
        "enabled": (fields.truth, False),
        "requests": (fields.whole(1, 10**6), 100),
        "window": (fields.duration(1, 86_400), "60s"),
    },
)
