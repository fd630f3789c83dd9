from __future__ import annotations

import time

from meshd.store.statements import nodes
from tests.cli.support import CommandCase


class NodeTests(CommandCase):
    def test_list(self) -> None:
        """Those that tell, and those that died."""
        now = int(time.time())
        self.store().run(nodes.seen, "a:/data", "1.2", ["us tcp:1", "api tcp:2"], now - 600, now)
        self.store().run(nodes.seen, "dead:/data", "1.1", [], now - 900, now - 90)
        _, here, dead = self.done("node", "list").rows
        self.assertEqual((here[:3], here[-4:]), (["a:/data", "1.2", "up"], ["us", "tcp:1,", "api", "tcp:2"]))
        self.assertEqual((dead[:3], dead[-1]), (["dead:/data", "1.1", "gone"], "-"))
        facts = {"version": "1.2", "listeners": ["us tcp:1", "api tcp:2"], "alive": True, "open": None, "resting": 0}
        row = self.done("node", "list", "--json").json[0]
        self.assertEqual({name: row[name] for name in facts}, facts)
