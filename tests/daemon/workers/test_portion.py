"""The settings of one worker, and how they reach it."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config import load
from meshd.config.endpoints import TCP
from meshd.daemon.workers.messages import Settings, heard, packed, said, unpacked
from meshd.daemon.workers.portion import limits, portion
from meshd.exits.destinations import OwnListeners
from meshd.topology import Limits
from meshd.values.metrics import Metrics
from tests.support import stores

WHOLE = """
workers = 3
[api]
listen = ["tcp:8443"]
[hosts]
listen = ["tcp:81"]
[metrics]
listen = ["tcp:9464"]
token_file = "secret"
[proxies.us]
listen = ["tcp:31280", "unix:proxy.sock", "systemd:domain=INET:name=x", "haproxy:tcp6:31281"]
[proxies.de]
listen = ["unix:other.sock"]
[v1]
webhook_secret = "secret"
[[exits]]
name = "up"

url = "http://user:word@192.0.2.1:3128"
"""


class PortionTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(stores.folder(self))
        (folder / "secret").write_text("a secret of the payment processor, long enough\n")
        (folder / "secret").chmod(0o600)
        (folder / "meshd.toml").write_text(WHOLE)
        (folder / "meshd.toml").chmod(0o600)
        self.config = load({"config": str(folder / "meshd.toml"), "data_dir": str(folder)}, {}, cwd=folder)
        self.own = portion(self.config, 3)

    def test_it_listens_where_each_can_have_a_socket(self) -> None:
        found = [pair for pair in self.own.listeners if pair[0] != "gateway"]
        self.assertEqual(
            [pair for pair in found if pair[0] in ("us", "de")], [("us", "tcp:31280"), ("us", "haproxy:tcp6:31281")]
        )
        self.assertEqual([pair for pair in found if pair[0] not in self.own.topology.proxies], [])

    def test_it_has_no_secret_that_it_has_no_use_for(self) -> None:
        self.assertTrue(self.config.topology.selling.webhook_key)
        self.assertEqual(self.own.topology.selling.webhook_key, b"")
        self.assertTrue(self.config.topology.metrics.token)
        self.assertEqual(self.own.topology.metrics, Metrics(daemons=True))

    def test_settings_arrive_as_they_were(self) -> None:
        """With passwords of exits, which a worker needs, and mappings that cannot be changed."""
        settings = Settings(self.own, 3, "~", OwnListeners(frozenset({1}), frozenset({"::1"})), (TCP(31280),))
        self.assertEqual(unpacked(b"".join(packed(settings))), settings)

    def test_bounds_of_the_machine_are_shared(self) -> None:
        whole = Limits(connections=10, unauthenticated=7, password_workers=2, password_queue=1)
        part = limits(whole, 4)
        self.assertEqual(
            (part.connections, part.unauthenticated, part.password_workers, part.password_queue), (3, 2, 1, 1)
        )
        self.assertEqual(limits(Limits(connections=0), 4).connections, 0, "derived from each one's descriptors")


class WordTests(SynchronousTestCase):
    def test_a_worker_says_json(self) -> None:
        self.assertEqual(heard(said("refused", why="x")), {"kind": "refused", "why": "x"})

    def test_what_makes_no_sense_is_of_no_kind(self) -> None:
        """Nothing else is ever read of what a worker says, pickles least."""
        for content in (b"", b"\x80\x05N.", b"[]", b"{}", b'{"kind": 1}', b"[" * 100_000):
            self.assertEqual(heard(content), {"kind": ""})
