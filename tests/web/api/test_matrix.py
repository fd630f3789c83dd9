"""Every cell of the matrix, asked in a world of its own."""

from __future__ import annotations

import os
from typing import Any

from meshd.accounts import allowlists, subaccounts
from meshd.accounts import toplevel as holders
from meshd.accounts.ownership import Operator
from meshd.topology import PLANS
from tests.web.api.document import DocumentTestCase
from tests.web.api.matrix import CALLERS, MATRIX, PAGE, SUB, Row, shown, table
from tests.web.api.test_openapi import OPEN
from tests.web.support import NOON, Answer, World, basic, named, of_the_api, result


class MatrixWorld(World):
    """With a root account, an address and a hostname of `sub`, and one token of each; `tom` is inactive."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        perform, clock = self.accounts.perform, {"plans": PLANS, "now": NOON}
        result(perform(holders.bootstrap, "plain:secret", plans=PLANS, proxies=["us", "open"], now=NOON))
        result(perform(allowlists.add_ip, self.jo.id, "sub", "8.8.8.8", "", **clock))
        result(perform(allowlists.add_hostname, self.jo.id, "sub", "a.example.com", **clock))
        made = {
            "root": self.new_token("admin"),
            "parent": self.new_token("jo"),
            "sub": self.new_token("jo", username="sub"),
            "other": self.new_token("eve"),
        }
        self.sub_token = made["sub"]["id"]
        self.fields: dict[str, bytes | None] = {f"{who} token": f"Bearer {made[who]['token']}".encode() for who in made}
        names = {"root": "admin", "parent": "jo", "sub": "sub", "other": "eve", "inactive": "tom"}
        self.fields |= {who: basic(name, "secret") for who, name in names.items()}
        self._dumped: tuple[int, list[str]] = (-1, [])
        self.fields |= {"nobody": None, "banned": basic("ghost", "secret")}
        result(perform(subaccounts.deactivate, Operator(), "tom", now=NOON))
        for number in range(4):
            self.get("/api/proxies/", who=basic("ghost", f"wrong {number}"))

    def rows(self) -> list[str]:
        """All rows but those of signing in and of refusals; read anew only where something was written since."""
        connection = self.store.file._connection
        assert connection is not None
        if self._dumped[0] != connection.total_changes:
            self._dumped = (connection.total_changes, dump(self))
        return self._dumped[1]

    def try_(self, row: Row, caller: str) -> Answer:
        form: dict[str, object] = dict(row.form)
        if form.get("id") == "sub token":
            form["id"] = self.sub_token
        if form.get("id") == "own token":
            form["id"] = self.sub_token
            form["username"] = "sub"
        elif row.on == SUB and "id" not in form:
            form["username"] = "sub"
        if row.on == "a new name":
            form["username"] = "brand-new"
        who = self.fields[caller]
        if row.method == "POST":
            return self.post(row.path, form, who=who)
        path = row.path.format(proxy=form.pop("proxy", ""))
        query = "&".join(f"{name}={value}" for name, value in form.items())
        return self.get(f"{path}?{query}", who=who)


class MatrixTests(DocumentTestCase):
    def test_every_cell(self) -> None:
        """Each status is as the table says, each answer as the API's document; what is refused changes nothing."""
        world = self.fresh()
        for row in MATRIX:
            for caller, status in zip(CALLERS, row.statuses, strict=True):
                with named((row.method, row.path, row.on, caller)):
                    before = world.rows()
                    answer = world.try_(row, caller)
                    self._checked(row.method, row.path.replace("{proxy}", "open"), answer)
                    self.assertEqual(answer.status, status, answer.body)
                    if row.method == "POST" and status < 400:
                        world = self.fresh()
                    else:
                        self.assertEqual(world.rows(), before)

    def fresh(self) -> MatrixWorld:
        return MatrixWorld(os.path.join(self.mktemp()))

    def test_every_path_is_in_it(self) -> None:
        """A route that is mounted and not here fails."""
        mounted = {path for path in of_the_api(self.world.site.api.mounted) if path[1] not in OPEN}
        self.assertEqual({(row.method, row.path) for row in MATRIX}, mounted)

    def test_the_manual_shows_it(self) -> None:
        """As it is; `python -m tests.web.api.matrix` writes it."""
        self.assertEqual(shown(PAGE.read_text()), table())


class ForeignTests(DocumentTestCase):
    """What an account that is not the caller's shows of itself: nothing, or what its document says."""

    def test_foreign_and_absent_are_one_answer(self) -> None:
        """Byte by byte, on every path that takes a username, for customers and sub-accounts; but for `sub/edit`."""
        world = MatrixWorld(os.path.join(self.mktemp()))
        for row in MATRIX:
            if row.on == SUB and row.path != "/api/sub/edit/" and "id" not in row.form:
                for caller in ("parent", "parent token", "sub", "sub token", "other", "other token"):
                    with named((row.path, caller)):
                        self._alike(world, row, caller)

    def _alike(self, world: MatrixWorld, row: Row, caller: str) -> None:
        foreign = "eves" if caller.startswith("parent") else "sub" if caller.startswith("other") else "jo"
        answers = set()
        for name in (foreign, foreign.upper(), "no-such", "admin", "tom", "a" * 30):
            form: dict[str, Any] = {**row.form, "username": name}
            if row.method == "POST":
                answer = world.post(row.path, form, who=world.fields[caller])
            else:
                answer = world.get(f"{row.path}?username={name}", who=world.fields[caller])
            answers.add((answer.status, answer.body, tuple(each for each in answer.fields if each[0] != "Date")))
        self.assertEqual(len(answers), 1, answers)

    def test_an_address_or_a_hostname_of_another_is_as_one_that_nobody_has(self) -> None:
        """No answer tells that it is somebody's: not what is added, nor the lists afterwards."""
        for path, name, taken, free in (
            ("/api/ip/add/", "ip", "8.8.8.8", "8.8.8.9"),
            ("/api/hostname/add/", "domain", "a.example.com", "b.example.com"),
        ):
            for who in ("eve", "jo"):
                with named((path, who)):
                    answers = []
                    for text in (taken, free):
                        world = MatrixWorld(os.path.join(self.mktemp()))
                        added = world.post(path, {name: text}, who=who)
                        lists = [world.get(listing, who=who) for listing in LISTS]
                        answers.append(
                            [(each.status, each.body.replace(text.encode(), b"*")) for each in (added, *lists)]
                        )
                    self.assertEqual(*answers)


LISTS = ("/api/ips/", "/api/ip_labels/", "/api/hostnames/")


def dump(world: World) -> list[str]:
    """All rows but those of signing in and of refusals."""
    connection = world.store.file._connection
    assert connection is not None
    passed = ('INSERT INTO "failures"', 'INSERT INTO "bans"', 'INSERT INTO "sqlite_sequence"')
    return [line for line in connection.iterdump() if not line.startswith(passed)]
