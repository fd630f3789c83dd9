"""Nginx Proxy Manager's shapes: each member always there, and what a client reads it may send back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.postern.npm.shapes import ALIASES, shown, translated
from tests.web.support import NOON, named


def row(**settings: Any) -> Any:
    return SimpleNamespace(id=3, settings=settings, enabled=True, owner_id=1, created_at=NOON, modified_at=NOON)


class ShapeTests(SynchronousTestCase):
    def test_every_member_is_there(self) -> None:
        """Of a row with no settings at all: no null, ids of nothing 0, truth values true or false."""
        for segment, alias in ALIASES.items():
            with named(segment):
                told = shown(alias, row())
                self.assertNotIn(None, told.values())
                self.assertEqual((told["id"], told["owner_user_id"], told["enabled"], told["meta"]), (3, 1, True, {}))
                self.assertEqual(told["created_on"], "2026-01-15T12:00:00.000Z")
                self.assertLessEqual(set(alias.members), set(told))

    def test_a_proxy_host(self) -> None:
        """All that the strictest client demands, in its types."""
        told = shown(ALIASES["proxy-hosts"], row(locations=[{"path": "/a", "forward_host": "b", "forward_port": 1}]))
        for name, kind in (
            *((name, bool) for name in ("ssl_forced", "hsts_enabled", "hsts_subdomains", "http2_support")),
            *((name, bool) for name in ("block_exploits", "caching_enabled", "allow_websocket_upgrade", "enabled")),
            *((name, int) for name in ("certificate_id", "access_list_id", "forward_port", "id", "owner_user_id")),
            *((name, str) for name in ("forward_scheme", "forward_host", "advanced_config", "created_on")),
            *(("locations", list), ("domain_names", list), ("meta", dict)),
        ):
            self.assertIs(type(told[name]), kind, name)
        self.assertEqual(
            told["locations"],
            [{"path": "/a", "forward_host": "b", "forward_port": 1, "forward_path": "", "advanced_config": ""}],
        )

    def test_what_was_read_may_be_sent_back(self) -> None:
        """Members that only tell are dropped; null stands for nothing, 0 and 1 for false and true."""
        alias = ALIASES["proxy-hosts"]
        sent = shown(alias, row(domain_names=["a.example"])) | {
            "certificate_id": None,
            "enabled": 1,
            "ssl_forced": 1,
            "caching_enabled": 0,
            "locations": [{"id": 1, "path": "/a", "advanced_config": ""}],
        }
        settings = translated(alias, sent)
        self.assertEqual(
            {name: settings[name] for name in ("domain_names", "certificate_id", "ssl_forced", "caching_enabled")},
            {"domain_names": ["a.example"], "certificate_id": 0, "ssl_forced": True, "caching_enabled": False},
        )
        self.assertEqual(settings["locations"], [{"path": "/a"}])
        self.assertFalse(set(settings) & {"id", "created_on", "modified_on", "owner_user_id"})

    def test_what_nobody_knows_goes_on_to_the_rules(self) -> None:
        """They refuse it by name; nothing that was meant is dropped in silence."""
        self.assertEqual(translated(ALIASES["dead-hosts"], {"domain_name": "x"}), {"domain_name": "x"})

    def test_streams(self) -> None:
        """Two truth values in the place of a protocol, and the names of the target."""
        alias = ALIASES["streams"]
        for sent, protocol in (
            ({"tcp_forwarding": True, "udp_forwarding": False}, "tcp"),
            ({"tcp_forwarding": False, "udp_forwarding": True}, "udp"),
            ({"tcp_forwarding": 1, "udp_forwarding": 1}, "tcp+udp"),
            ({"udp_forwarding": True}, "tcp+udp"),
            ({"tcp_forwarding": False}, "none"),
            ({}, None),
        ):
            with named(sent):
                settings = translated(alias, {"forwarding_host": "db", "forwarding_port": 5432, **sent})
                self.assertEqual(settings.get("protocol"), protocol)
                self.assertEqual((settings["forward_host"], settings["forward_port"]), ("db", 5432))
        for protocol, both in (("tcp", (True, False)), ("udp", (False, True)), ("tcp+udp", (True, True))):
            told = shown(alias, row(protocol=protocol, forward_host="db", forward_port=5432, incoming_port=5432))
            self.assertEqual((told["tcp_forwarding"], told["udp_forwarding"]), both)
            self.assertEqual((told["forwarding_host"], told["forwarding_port"]), ("db", 5432))

    def test_redirections(self) -> None:
        alias = ALIASES["redirection-hosts"]
        self.assertEqual(translated(alias, {"forward_http_code": 307}), {"http_code": 307})
        self.assertEqual(shown(alias, row(http_code=308))["forward_http_code"], 308)
