from __future__ import annotations

from meshd.accounts import nodes
from meshd.accounts.errors import Forbidden
from meshd.accounts.nodes import Processes
from meshd.accounts.ownership import ActorId
from meshd.model import RestingExit, UsageEntry
from meshd.store.statements import exits, opened, usage
from meshd.store.statements import nodes as stored
from meshd.store.statements.nodes import KEPT, Node
from meshd.store.statements.opened import MOST_NODES
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres


class NodesTests(AccountsCase):
    def processes(self, actor: ActorId = OPERATOR) -> Processes:
        return self.run_unit(nodes.processes, actor, now=NOON)

    def rests(self, node: str, name: str, until: int, at: int) -> None:
        self.run_unit(exits.record, node, [RestingExit(node, name, until, 3, "x", at)], [])

    def test_processes(self) -> None:
        """By what each has told last; one of which nothing was heard for a minute has no word on what is open."""
        for node, at, total in (("a", NOON - 5, 7), ("b", NOON - 59, 0), ("dead", NOON - 61, 9)):
            self.run_unit(opened.write, node, at, total, [])
        self.rests("a", "rack-1", NOON + 9, NOON - 3)
        self.rests("a", "rack-2", NOON + 9, NOON - 30)
        self.rests("a", "rack-3", NOON - 1, NOON - 90)
        self.rests("c", "rack-1", NOON + 9, NOON - 70)
        self.rests("over", "rack-1", NOON, NOON - 70)
        expected = [Node("a", NOON - 3, 7, 2), Node("b", NOON - 59, 0, 0), Node("c", NOON - 70, None, 1)]
        self.assertEqual(expected, self.processes().nodes)

    def test_what_they_tell_of_themselves(self) -> None:
        """The last word counts, also of one that has nothing open; one that died is there for a day, not alive."""
        for at, version in ((NOON - 9, "1.0"), (NOON - 4, "1.1")):
            self.run_unit(stored.seen, "a", version, ["us tcp:1", "api tcp:2"], NOON - 100, at)
        self.run_unit(stored.seen, "dead", "1.0", [], NOON - 900, NOON - 61)
        self.run_unit(opened.write, "a", NOON - 2, 7, [])
        self.run_unit(opened.write, "former", NOON - 3, 1, [])
        told = Node("a", NOON - 2, 7, 0, "1.1", ("us tcp:1", "api tcp:2"), NOON - 100)
        dead, former = Node("dead", NOON - 61, None, 0, "1.0", (), NOON - 900), Node("former", NOON - 3, 1, 0)
        found = self.processes().nodes
        self.assertEqual([told, dead, former], found)
        self.assertEqual([True, False, True], [nodes.alive(each, now=NOON) for each in found])
        self.run_unit(stored.gone, "a")
        self.run_unit(stored.seen, "b", "1.1", [], NOON, NOON - 61 + KEPT + 1)
        self.assertEqual(["a", "b", "former"], [each.name for each in self.processes().nodes])

    def test_who_told_the_last_word(self) -> None:
        """When it had started: two processes that have one name find so that they do."""
        stood = [self.run_unit(stored.seen, "a", "1", [], began, NOON) for began in (10, 10, 20, 10)]
        self.assertEqual([0, 10, 10, 20], stood)

    def test_no_more_than_can_be_shown(self) -> None:
        """Those that were seen last."""
        for number in range(MOST_NODES + 3):
            self.run_unit(stored.seen, f"n{number:03}", "1", [], 1, NOON - 300 + number)
        self.assertEqual(
            [f"n{number:03}" for number in range(3, MOST_NODES + 3)], [e.name for e in self.processes().nodes]
        )

    def test_journals(self) -> None:
        """Those that were billed within an hour."""
        self.assertEqual((0, 0), (self.processes().journals, self.processes().billed_at))
        for journal, at in (("j", NOON - 30), ("k", NOON - 3600), ("old", NOON - 3601)):
            entries = [UsageEntry(self.alice.id, 0, 0, 1, 1, 1)]
            self.run_unit(usage.apply, journal, 1, at, entries)
        found = self.processes()
        self.assertEqual((2, NOON - 30), (found.journals, found.billed_at))

    def test_who_may(self) -> None:
        viewer = self.customer("vera", role="viewer")
        self.assertEqual([], self.processes(viewer.id).nodes)
        self.refused(Forbidden, nodes.processes, self.alice.id, now=NOON)


class PostgresNodesTests(OnPostgres, NodesTests):
    pass
