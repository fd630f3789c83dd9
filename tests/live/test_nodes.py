"""Three nodes that share PostgreSQL: they tell of themselves, and the schema moves on below them one step."""

from __future__ import annotations

import time
from typing import Any

import requests
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.dialect import POSTGRES
from meshd.store.migrate import ADDITIVE, Migration, shipped, upgrade
from meshd.store.postgres.blocking import BlockingPostgres
from meshd.store.unit import Statement, Unit
from meshd.store.url import PostgresURL, read
from tests.live.raw import Raw
from tests.support import stores
from tests.support.daemon import CommandError, LiveDaemon, until
from tests.support.load import basic

NODES = 3
NEXT = len(shipped()) + 1
ADDED = Migration(
    NEXT,
    f"{NEXT:04}_of_the_next_version{ADDITIVE}",
    "create table next (id bigint primary key);\n"
    "alter table accounts add column shade text not null default 'none';\n"
    "alter table nodes add column shade text;\n",
)
CHANGED = Migration(
    NEXT + 1, f"{NEXT + 1:04}_of_the_one_after.sql", "alter table accounts rename column shade to hue;\n"
)


def used() -> Unit[None]:
    """What a node of the next version would write."""
    yield Statement("insert into next (id) values (1)", {})
    yield Statement("update accounts set shade = 'blue'", {})


class NodesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = stores.postgres_url(self)
        self.nodes = [LiveDaemon(self, store=self.store) for _ in range(NODES)]
        self.first = self.nodes[0]

    def listed(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.first.cli("node", "list")}

    def passes(self, node: LiveDaemon, name: str, password: str) -> None:
        raw = Raw(self, node.proxy_port)
        raw.send(
            b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n"
            + basic(name, name, password).line
            + b"\r\n"
        )
        self.assertIn(b" 200 ", raw.rest().partition(b"\r\n")[0])

    def migrate(self, *more: Migration) -> list[str]:
        """As the first node of a later version does at its start."""
        target = read(self.store)
        assert isinstance(target, PostgresURL)
        store = BlockingPostgres(target)
        try:
            return store.look(upgrade, POSTGRES, [*shipped(), *more], int(time.time()))
        finally:
            store.close()

    def change(self, unit: Any) -> None:
        target = read(self.store)
        assert isinstance(target, PostgresURL)
        store = BlockingPostgres(target)
        try:
            store.look(unit)
        finally:
            store.close()

    def test_they_tell_of_themselves(self) -> None:
        """Each with its listeners, at the command and at the API; one that is stopped takes its leave."""
        rows = until(lambda: (found := self.listed()) and len(found) == NODES and found, "all are there")
        for node in self.nodes:
            (row,) = [each for name, each in rows.items() if name.endswith(f":{node.data_dir}")]
            self.assertEqual([f"local tcp:{node.proxy_port}", f"api tcp:{node.api_port}"], row["listeners"])
            self.assertEqual((True, None), (row["alive"], row["open"]))
        auth = ("admin", self.first.root_password)
        answer = requests.get(
            f"{self.first.api}/api/admin/nodes", auth=auth, verify=str(self.first.certificate), timeout=60
        )
        self.assertEqual(sorted(rows), [each["name"] for each in answer.json()["nodes"]])
        self.assertEqual(0, self.nodes[2].terminate())
        self.nodes[1].kill()
        left = self.listed()
        self.assertEqual({str(node.data_dir) for node in self.nodes[:2]}, {name.partition(":")[2] for name in left})

    def test_the_schema_moves_on_a_step(self) -> None:
        """Where it has only grown: nodes of the version before run on, start again and take changes, as does their
        command; where it has changed they run on, and start no more.
        """
        password = self.first.account("before")
        self.assertEqual([ADDED.name], self.migrate(ADDED))
        self.change(used)
        for number, node in enumerate(self.nodes):
            for other in self.nodes:
                self.passes(other, "before", password)
            node.restart()
            name = f"during{number}"
            made = node.account(name)
            for other in self.nodes:
                self.passes(other, name, made)
        until(lambda: len(self.listed()) == NODES, "all are there again")
        self.assertEqual([], self.migrate(ADDED))
        self.assertEqual([CHANGED.name], self.migrate(ADDED, CHANGED))
        for node in self.nodes:
            self.passes(node, "before", password)
        self.nodes[1].terminate()
        status, said = self.nodes[1].failed_start()
        self.assertNotEqual(0, status)
        self.assertIn("is newer than this program's", said)
        self.assertRaises(CommandError, self.first.cli, "node", "list")
        for node in self.nodes:
            self.assertNotIn("Traceback", node.log_text())
