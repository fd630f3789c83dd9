"""What a daemon tells of itself in numbers, as somebody who asks by HTTP reads it."""

from __future__ import annotations

import re
from http.client import HTTPConnection
from typing import NamedTuple

_LINE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)\Z")
_LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')


class Answered(NamedTuple):
    status: int
    fields: dict[str, str]
    """By their names in lower case."""
    body: str


def ask(
    port: int, path: str = "/metrics", *, method: str = "GET", token: str = "", host: str = "127.0.0.1"
) -> Answered:
    connection = HTTPConnection(host, port, timeout=60)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answered(response.status, fields, response.read().decode())
    finally:
        connection.close()


def numbers(text: str) -> dict[str, float]:
    """By name without its prefix, and labels as `name{a=x,b=y}`."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = _LINE.match(line)
            assert match is not None, line
            labels = ",".join(f"{name}={value}" for name, value in _LABEL.findall(match["labels"] or ""))
            key = match["name"].removeprefix("meshd_") + (f"{{{labels}}}" if labels else "")
            assert key not in found, key
            found[key] = float(match["value"])
    return found


def scraped(port: int) -> dict[str, float]:
    answered = ask(port)
    assert answered.status == 200, answered
    return numbers(answered.body)
