"""What the planes go by, of each kind."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from meshd.accounts.published import resources
from meshd.accounts.published.served import EVERYWHERE, resource
from meshd.values.published import (
    AccessList,
    AccessRule,
    Certificate,
    DeadHost,
    Ejection,
    FieldRule,
    Location,
    Login,
    PortForward,
    Probing,
    ProxyHost,
    RateLimit,
    Redirection,
    Secured,
    Stream,
    Upstream,
)
from tests.accounts.published.support import SAMPLES, PublishedCase
from tests.accounts.support import NOON, named


class ServedTests(PublishedCase):
    def test_a_host_with_everything(self) -> None:
        """The primary is first, and each server is there once."""
        guard = self.made("access-lists")
        shown = self.made("certificates")
        row = self.made(
            domain_names=["a.b", "*.a.b"],
            forward_scheme="https",
            certificate_id=shown.id,
            access_list_id=guard.id,
            ssl_forced=True,
            hsts_enabled=True,
            upstreams=[{"host": "192.168.1.10", "port": 3000}, {"host": "other", "port": 1}],
            lb_policy="ip_hash",
            health={"enabled": True, "path": "/up", "interval": "1m", "timeout": "500ms", "expected_status": 204},
            passive={"fail_duration": "10s", "max_fails": 2, "unhealthy_latency": "1.5s"},
            rate_limit={"enabled": True, "requests": 9, "window": "1m30s"},
            headers=[{"direction": "response", "operation": "add", "name": "X-A", "value": "b"}],
            error_pages={"404": "<p>"},
            locations=[
                {"path": "/x", "forward_scheme": "http", "forward_host": "x", "forward_port": 2, "forward_path": "/"}
            ],
        )
        self.assertEqual(
            resource(row),
            ProxyHost(
                row.id,
                ("a.b", "*.a.b"),
                "https",
                (Upstream("192.168.1.10", 3000), Upstream("other", 1)),
                "ip_hash",
                Secured(shown.id, True, True, False),
                guard.id,
                Probing("/up", 60, 0.5, 204),
                Ejection(10, 2, 1.5),
                RateLimit(9, 90),
                (FieldRule("response", "add", "X-A", "b"),),
                ((404, "<p>"),),
                (Location("/x", "http", Upstream("x", 2), "/"),),
                False,
                self.anna.id,
                row.token_id,
            ),
        )

    def test_the_least_of_each_kind(self) -> None:
        """As the samples say, and billed to whoever made it."""
        made = {kind: self.made(kind) for kind in SAMPLES}
        owner, ids = self.anna.id, {kind: row.id for kind, row in made.items()}
        tokens = {kind: row.token_id for kind, row in made.items()}
        office = AccessRule(ip_network("10.0.0.0/8"), True)
        wanted: dict[str, Any] = {
            "proxy-hosts": ProxyHost(
                ids["proxy-hosts"],
                ("app.example.com",),
                "http",
                (Upstream("192.168.1.10", 3000),),
                owner=owner,
                token=tokens["proxy-hosts"],
            ),
            "redirection-hosts": Redirection(
                ids["redirection-hosts"],
                ("old.example.com",),
                "auto",
                "new.example.com",
                owner=owner,
                token=tokens["redirection-hosts"],
            ),
            "dead-hosts": DeadHost(ids["dead-hosts"], ("gone.example.com",), owner=owner, token=tokens["dead-hosts"]),
            "stream-hosts": Stream(
                ids["stream-hosts"], 5432, Upstream("db", 5432), owner=owner, token=tokens["stream-hosts"]
            ),
            "port-forwards": PortForward(
                ids["port-forwards"], 2222, Upstream("10.0.0.7", 22), owner=owner, token=tokens["port-forwards"]
            ),
            "access-lists": AccessList(ids["access-lists"], "office", (office,)),
            "certificates": Certificate(ids["certificates"], "acme", ("app.example.com",), state="pending"),
        }
        for kind, row in made.items():
            with named(kind):
                self.assertEqual(resource(row), wanted[kind])
        self.assertEqual(len({token for token in tokens.values() if token}), 5)

    def test_a_stream_for_names(self) -> None:
        row = self.made("stream-hosts", incoming_port=443, sni_match="a.b, *.c")
        found = resource(row)
        assert isinstance(found, Stream)
        self.assertEqual(found.sni, ("a.b", "*.c"))

    def test_a_list_with_logins(self) -> None:
        """And a rule for everybody, of both families."""
        row = self.made(
            "access-lists",
            clients=[{"address": "all", "directive": "deny"}],
            items=[{"username": "a"}],
            satisfy_any=True,
            pass_auth=True,
            secrets={"items": {"a": "$argon2id$"}},
        )
        rules = tuple(AccessRule(network, False) for network in EVERYWHERE)
        logins = (Login("a", "$argon2id$"),)
        self.assertEqual(resource(row), AccessList(row.id, "office", rules, logins, True, True))

    def test_what_is_switched_off(self) -> None:
        """Hosts are served no more; lists and certificates say so, and open nothing."""
        for kind in SAMPLES:
            with named(kind):
                row = self.made(kind)
                off, _ = self.run_unit(resources.switch, self.anna.id, kind, row.id, False, now=NOON)
                found = resource(off)
                if kind in ("access-lists", "certificates"):
                    assert isinstance(found, AccessList | Certificate)
                    self.assertFalse(found.enabled)
                else:
                    self.assertIsNone(found)
