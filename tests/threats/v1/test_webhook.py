"""The door that only a signature opens: forged, replayed, late, malformed messages, and orders paid twice."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.signatures import HEADER, WITHIN, sign
from meshd.web.v1.webhook import FIELDS
from meshd.web.v1.webhook import PATH as WEBHOOK
from tests.threats.v1.stage import V1Stage, sound
from tests.threats.v1.test_malformed import BODIES, HOSTILE, TYPES
from tests.web.support import Answer, named
from tests.web.v1.test_selling import KEY

GB = 10**9


class WebhookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = V1Stage(os.path.join(self.mktemp()))
        self.order = int(self.stage.things["jo"]["/v1/payments"])

    def event(self, number: int = 1, **members: Any) -> dict[str, Any]:
        return {
            "id": f"evt-{number}",
            "type": "order.settled",
            "order": self.order,
            "amount": "19.99",
            "currency": "EUR",
            "reference": "bank 1",
        } | members

    def send(self, body: Any, *fields: tuple[str, str], key: bytes = KEY, late: int = 0) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = (HEADER, sign(key, int(self.stage.now) - late, content))
        answer = self.stage.send("POST", WEBHOOK, content, signed, *fields, who="")
        sound(answer)
        return answer

    @property
    def bought(self) -> int:
        return int(self.stage.send("GET", "/v1/auth/user").json["payload"]["traffic"]["regular_bytes"])

    def untouched(self, answer: Answer, status: int, before: list[str]) -> None:
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(self.stage.dump(), before)

    def test_forged(self) -> None:
        """By no signature, another's, one of another body, of another time, cut, longer, twice, and by a key alone."""
        content = json.dumps(self.event()).encode()
        right = sign(KEY, int(self.stage.now), content)
        other = sign(KEY, int(self.stage.now), content + b" ")
        time, mac = right.split(",")
        forged = ("", "x", right[:-1], f"{right}0", right.upper(), mac, time, f"{mac},{time}", other, f"t=0,{mac}")
        forged = (*forged, f"{right},{right}", f"t={10**30},{mac}", f"{time},v1=", f"{time},v2={mac[3:]}")
        for field in forged:
            with named(field):
                before = self.stage.dump()
                self.untouched(self.stage.send("POST", WEBHOOK, content, (HEADER, field), who=""), 401, before)
        before = self.stage.dump()
        self.untouched(self.stage.send("POST", WEBHOOK, content, who=""), 401, before)
        self.untouched(self.stage.send("POST", WEBHOOK, content, who="jo"), 401, before)
        self.untouched(self.send(self.event(), key=b"another secret 123"), 401, before)
        self.untouched(self.send(self.event(), late=WITHIN + 1), 401, before)
        self.untouched(self.send(self.event(), late=-WITHIN - 1), 401, before)
        self.assertEqual(self.send(self.event()).status, 200)

    def test_replayed(self) -> None:
        """An event counts once, and so does the payment of an order, by however many events."""
        self.assertEqual(self.send(self.event()).status, 200)
        self.assertEqual(self.bought, 10 * GB)
        for _ in range(5):
            before = self.stage.dump()
            self.untouched(self.send(self.event()), 409, before)
        for number in range(2, 10):
            self.assertEqual(self.send(self.event(number)).status, 200)
        self.assertEqual(self.bought, 10 * GB)
        ((topups,),) = self.stage.sql("select count(*) from topups")
        self.assertEqual(topups, 1)

    def test_of_another_sum(self) -> None:
        """What was not paid in full, or in other money, adds nothing."""
        for members in ({"amount": "0.01"}, {"amount": "19.98"}, {"currency": "USD"}, {"order": 987654321}):
            with named(members):
                self.assertGreaterEqual(self.send(self.event(**members)).status, 400)
                self.assertEqual(self.bought, 0)

    def test_malformed(self) -> None:
        """With a right signature too: each member, each body, each type."""
        for name in FIELDS:
            for value in HOSTILE:
                with named((name, str(value)[:60])):
                    answer = self.send(self.event(**{name: value}))
                    self.assertNotEqual(answer.status, 401)
        for body in BODIES:
            with named(body[:40]):
                self.assertIn(self.send(body).status, (413, 422))
        for kind in TYPES:
            with named(kind):
                self.assertEqual(self.send(self.event(99), ("Content-Type", kind)).status, 422)
        self.assertIn(self.bought, (0, 10 * GB))
