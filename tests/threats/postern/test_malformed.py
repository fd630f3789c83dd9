"""Threats 6 and 16 in the management of published hosts: what no client of good will sends, in every place of every
route that is mounted.

Whatever it is, the answer is of this API's shape and never a fault of ours.  Everybody's run tries a part of the values
in each place, `FULL=1` all of them.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.figures import FULL
from tests.threats.postern.stage import PosternStage, Route
from tests.threats.v1.test_malformed import BODIES, HOSTILE, QUERIES, SEGMENTS, TYPES
from tests.web.support import Answer, named

STEP, PART = (1, 1) if FULL else (40, 6)
"""Of so many values one is tried in one place, and the next in the next: of values of members, and of all else."""

MEMBERS = (
    "domain_names", "forward_scheme", "forward_host", "forward_port", "certificate_id", "ssl_forced", "access_list_id",
    "meta", "locations", "upstreams", "lb_policy", "health", "passive", "rate_limit", "headers", "error_pages",
    "tls_passthrough", "advanced_config", "http_code", "forward_domain_name", "incoming_port", "protocol", "interface",
    "sni_match", "provider", "certificate", "certificate_key", "nice_name", "items", "clients", "satisfy_any", "name",
    "tcp_forwarding", "enabled",
)  # fmt: skip
"""Of resources of all kinds: one of another kind is refused as any unknown one."""


class MalformedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = PosternStage(os.path.join(self.mktemp()))

    def ask(self, route: Route, body: Any, *fields: tuple[str, str], segment: str = "", query: str = "") -> Answer:
        target = route.filled(segment or self.stage.things.get(route.kind, "987")) + (f"?{query}" if query else "")
        who = "" if route.path.startswith("/api/auth/") else "boss"
        return self.stage.send(route.method, target, body, *fields, who=who)

    def test_each_value_in_each_member(self) -> None:
        at = 0
        for route in self.stage.routes:
            for name in (route.fields or (MEMBERS if route.kind else ())) if route.method in ("POST", "PUT") else ():
                at += 1
                for value in HOSTILE[at % STEP :: STEP]:
                    with named((str(route), name, str(value)[:60])):
                        self.ask(route, {**route.body(), name: value})

    def test_each_body(self) -> None:
        for at, route in enumerate(self.stage.routes):
            for body in BODIES[at % PART :: PART] if route.changes else ():
                with named((str(route), body[:40])):
                    self.assertGreaterEqual(self.ask(route, body).status, 200)

    def test_each_media_type(self) -> None:
        """None but JSON is read as JSON."""
        for at, route in enumerate(self.stage.routes):
            for kind in TYPES[at % PART :: PART] if route.method in ("POST", "PUT") and route.body() else ():
                with named((str(route), kind)):
                    self.assertEqual(self.ask(route, route.body(), ("Content-Type", kind)).status // 100, 4)

    def test_each_segment(self) -> None:
        """An id that is none, of any spelling, is of nothing."""
        for at, route in enumerate(self.stage.routes):
            for segment in SEGMENTS[at % PART :: PART] if "{" in route.path else ():
                with named((str(route), segment[:40])):
                    answer = self.ask(route, route.body() or None if route.changes else None, segment=segment)
                    self.assertIn(answer.status, (400, 404, 405, 414))

    def test_each_query(self) -> None:
        for at, route in enumerate(self.stage.routes):
            for query in QUERIES[at % PART :: PART] if route.method == "GET" else ():
                with named((str(route), query[:40])):
                    self.ask(route, None, query=query)

    def test_ids_of_other_kinds(self) -> None:
        """Lead to nothing, and change nothing."""
        for route in self.stage.routes:
            for kind, id_ in self.stage.things.items() if route.kind and "{id}" in route.path else ():
                if kind != route.kind:
                    with named((str(route), kind)):
                        before = self.stage.dump()
                        answer = self.ask(route, route.body() if route.method == "PUT" else None, segment=id_)
                        self.assertIn(answer.status, (400, 404))
                        self.assertEqual(self.stage.dump(), before)
