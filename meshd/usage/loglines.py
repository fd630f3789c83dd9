"""Lines of the exchange log: JSON, one an exchange, numbered by the journal that their bytes were counted in.

`line` is that journal's id, the line's number and the slot of its bytes (from 1; 0 for a line without), which show
after a crash what was written.  A line with the reason `recovered` stands for exchanges whose own lines were lost,
or that never ended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from meshd.values.exchanges import Destinations, Exchange
from meshd.values.times import iso

CAP = 300
"""The most characters of any one text; host names have 255 at most."""

RECOVERED = "recovered"

_MOST = 2**60

# Most lines need no escaping at all: one search over all their texts says so.
_PLAIN = re.compile(rf"[ !#-\[\]-~]{{0,{CAP}}}")

_LINE = (
    '{"at":"%s.%03dZ","line":"%s","id":%s,"seconds":%.3f,"account":%d,"username":%s,"token":%d,"proxy":%s,'
    '"client":%s,"method":%s,"host":%s,"port":%d,"exit":%s,"status":%d,"reason":%s,"up":%d,"down":%d}\n'
)
_PLAIN_LINE = re.sub(r":%s([,}])", r':"%s"\1', _LINE)
_DETAIL = ',"detail":%s}\n'
"""The end of a line that has more to say about its reason."""
_DESTINATIONS = ',"destinations":[%s]}\n'
_DESTINATION = '{"host":%s,"port":%d,"address":%s}'
_UNNAMED = ',"unnamed":%d}\n'
_RECOVERED = (
    '{"at":"%s.%03dZ","line":"%s","account":%d,"token":%d,"reason":"recovered","exchanges":%d,"up":%d,"down":%d}\n'
)


class Written(NamedTuple):
    """What recovery needs of a line that was found in the log."""

    number: int
    slot: int
    """The journal's slot, from 0; -1 where nothing was counted."""
    up: int
    down: int
    exchanges: int


def name_of(journal_id: str, number: int, slot: int) -> str:
    return f"{journal_id}-{number}-{slot + 1}"


def of_exchange(exchange: Exchange, name: str, up: int, down: int) -> str:
    texts = (
        exchange.id,
        exchange.username,
        exchange.proxy,
        exchange.client,
        exchange.method,
        exchange.host,
        exchange.exit,
        exchange.reason,
    )
    plain = _PLAIN.fullmatch("".join(texts)) is not None
    id_, username, proxy, client, method, host, exit_, reason = texts if plain else map(_quoted, texts)
    seconds = int(exchange.at)
    line = (_PLAIN_LINE if plain else _LINE) % (
        iso(seconds),
        (exchange.at - seconds) * 1000,
        name,
        id_,
        exchange.seconds,
        exchange.account_id,
        username,
        exchange.token_id,
        proxy,
        client,
        method,
        host,
        exchange.port,
        exit_,
        exchange.status,
        reason,
        up,
        down,
    )
    if exchange.detail:
        line = line[:-2] + _DETAIL % _quoted(exchange.detail)
    return _told(line, exchange.destinations) if exchange.destinations is not None else line


def _told(line: str, destinations: Destinations) -> str:
    """The line with the places that datagrams went to."""
    places = ",".join(
        _DESTINATION % (_quoted(host), port, _quoted(address)) for host, port, address in destinations.places
    )
    line = line[:-2] + _DESTINATIONS % places
    return line[:-2] + _UNNAMED % destinations.unnamed if destinations.unnamed else line


def of_remainder(at: float, name: str, account_id: int, token_id: int, sums: tuple[int, int, int]) -> str:
    up, down, exchanges = sums
    seconds = int(at)
    return _RECOVERED % (iso(seconds), (at - seconds) * 1000, name, account_id, token_id, exchanges, up, down)


def _quoted(text: str) -> str:
    return json.dumps(text[:CAP])


def find(data: bytes, journal_id: str, after: int) -> Iterator[Written]:
    """The undamaged lines of that journal with numbers beyond `after`."""
    mark = f'"line":"{journal_id}-'.encode()
    for line in data.splitlines():
        if mark not in line:
            continue
        written = _read(line)
        if written is not None and written.number > after:
            yield written


def _read(line: bytes) -> Written | None:
    """What a line says; None for one that was cut off when its process died, or that somebody has changed."""
    try:
        facts = json.loads(line)
        _, number, place = facts["line"].split("-")
        written = Written(int(number), int(place) - 1, facts["up"], facts["down"], facts.get("exchanges", 1))
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    number, slot, *sums = written
    sound = all(type(fact) is int and 0 <= fact < _MOST for fact in (number, slot + 1, *sums))
    return written if sound else None
