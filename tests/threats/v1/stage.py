"""ProxyHat's API with two families of customers on it, each with something of every kind, and no socket.

What there is to steal is made by the API itself, for each path that is mounted: a route of tomorrow is in the tables
when it is mounted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from meshd.accounts import coupons
from meshd.accounts.coupons import NewCoupon
from meshd.accounts.ownership import Operator
from meshd.topology import V1
from meshd.web.v1.webhook import PATH as WEBHOOK
from tests.threats.web.stage import StrictStore, rows_of
from tests.web.support import NOON, Answer, Line, read_answers, request
from tests.web.v1.support import V1World
from tests.web.v1.test_selling import SELLING

PREFIX = "/v1"
NOTHING = {"message": "The requested resource was not found."}
UNAUTHENTICATED = {"message": "Unauthenticated."}
NOBODY = {"uuid": "12345678123442348234123456789abc", "number": "987654321", "name": "zzzz"}
"""Ids of each kind that nothing has."""

MADE: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "/v1/profile/api-keys": ({"name": "canary-WHO-key"}, "id"),
    "/v1/sub-user-groups": ({"name": "canary-WHO-group", "description": "canary-WHO-description"}, "id"),
    "/v1/sub-users": (
        {
            "proxy_password": "canary-WHO-password",
            "is_traffic_limited": False,
            "name": "canary-WHO-name",
            "notes": "canary-WHO-notes",
        },
        "uuid",
    ),
    "/v1/proxy-presets": ({"name": "canary-WHO-preset", "data": {"word": "canary-WHO-data"}}, "id"),
    "/v1/payments": (
        {"type": "regular", "plan_id": "ten", "gate": "crypto", "cryptocurrency_code": "manual"},
        "payment_id",
    ),
}
"""What each customer makes of each collection, and where its answer has the id."""

KINDS: Mapping[str, str] = {
    "ids": "/v1/sub-users",
    "sub_user_uuid": "/v1/sub-users",
    "group_id": "/v1/sub-user-groups",
    "sub_user_group_id": "/v1/sub-user-groups",
}
"""Fields of bodies that hold ids, and of what."""

FREE = {("PUT", "/v1/profile/preferences")}
"""Whose body has what members its caller likes."""

COUPONS = (NewCoupon(code="TENOFF", kind="percent", value=10), NewCoupon(code="GIFT", kind="bytes", value=9))

VALUES: Mapping[str, Any] = {
    "name": "a name",
    "email": "new@mail.example",
    "password": "a new secret",
    "password_confirmation": "a new secret",
    "current_password": "wrong",
    "proxy_password": "gateway secret",
    "is_traffic_limited": True,
    "traffic_limit": "5GB",
    "ids": [NOBODY["uuid"]],
    "group_id": None,
    "sub_user_group_id": None,
    "data": {"a": 1},
    "period": "24h",
    "start_date": None,
    "end_date": None,
    "protocol": "http",
    "location": {"country": "US"},
    "session": {"mode": "sticky", "ttl": "30m"},
    "filter": "high",
    "twofa_code": "123456",
    "code": "123456",
    "recovery_code": "aaaa-bbbb",
    "token": "A" * 43,
    "plan_id": "ten",
    "type": "regular",
    "gate": "crypto",
    "cryptocurrency_code": "manual",
    "coupon_code": "TENOFF",
    "order_sum": 10.0,
    "currency": "EUR",
}
"""What a body of ours may well hold, by the name of the member."""


@dataclass(frozen=True)
class Route:
    """One that is mounted below `/v1`."""

    method: str
    path: str
    fields: tuple[str, ...]
    signed: bool
    """Whether it takes a key."""

    @cached_property
    def variables(self) -> tuple[str, ...]:
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def collection(self) -> str:
        """The longest path of MADE that begins it; "" for none."""
        return max((each for each in MADE if f"{self.path}/".startswith(f"{each}/")), key=len, default="")

    @property
    def changes(self) -> bool:
        return self.method != "GET"

    def filled(self, value: str) -> str:
        return re.sub(r"{\w+}", value.replace("\\", r"\\"), self.path)

    def takes(self, target: str) -> bool:
        """Whether a path without a query leads to it."""
        return re.fullmatch(re.sub(r"{\w+}", "[^/]+", self.path), target) is not None

    def body(self) -> dict[str, Any]:
        """All its members, as somebody fills them in who means no harm."""
        return {name: VALUES.get(name, "a text") for name in self.fields} if self.changes else {}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class V1Stage(V1World):
    """`jo` with a sub-account `sub` beside `sib`, and the stranger `eve` with `eves`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.store.__class__ = StrictStore
        self.set_topology(v1=V1(registration="open"), selling=SELLING)
        for coupon in COUPONS:
            self.store.file.run(coupons.create, Operator(), coupon, known=dict(SELLING.offers), now=NOON)
        self.sql("update accounts set monthly_limit = 1")  # who lives from what she buys
        object.__setattr__(self.services, "post", lambda letter: True)  # whatever is sent arrives
        self.live.limits = replace(self.live.limits, failures=100_000)
        self.sib = self.sub_account(self.jo, "sib")
        self._dumped: tuple[int, list[str]] = (-1, [])
        self.things = {name: dict(self._make(name)) for name in ("jo", "eve")}
        for name in ("jo", "eve", "sub", "sib", "eves"):
            self.send("GET", "/v1/auth/user", who=name)  # which notes that the key was used

    def _make(self, name: str) -> Iterator[tuple[str, str]]:
        for collection, (body, id_) in MADE.items():
            if ("POST", collection) in self.site.api.mounted:
                text = json.dumps(body).replace("WHO", name)
                answer = self.send("POST", collection, json.loads(text), who=name)
                assert answer.status in (200, 201), (collection, answer)
                yield collection, str(unwrapped(answer.json)[id_])

    @cached_property
    def routes(self) -> list[Route]:
        """All that are mounted, those of later days too, but for the document and what only a signature opens."""
        api = self.site.api
        return [
            Route(method, path, tuple(api.fields.get((method, path), ())), self._signed(method, path))
            for method, path in sorted(api.mounted)
            if path.startswith(f"{PREFIX}/") and not path.endswith("openapi.json") and path != WEBHOOK
        ]

    def _signed(self, method: str, path: str) -> bool:
        """Whether nobody gets in without a key."""
        target = re.sub(r"{\w+}", "x", path)
        return self.send(method, target, {} if method != "GET" else None, who="").status == 401

    def fresh(self, name: str = "jo") -> str:
        """Another access token of somebody's, for one that may be gone."""
        self.keys.pop(name, None)
        return self.key(name)

    def send(
        self, method: str, target: str, body: Any = None, *fields: tuple[str, str | bytes], who: str = "jo"
    ) -> Answer:
        """One request, whatever comes of it.  body: bytes as they are, None for none, all else as JSON."""
        sent: list[tuple[str, str | bytes]] = [*fields]
        if who:
            key = who if who.startswith("ph_") else self.key(who)
            sent.append(("Authorization", f"Bearer {key}"))
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if content and not any(name == "Content-Type" for name, _ in fields):
            sent.append(("Content-Type", "application/json"))
        return self.raw(request(method, target, *sent, body=content), bodiless=method == "HEAD")

    def raw(self, data: bytes, *, bodiless: bool = False) -> Answer:
        line = Line(self.site)
        line.say(data)
        (answer,) = read_answers(line.heard(), bodiless=bodiless)
        line.hang_up()
        return answer

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Straight to the file, past all rules."""
        connection = self.store.file._connection
        assert connection is not None
        return list(connection.execute(statement, values).fetchall())

    def dump(self) -> list[str]:
        """All rows but those that count failures; read anew only where something was written since."""
        connection = self.store.file._connection
        assert connection is not None
        if self._dumped[0] != connection.total_changes:
            self._dumped = (connection.total_changes, rows_of(connection))
        return self._dumped[1]


def unwrapped(body: Any) -> Any:
    """What the SDK makes of a body."""
    if isinstance(body, dict):
        for name in ("payload", "data"):
            if name in body:
                return body[name]
    return body


INTERNAL = re.compile(
    rb"Traceback|File \"|sqlite|psycopg|\bselect \w|\binsert into|meshd[./]|AssertionError|KeyError|object at 0x"
    rb"|\bNoneType\b|site-packages",
    re.IGNORECASE,
)
"""Words of the inside, which no answer has."""


def sound(answer: Answer) -> None:
    """What every answer of this API is: never of a fault of ours, JSON, without a word of what is inside."""
    assert answer.status < 500, answer
    assert answer.all("Cache-Control") == ["no-store"], answer
    if answer.status == 204:
        assert answer.body == b"", answer
        return
    if answer.status == 200 and answer.all("Content-Type") == ["application/pdf"]:
        assert answer.body.startswith(b"%PDF"), answer
        return
    assert answer.all("Content-Type") == ["application/json"], answer
    assert not INTERNAL.search(answer.body), answer
    if answer.status >= 400:
        assert answer.json["message"], answer
    if answer.status == 422:
        assert set(answer.json) == {"success", "payload", "errors", "description", "message"}, answer
        assert all(isinstance(each, list) and each for each in answer.json["errors"].values()), answer
    if answer.status == 429:
        assert int(answer.one("Retry-After")) > 0, answer
