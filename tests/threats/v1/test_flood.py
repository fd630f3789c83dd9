"""Threat 4 below `/v1`: whoever has no account yet costs a bounded number of slow hashes and rows, whatever is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.flood import IN_ALL, PER_ADDRESS
from tests.threats.v1.stage import V1Stage, sound
from tests.web.support import Answer, Line, read_answers, request

PASSWORD = "correct horse"
HASHES = 2
"""Of one registration: of her own password, and of that of the sub-user that comes with her account."""


class FloodTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = V1Stage(os.path.join(self.mktemp()))
        self.hashed = 0
        hash_ = self.stage.hasher.hash

        async def counted(password: str) -> str:
            self.hashed += 1
            return await hash_(password)

        object.__setattr__(self.stage.services, "hash", counted)
        self.before = self.accounts()

    def accounts(self) -> int:
        ((count,),) = self.stage.sql("select count(*) from accounts where parent_id is null")
        return int(count)

    def register(self, email: str, address: str = "192.0.2.7", **more: Any) -> Answer:
        body = {"name": "Ann", "email": email, "password": PASSWORD, "password_confirmation": PASSWORD, **more}
        line = Line(self.stage.site, address)
        typed = ("Content-Type", "application/json")
        line.say(request("POST", "/v1/auth/register", typed, body=json.dumps(body).encode()))
        (answer,) = read_answers(line.heard())
        line.hang_up()
        sound(answer)
        return answer

    def flood(self, addresses: Iterator[str], count: int) -> list[int]:
        return [self.register(f"a{number}@mail.example", next(addresses)).status for number in range(count)]

    def test_from_one_address(self) -> None:
        """The first few come in; all others are told how long to wait, and cost no hash."""
        seen = self.flood(iter(lambda: "192.0.2.7", ""), 300)
        self.assertEqual(seen, [201] * PER_ADDRESS + [429] * (300 - PER_ADDRESS))
        self.assertEqual(self.hashed, HASHES * PER_ADDRESS)
        self.assertEqual(self.accounts() - self.before, PER_ADDRESS)
        answer = self.register("late@mail.example")
        self.assertEqual(answer.json, {"message": "Too Many Attempts."})
        self.assertEqual(answer.one("X-RateLimit-Limit"), str(PER_ADDRESS))
        self.stage.later(int(answer.one("Retry-After")))
        self.assertEqual(self.register("late@mail.example").status, 201)

    def test_from_one_network(self) -> None:
        """Addresses of one /64, which one customer of a provider has, are one."""
        self.flood((f"2001:db8::{number:x}" for number in range(1, 400)), 300)
        self.assertEqual(self.hashed, HASHES * PER_ADDRESS)

    def test_from_everywhere(self) -> None:
        """There is a bound of all addresses together."""
        self.flood((f"2001:db8:{number:x}::1" for number in range(1, 999)), 500)
        self.assertEqual(self.hashed, HASHES * IN_ALL)
        self.assertEqual(self.accounts() - self.before, IN_ALL)

    def test_an_address_of_somebody_else(self) -> None:
        """Is refused before the hash, and counted: it would tell whether somebody is a customer."""
        self.register("eve@mail.example")
        self.hashed = 0
        for _ in range(100):
            self.register("eve@mail.example")
        self.assertEqual(self.hashed, 0)
        self.assertEqual(self.register("eve@mail.example").status, 429)

    def test_what_cannot_be_a_registration(self) -> None:
        """Costs nothing, and takes nobody's tries."""
        for more in (
            {"email": "x"},
            {"password": "short"},
            {"password_confirmation": "y"},
            {"name": ""},
            {"role": "root"},
        ):
            for _ in range(PER_ADDRESS):
                self.assertEqual(self.register(**{"email": "a@mail.example"} | more).status, 422)
        self.assertEqual(self.hashed, 0)
        self.assertEqual(self.register("a@mail.example").status, 201)
