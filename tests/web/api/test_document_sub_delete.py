"""The sentences of the documents about `POST /api/sub/delete/`, each a test; with a look into every table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshd.accounts import toplevel as holders
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import NewAccount
from meshd.accounts.toplevel import Terms
from meshd.auth.secrets import token_digest
from meshd.model import GB, Account
from meshd.store.statements import accounts, activity
from meshd.store.unit import Statement, Unit
from meshd.topology import PLANS
from meshd.values.exchanges import Exchange
from tests.web.api.document import DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import NOON, basic, named, result

DELETE = "/api/sub/delete/"
ADDRESS, HOSTNAME = "9.9.9.9", "home.goner.example.org"
HOLDING = {
    "accounts",
    "activity",
    "audit",
    "authorized_hostnames",
    "authorized_ips",
    "changes",
    "tokens",
    "usage",
    "usage_days",
    "usage_hours",
}
"""The tables that have an account's number in them."""
FIELDS = {"password": "gone-password", "first_name": "Gonzo", "last_name": "Gonerson", "email": "mail@goner.example"}


class DeleteTests(DocumentTestCase):
    @says("Delete a Sub-Account", "POST /api/sub/delete/", "Returns an empty 200 response on success.")
    def test_returns_an_empty_200_response_on_success(self) -> None:
        """Exactly 200, no body and no type of one."""
        answer = self.post(DELETE, username="sub")
        self.assertEqual((answer.status, answer.body, answer.all("Content-Type")), (200, b"", []))
        self.assertEqual(answer.one("Content-Length"), "0")

    @says(
        "Delete a Sub-Account",
        "This will permanently delete a sub-account, and all associated data will be gone forever.",
    )
    def test_it_is_not_there_afterwards(self) -> None:
        """Not by its name, nor by a token, and what was its own may be another's."""
        token = self.token(username="sub")
        self.post("/api/ip/add/", ip=ADDRESS, username="sub")
        self.post("/api/hostname/add/", domain=HOSTNAME, username="sub")
        self.post(DELETE, username="sub")
        self.assertEqual(self.get("/api/sub/get/?username=sub").status, 403)
        self.assertEqual(self.post("/api/sub/edit/", username="sub").status, 404)
        self.assertEqual(self.post(DELETE, username="sub").status, 403)
        self.assertEqual(self.post("/api/token/delete/", id=token["id"]).status, 404)
        for who in ("sub", self.bearer(token)):
            self.assertEqual(self.get("/api/proxies/", who=who).status, 401)
        self.assertEqual(self.post("/api/ip/add/", ip=ADDRESS, who="eve").status, 200)
        self.assertEqual(self.post("/api/hostname/add/", domain=HOSTNAME, who="eve").status, 200)

    def test_its_name_is_free_and_nothing_comes_back_with_it(self) -> None:
        """A new account of the name begins at nothing."""
        self.world.use(self.world.sub, GB)
        token = self.token(username="sub")
        self.post(DELETE, username="sub")
        made = self.post("/api/sub/create/", username="SUB", who="eve").json
        self.assertEqual((made["username"], made["total_bandwidth"]), ("SUB", 0.0))
        self.assertEqual(self.get("/api/tokens/?username=SUB", who="eve").json, {"tokens": []})
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 401)

    def test_nobody_else_loses_anything(self) -> None:
        """Siblings, the parent, strangers: what they have they keep."""
        self.world.sub_account(self.world.jo, "sibling")
        kept = [self.token(), self.token(username="sibling"), self.token(who="eve", username="eves")]
        self.post("/api/ip/add/", ip=ADDRESS)
        self.post(DELETE, username="sub")
        for token in kept:
            self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 200)
        self.assertEqual(self.get("/api/ips/").json, {"ips": [ADDRESS]})
        self.assertEqual(self.get("/api/sub/get/?username=sibling").status, 200)

    def test_the_root_account_cannot_be_deleted(self) -> None:
        """contract.md, 3: not by itself, not by an admin, not by a customer; nor deactivated, nor edited."""
        perform = self.world.accounts.perform
        result(perform(holders.bootstrap, "plain:secret", plans=PLANS, proxies=("us",), now=NOON))
        admin = NewAccount(username="boss", password_hash="plain:secret")
        terms = Terms(plan="20", role="admin")
        result(perform(holders.create, Operator(), admin, terms=terms, plans=PLANS, proxies=("us",), now=NOON))
        for who in ("admin", "boss", "jo", "sub"):
            for path in (DELETE, "/api/sub/deactivate/", "/api/sub/edit/"):
                with named((who, path)):
                    form = {"last_name": "Bo"} if path.endswith("/edit/") else {}
                    self.assertEqual(self.post(path, username="Admin", who=who, **form).status, 403)
        self.assertEqual(self.get("/api/usage/", who="admin").json["account"]["active"], True)


class StoreTests(DocumentTestCase):
    """contract.md, 3, to the last column: a deleted sub-account leaves nothing but its part of its parent's bill."""

    @says(
        "Delete a Sub-Account",
        "This will permanently delete a sub-account, and all associated data will be gone forever.",
    )
    def test_nothing_of_it_is_left_in_any_table(self) -> None:
        """Name, person, password, address, hostname, labels, token, bans, exchanges, audit: no value of any column."""
        secret = self.life()
        goner = self.account("goner")
        traces: list[Any] = [*FIELDS.values(), "goner", ADDRESS, HOSTNAME, "gone-label", "gone.example"]
        traces.append(token_digest(secret).hex())
        before = dict(self.cells())
        for trace in traces:
            with named(trace):
                self.assertTrue(self.found(before, trace), "the scan would not find it")
        self.assertEqual(self.tables(before, goner.id), HOLDING)
        named_in = {table for table, _, _ in self.found(before, "goner")}
        self.assertGreaterEqual(named_in, {"accounts", "audit", "authorized_hostnames", "bans", "failures"})
        self.assertEqual(self.post(DELETE, username="goner").status, 200)
        after = dict(self.cells())
        for trace in traces:
            with named(trace):
                self.assertEqual(self.found(after, trace), [])
        self.assertEqual(self.tables(after, goner.id), {"audit", "changes"})

    def test_what_is_left_says_that_one_was_deleted_and_by_whom(self) -> None:
        """One line of the audit, without its name; the change feed has the number that processes are to forget."""
        self.life()
        goner = self.account("goner")
        self.post(DELETE, username="goner")
        audit = self.rows("select actor, action, detail from audit where account_id = :id", id=goner.id)
        self.assertEqual(audit, [("jo", "account.delete", "")])

    def test_its_part_of_the_bill_stays_with_its_parent(self) -> None:
        """The parent's totals as they were, its hours as those of a deleted one."""
        self.life()
        self.world.use(self.world.jo, GB)
        before = self.get("/api/usage/?by=total").json
        self.assertEqual((before["account"]["total_bandwidth"], before["usage"][0]["bytes_down"]), (1.5, 3 * GB // 2))
        self.post(DELETE, username="goner")
        self.assertEqual(self.get("/api/usage/?by=total").json, before)
        shares = {each["username"]: each["bytes_down"] for each in self.get("/api/usage/").json["usage"]}
        self.assertEqual(shares, {"jo": GB, None: GB // 2})

    def life(self) -> str:
        """Of a sub-account that has done all that one can; the secret of its token."""
        self.post("/api/sub/create/", username="goner", **FIELDS)
        goner = self.account("goner")
        self.post("/api/ip/add/", ip=ADDRESS, label="gone-label", username="goner")
        self.post("/api/hostname/add/", domain=HOSTNAME, username="goner")
        token = self.token(username="goner", label="gone-label")
        self.world.use(goner, GB // 2)
        self.world.store.file.run(activity.add, [exchange(goner, token["id"])])
        for name in ("goner", "GONER"):
            for number in range(3):
                self.get("/api/proxies/", who=basic(name, f"wrong {number}"))
        self.post("/api/sub/deactivate/", username="goner")
        return str(token["token"])

    def account(self, name: str) -> Account:
        found = self.world.store.file.run(accounts.by_username, name)
        assert found is not None
        return found

    def cells(self) -> Iterator[tuple[tuple[str, str, int], Any]]:
        """Every value of the store: table, column, number of the row."""
        for (table,) in self.rows("select name from sqlite_master where type = 'table'"):
            columns = [row[1] for row in self.rows(f"pragma table_info({table})")]
            for number, row in enumerate(self.rows(f"select * from {table}")):
                for column, value in zip(columns, row, strict=True):
                    yield (table, column, number), value

    def found(self, cells: dict[tuple[str, str, int], Any], trace: str) -> list[tuple[str, str, int]]:
        """Where it stands, alone or within another text, whatever its case."""
        return [place for place, value in cells.items() if trace.lower() in shown(value)]

    def tables(self, cells: dict[tuple[str, str, int], Any], id_: int) -> set[str]:
        """Those in which the account's number stands."""
        return {table for (table, column, _), value in cells.items() if numbers(table, column) and value == id_}

    def rows(self, sql: str, **values: Any) -> list[Any]:
        def unit() -> Unit[list[Any]]:
            return [tuple(row) for row in (yield Statement(sql, values))]

        return self.world.store.file.run(unit)


def shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value).lower()


def numbers(table: str, column: str) -> bool:
    """Whether the column has an account's number in it."""
    return column in ("account_id", "parent_id", "family_id") or (table, column) == ("accounts", "id")


def exchange(account: Account, token_id: int) -> Exchange:
    return Exchange(
        id="x1",
        at=float(NOON),
        seconds=0.5,
        account_id=account.id,
        username=account.username,
        token_id=token_id,
        proxy="us",
        client=ADDRESS,
        method="GET",
        host="gone.example",
        port=80,
        exit="us-exit",
        status=200,
        reason="",
        up=10,
        down=20,
    )
