"""Where C takes the place of Python.

Each class is defined in Python, whole.  What is listed here takes the place of some of its methods at a start: it does
the same for all that is usual, while the rest, an error or a limit that is reached, is left to the method as it stands
in Python.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from meshd.auth.identity import Verdict
from meshd.auth.service import AuthService
from meshd.dns import messages
from meshd.dns.aliases import ENDLESS, Chain
from meshd.dns.callers import Caller, Resolved
from meshd.dns.family import Family
from meshd.dns.messages import Reply
from meshd.dns.servers import Search
from meshd.dns.system import Answer
from meshd.exits.choosing import Choice
from meshd.exits.departure import Departure
from meshd.exits.lookups import Asked
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pool, Pools
from meshd.hosts.accepting import SecureHostConnection
from meshd.hosts.connection import HostConnection
from meshd.hosts.forwarding import HostForwarding
from meshd.hosts.request import Heard, HostRequest
from meshd.hosts.speaking import HostSpeech
from meshd.http1 import keep
from meshd.http1.fields import Fields
from meshd.http1.framing import Length
from meshd.http1.head import RequestHead, ResponseHead
from meshd.http1.target import AbsoluteForm
from meshd.logs.linelog import LineLog
from meshd.passing.accepting import Acceptor
from meshd.passing.caps import Bucket, Caps
from meshd.passing.idle import Idle, Own
from meshd.passing.kept import Origin, Server
from meshd.passing.metered import MeteredConnection
from meshd.passing.place import Place
from meshd.passing.plane import Plane
from meshd.passing.record import Record
from meshd.passing.response import Response
from meshd.passing.waiting import WaitingConnection
from meshd.proxy.connection import ClientConnection
from meshd.proxy.forward import ProxyForwarding
from meshd.proxy.http import HttpSpeech
from meshd.proxy.repeating import Repeated, RepeatedExchanges
from meshd.proxy.request import ProxyRequest
from meshd.proxy.response import ProxyResponse
from meshd.proxy.said import Said
from meshd.selection import NONE
from meshd.sockets.ends import ClientGone
from meshd.sockets.flow import FIRST_REACH, Flow
from meshd.sockets.poll import BATCH, EDGES, Poller
from meshd.sockets.race import BIND_ADDRESS_NO_PORT, PREPARED, UNTRIED, Dialled, Race
from meshd.sockets.relay import SMALL, Relay, Tunnel
from meshd.sockets.task import READING, Task
from meshd.sockets.wheel import TICK, Wheel
from meshd.sockets.wire import READ_SIZE, Wire
from meshd.store.statements.tops import HOUR
from meshd.tls import clienthello
from meshd.tls.clienthello import ClientHello
from meshd.usage.allowance import Allowance
from meshd.usage.exchangelog import ExchangeLog, Waiting, text
from meshd.usage.ledger import Ledger
from meshd.usage.meter import Meter, Tally
from meshd.usage.reports import FRESH, Reports
from meshd.values.exchanges import Exchange

_CONNECTION: dict[str, object] = {
    "buffer": b"",
    "meter": None,
    "cut": None,
    "_moved": 0,
    "_trusted": False,
    "reader": None,
    "writer": None,
    "deadline": 0.0,
    "slot": 0,
    "_phase": "grace",
    "_seconds": 0.0,
    "_met": False,
    "record": None,
    "speech": None,
    "repeated": None,
    "_answering": False,
}
_FORWARDING: dict[str, object] = {"_sending": None, "_body": b"", "_touched": False, "uploaded": True, "late": b""}
_HOSTS = _CONNECTION | {"_asked": "", "_site": None, "_sender": None}

MADE: dict[type, tuple[tuple[str, ...], dict[str, object]]] = {
    Meter: (
        ("tally", "admission", "stop"),
        {
            "open": True,
            "stopping": False,
            "resume": None,
            "proxy": "",
            "about": None,
            "way": None,
            "up": 0,
            "down": 0,
        },
    ),
    Flow: (
        ("source", "sink", "upward", "early", "held", "unproven"),
        {"pipe": None, "reach": FIRST_REACH, "blocked": False, "fast": False, "unsure": False, "ended": False},
    ),
    Race: (
        ("_poller", "_clock", "_addresses", "_port", "_source", "_receive_buffer"),
        {"_won": None, "_error": UNTRIED, "_timer": None, "reader": None, "writer": None},
    ),
    ClientHello: (("name",), {}),
    Fields: (("pairs",), {"_names": None, "_index": None}),
    Length: (("n",), {}),
    RequestHead: (("method", "target", "minor", "fields", "size"), {}),
    ResponseHead: (("status", "reason", "minor", "fields", "size"), {"mended": False}),
    Caller: (("_waiting", "told", "limit"), {}),
    Asked: (("_lookups", "_host", "_account_id"), {"_outcome": None, "reader": None, "writer": None}),
    Search: (("_lookup", "_name", "_heard"), {"_hurried": False, "_families": ()}),
    Chain: (("name", "kind"), {"addresses": (), "ttl": ENDLESS, "_aliases": 0}),
    Family: (
        ("_lookup", "_ended", "_chain", "_limit", "_until"),
        {"_turn": 0, "_open": (), "_folded": False, "_stream": None, "_failure": None, "outcome": None},
    ),
    Dialled: (("fd", "address", "source", "readable"), {"early": b""}),
    Tunnel: (("_relay", "_meter", "_up", "_down", "_ended"), {"deadline": 0.0, "slot": 0}),
    Task: (
        ("_coroutine", "_ended"),
        {"_place": None, "_direction": READING, "_deferred": None, "running": False, "over": False},
    ),
    Place: (
        ("_caps", "_client", "_address"),
        {"_lingers": False, "_waits": False, "known": False, "account_id": 0, "asked": 0.0},
    ),
    HttpSpeech: (("_client", "_plane"), {"_last": None, "_method": b"", "_head": b"", "_limits": None}),
    HostSpeech: (("_client", "_plane", "_secure"), {"_last": None, "_method": b"", "_first": b"", "_limits": None}),
    ProxyForwarding: (("_plane", "_client", "_request"), _FORWARDING),
    HostForwarding: (("_plane", "_client", "_request"), _FORWARDING),
    ClientConnection: (("_plane", "proxy", "wire"), _CONNECTION),
    HostConnection: (("_plane", "proxy", "wire"), _HOSTS),
    SecureHostConnection: (("_plane", "proxy", "wire"), _HOSTS),
    Departure: (
        ("_plane", "_proxy", "selection", "_owner", "patience", "target"),
        {"bar": None, "address": "", "judged": False, "_unfit": None, "_outlet": None, "_trial": False},
    ),
}
"""Classes whose __init__ notes what it is given in those slots, in this order, and sets the others to constants."""

TUPLES: tuple[Any, ...] = (Exchange, Waiting, Choice, AbsoluteForm, Reply, Answer, Resolved)
"""Named tuples that are made for each exchange, or for each name that is looked up for one."""

LIKE: dict[type, tuple[str, tuple[str, ...]]] = {
    ProxyRequest: ("like", ("size", "said")),
    Said: ("with_credential", ("block", "proxy_authorization")),
    HostRequest: ("like", ("heard",)),
    Heard: ("anew", ("sender", "trusted")),
}
"""Classes with a method that gives an object with the same slots but for these, which it takes in this order."""

STANDS = "stands"
"""The attribute of the module that says whether it is in its places in this process, as a child's is from its start."""


def _of_exchanges(native: ModuleType) -> dict[type | ModuleType, dict[str, Any]]:
    """What C does of an exchange between its head and its line."""
    return {
        ExchangeLog: native.line_methods(ExchangeLog, Waiting, Exchange, text)
        | native.log_methods(ExchangeLog, Waiting)
        | native.sums_methods(ExchangeLog, Waiting),
        Reports: native.reports_methods(Reports, Exchange, HOUR, FRESH),
        Departure: native.departure_methods(Departure, Outlet, Choice, Pools, Pool, NONE),
        LineLog: native.lines_methods(LineLog),
        Record: native.record_methods(Record, Exchange),
        Ledger: native.ledger_methods(Ledger, Meter, Tally, Allowance),
        Idle: native.idle_methods(Idle, Own),
        WaitingConnection: native.phase_methods(WaitingConnection, Plane, Wheel, TICK),
        MeteredConnection: native.sending_methods(MeteredConnection, ClientGone),
        RepeatedExchanges: native.repeating_methods(RepeatedExchanges, Record, Meter, Place, Caps, Bucket),
        Repeated: native.reading_methods(Repeated, Said),
        ClientConnection: native.departing_methods(ClientConnection, Said, Departure),
        Origin: native.knowing_methods(Origin, Server, Response),
        ProxyResponse: native.rendering_methods(ProxyResponse),
        AuthService: native.recalling_methods(AuthService, Verdict),
    }


class Fast:
    """What has taken the place of what."""

    def __init__(self, native: ModuleType | None) -> None:
        """native: the built module; None where there is none, and then nothing here does anything."""
        self._native = native
        self._replaced: dict[type | ModuleType, dict[str, Any]] = {}

    def begin(self) -> None:
        """Put C in its places, for this whole process; again changes nothing, whoever it is that does so.

        What is left to Python is left to the methods that stood there: C that took its own place would call itself.
        """
        native = self._native
        if native is None or getattr(native, STANDS, False):
            return
        setattr(native, STANDS, True)
        methods: dict[type | ModuleType, dict[str, Any]] = {
            clienthello: native.hello_functions(clienthello._named),
            messages: native.answered_functions(messages._reply, Reply),
            Fields: native.fields_methods(Fields),
            keep: native.passing_functions(keep._passed),
            Meter: native.meter_methods(Meter, Tally, Allowance),
            Task: native.task_methods(Task),
            Wire: native.wire_methods(Wire, READ_SIZE),
            Tunnel: native.tunnel_methods(Tunnel, Flow, Relay, SMALL) | native.starting_methods(Tunnel, Flow, Relay),
            Poller: native.poller_methods(Poller, BATCH, EDGES),
            Wheel: native.wheel_methods(Wheel, TICK),
            Acceptor: native.acceptor_methods(Acceptor),
            Race: native.race_methods(Race, Dialled, Task, PREPARED, BIND_ADDRESS_NO_PORT),
            **_of_exchanges(native),
        }
        for kind, (name, anew) in LIKE.items():
            same = (slot for slot in vars(kind)["__slots__"] if slot not in anew)
            methods.setdefault(kind, {}).update(native.likeness(kind, (*anew, *same), len(anew), name))
        for place, those in methods.items():
            self._replaced[place] = {name: vars(place)[name] for name in those}
            for name, method in those.items():
                setattr(place, name, method)
        for kind, (taken, constants) in MADE.items():
            native.make(kind, (*taken, *constants), tuple(constants.values()))
        for kind in TUPLES:
            native.make_tuple(kind, len(kind._fields), tuple(kind._field_defaults.values()))

    def end(self) -> None:
        """Have Python everywhere again."""
        for place, those in self._replaced.items():
            for name, method in those.items():
                setattr(place, name, method)
        if self._replaced and self._native is not None:
            self._native.unmake()
            setattr(self._native, STANDS, False)
        self._replaced.clear()
