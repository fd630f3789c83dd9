from __future__ import annotations

from meshd.accounts import exits
from meshd.accounts.errors import Forbidden, NotFound
from meshd.accounts.exits import STALE
from meshd.model import RestingExit
from meshd.store.statements import audit
from meshd.store.statements import exits as stored
from tests.accounts.support import NOON, OPERATOR, AccountsCase

KNOWN = {"rack-1", "rack-2", "rack-3"}


class DrainTests(AccountsCase):
    def audited(self) -> list[str]:
        return [f"{each.actor} {each.action} {each.detail}" for each in self.run_unit(audit.of_account, 0, 9)]

    def test_drain_and_undrain(self) -> None:
        """What changes is told and written down; what was so already is neither."""
        drain = lambda *names: self.run_unit(exits.drain, OPERATOR, names, known=KNOWN, now=NOON)  # noqa: E731
        self.assertEqual(["rack-1", "rack-2"], drain("rack-2", "rack-1", "rack-2"))
        self.assertEqual(["rack-3"], drain("rack-3", "rack-1"))
        found = self.run_unit(exits.health, now=NOON)
        self.assertEqual(KNOWN, set(found.drained))
        self.assertEqual(("rack-1", NOON, OPERATOR.name), found.drained["rack-1"])
        self.assertEqual(["rack-2"], self.run_unit(exits.undrain, OPERATOR, ["rack-2", "rack-2"], now=NOON))
        told = ["exit.undrain rack-2", "exit.drain rack-3", "exit.drain rack-2", "exit.drain rack-1"]
        self.assertEqual([f"operator:test {each}" for each in told], self.audited())

    def test_one_that_is_wrong_undoes_all(self) -> None:
        """No exit of that name; not drained.  A drained one that has left the settings can be undrained."""
        self.refused(NotFound, exits.drain, OPERATOR, ["rack-1", "rack-9"], known=KNOWN, now=NOON)
        self.run_unit(exits.drain, OPERATOR, ["rack-1"], known=KNOWN, now=NOON)
        error = self.refused(NotFound, exits.undrain, OPERATOR, ["rack-1", "rack-2"], now=NOON)
        self.assertEqual("'rack-2' is not drained", error.detail)
        self.assertEqual(["rack-1"], self.run_unit(exits.undrain, OPERATOR, ["rack-1"], now=NOON))

    def test_who_may(self) -> None:
        """An admin, whom exit and audit then name; no viewer, no customer, no token."""
        admin, viewer = self.customer("adam", role="admin"), self.customer("vera", role="viewer")
        self.run_unit(exits.drain, admin.id, ["rack-1"], known=KNOWN, now=NOON)
        self.assertEqual("adam", self.run_unit(exits.health, now=NOON).drained["rack-1"].by)
        for actor in (viewer.id, self.alice.id, self.by_token(self.token(admin.id))):
            self.refused(Forbidden, exits.drain, actor, ["rack-2"], known=KNOWN, now=NOON)
            self.refused(Forbidden, exits.undrain, actor, ["rack-1"], now=NOON)
        self.run_unit(exits.undrain, admin.id, ["rack-1"], now=NOON)
        self.assertEqual(["adam exit.undrain rack-1", "adam exit.drain rack-1"], self.audited())

    def test_health(self) -> None:
        """Of each process; a rest that ended long ago is nothing that anybody knows."""
        rests = [
            RestingExit(node, name, until, 3, "connection-refused", NOON)
            for node, name, until in (("a", "x", NOON + 5), ("b", "x", NOON - 60), ("a", "y", NOON - STALE))
        ]
        for node in ("a", "b"):
            self.run_unit(stored.record, node, [each for each in rests if each.node == node], [])
        found = self.run_unit(exits.health, now=NOON)
        self.assertEqual(({}, {"x": rests[:2]}), tuple(found))
