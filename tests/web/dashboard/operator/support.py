"""Operators who are signed in, and an installation that has something to show."""

from __future__ import annotations

from meshd.model import Role
from meshd.store.statements import opened, tops
from meshd.store.statements.tops import EXIT, HOUR, OUTCOME
from meshd.values.exchanges import OpenExchange
from tests.web.dashboard.support import Browser, PagesTestCase
from tests.web.support import NOON

NODE = "rack:/var/lib/meshd"


class InstallationCase(PagesTestCase):
    """Ada is an admin, vera a viewer; jo and eve are customers, sub is jo's."""

    def setUp(self) -> None:
        super().setUp()
        self.ada, self.vera = self.operator("ada", "admin"), self.operator("vera", "viewer")

    def operator(self, name: str, role: Role) -> Browser:
        self.world.account(name, plan="20", role=role)
        return self.signed_in(name)

    def moved(self, exit_: str = "us-0", at: int = NOON, *, down: int = 2000, exchanges: int = 3) -> None:
        """Something left by an exit, all of it well but one."""
        whose = [((EXIT, at - at % HOUR, exit_), [1000, down, exchanges, 1])]
        well = [((OUTCOME, at - at % HOUR, "served"), [1000, down, exchanges - 1, 0])]
        ill = [((OUTCOME, at - at % HOUR, "exit"), [0, 0, 1, 1])]
        self.world.store.file.run(tops.record, [], [*whose, *well, *ill])

    def opens(self, *whose: str, total: int = 0) -> None:
        """A process tells that these accounts have an exchange open each, which are called x0, x1, …"""
        ids = {"jo": self.world.jo, "sub": self.world.sub, "eve": self.world.eve}
        rows = []
        for number, name in enumerate(whose):
            account = ids[name]
            family = account.parent_id or account.id
            way = ("192.0.2.9", "CONNECT", f"{name}.example", 443, "198.51.100.1", 10, 20, "us-0")
            began = (NOON - 600 + number) * 1000
            rows.append(OpenExchange(f"x{number}", began, account.id, family, name, 0, "us", *way))
        self.world.store.file.run(opened.write, NODE, int(self.world.now), total or len(rows), rows)

    def token(self, browser: Browser) -> str:
        """What a form of that browser brings back."""
        return browser.open("/account/dashboard/").form("/sign-out/")["csrf"]
