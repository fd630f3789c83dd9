"""Publishing: who may, what belongs to whom, and what is used by what."""

from __future__ import annotations

from typing import Any

from meshd.accounts.errors import Forbidden, InUse, Invalid, NotFound, NotYours, Stale
from meshd.accounts.ownership import ByToken
from meshd.accounts.published import forms, reading, resources
from meshd.accounts.published.grounds import Grounds
from meshd.store.statements import accounts, audit, changes, published, tokens
from meshd.values.published import HOSTS, Kind
from tests.accounts.published.support import SAMPLES, PublishedCase
from tests.accounts.support import NOON, OPERATOR, OnPostgres, named

KINDS = list(SAMPLES)


class LifeTests(PublishedCase):
    """The same seven routes for each kind."""

    def test_a_life_of_each_kind(self) -> None:
        """Made, found, listed, changed, switched, gone; each change told by the feed to nobody in particular."""
        for kind in KINDS:
            with named(kind):
                made = self.made(kind)
                self.assertEqual(self.shown(made), self.made_as_told(made))
                self.assertEqual([made], self.of_kind(kind))
                self.assertEqual((made.owner_id, made.created_at, made.enabled), (self.anna.id, NOON, True))
                changed = self.changed(made, meta={"a": 1})
                self.assertEqual((changed.settings["meta"], changed.modified_at), ({"a": 1}, NOON + 1))
                self.assertEqual({**changed.settings, "meta": {}}, made.settings)
                for enabled, did in ((False, True), (False, False), (True, True), (True, False)):
                    row, switched = self.run_unit(resources.switch, self.anna.id, kind, made.id, enabled, now=NOON + 2)
                    self.assertEqual((row.enabled, row.settings["enabled"], switched), (enabled, enabled, did))
                gone = self.run_unit(resources.delete, self.anna.id, kind, made.id, now=NOON + 3)
                self.assertEqual(gone.settings, changed.settings)
                self.assertEqual(self.of_kind(kind), [])
                self.refused(NotFound, resources.read, self.anna.id, kind, made.id)
                self.refused(NotFound, resources.delete, self.anna.id, kind, made.id, now=NOON)
                newest = self.run_unit(changes.newest)
                self.assertEqual(self.run_unit(changes.since, newest - 1, 1)[0].account_id, HOSTS)

    def made_as_told(self, row: Any) -> Any:
        return self.run_unit(resources.listing, self.vera.id, row.kind)[-1]

    def of_kind(self, kind: Kind) -> list[Any]:
        return self.run_unit(resources.listing, self.vera.id, kind)

    def test_a_list_goes_on_after_an_id(self) -> None:
        """By id, so many at a time."""
        made = [self.made(domain_names=[f"{number}.example.com"]).id for number in range(5)]
        found: list[int] = []
        while page := self.run_unit(
            resources.listing, self.vera.id, "proxy-hosts", after=found[-1] if found else 0, limit=2
        ):
            found += [each.id for each in page]
        self.assertEqual(found, made)

    def test_all_kinds_in_one_list(self) -> None:
        """By id, so many at a time, without what was deleted."""
        made = [self.made(kind) for kind in KINDS]
        self.run_unit(resources.delete, self.anna.id, KINDS[1], made[1].id, now=NOON)
        found: list[Any] = []
        while page := self.run_unit(resources.everything, self.vera.id, after=found[-1].id if found else 0, limit=2):
            found += page
        self.assertEqual([each.id for each in found], [each.id for each in made if each.id != made[1].id])
        self.assertEqual([each.kind for each in found], [kind for kind in KINDS if kind != KINDS[1]])
        self.refused(Forbidden, resources.everything, self.customer("cleo").id)

    def test_changed_as_it_was_seen(self) -> None:
        """Of two who look at once the second is refused."""
        seen = self.shown(self.made())
        for port, refused in ((1, False), (2, True)):
            settings = forms.read(seen.kind, {"forward_port": port})
            which = self.anna.id, seen.kind, seen.id, settings
            if refused:
                self.refused(Stale, resources.change, *which, seen=seen.revision, now=NOON)
            else:
                self.run_unit(resources.change, *which, seen=seen.revision, now=NOON)
        self.assertEqual(1, self.shown(seen).settings["forward_port"])

    def test_what_changes_nothing_is_told_to_nobody(self) -> None:
        """The same members again, and a switch that stands so."""
        for kind in KINDS:
            with named(kind):
                made = self.made(kind)
                before = self.dump()
                self.changed(made, **{name: made.settings[name] for name in SAMPLES[kind]})
                self.run_unit(resources.switch, self.anna.id, kind, made.id, True, now=NOON + 9)
                self.assertEqual(before, self.dump())
                self.run_unit(resources.delete, self.anna.id, kind, made.id, now=NOON)

    def test_a_kind_does_not_find_anothers_id(self) -> None:
        """One space of ids, and each of a single kind."""
        made = self.made()
        for kind in KINDS[1:]:
            self.refused(NotFound, resources.read, self.anna.id, kind, made.id)
        for odd in (0, -1, 2**70):
            self.refused(NotFound, resources.read, self.anna.id, "proxy-hosts", odd)

    def test_the_audit_names_members_and_no_values(self) -> None:
        """A header field may hold a secret."""
        made = self.made()
        self.changed(made, headers=[{"direction": "request", "operation": "set", "name": "X-Key", "value": "s3cret"}])
        entries = self.run_unit(audit.of_account, self.anna.id, 10)
        self.assertEqual(entries[0].action, "hosts.update")
        self.assertEqual((entries[0].detail, entries[0].changed), (f"proxy-hosts {made.id}", '{"headers":null}'))
        self.assertNotIn("s3cret", str(entries))


class RightsTests(PublishedCase):
    """Admins change, viewers read, customers do neither."""

    def units(self, row: Any) -> list[tuple[Any, Any]]:
        """Units by whether they change something, with their arguments behind the actor."""
        kind, sample = row.kind, SAMPLES["dead-hosts"]
        reads = [(resources.listing, (kind,), {}), (resources.read, (kind, row.id), {}), (resources.counts, (), {})]
        writes: list[Any] = [
            (resources.create, ("dead-hosts", sample), {"now": NOON}),
            (resources.change, (kind, row.id, {"meta": {"a": 1}}), {"now": NOON}),
            (resources.switch, (kind, row.id, False), {"now": NOON}),
            (resources.delete, (kind, row.id), {"now": NOON}),
        ]
        return [*((False, each) for each in reads), *((True, each) for each in writes)]

    def test_by_role(self) -> None:
        """Whoever asks by a password."""
        row, nobody = self.made(), 999_999
        for who, role in ((self.alice.id, "customer"), (self.kid.id, "sub-account"), (self.vera.id, "viewer")):
            for change, (unit, args, more) in self.units(row):
                with named((role, unit.__name__)):
                    if change or role != "viewer":
                        self.refused(Forbidden, unit, who, *args, **more)
                    else:
                        self.run_unit(unit, who, *args, **more)
        for _, (unit, args, more) in self.units(row):
            self.refused(NotYours, unit, nobody, *args, **more)
        for actor in (self.anna.id, OPERATOR, self.account("admin").id):
            row = self.made(domain_names=["again.example.com"])
            for _, (unit, args, more) in self.units(row):
                self.run_unit(unit, actor, *args, **more)
            for each in self.run_unit(resources.listing, OPERATOR, "dead-hosts"):
                self.run_unit(resources.delete, OPERATOR, "dead-hosts", each.id, now=NOON)

    def test_a_token_has_its_accounts_present_role(self) -> None:
        """Until it is deleted, and while the account is active."""
        row = self.made()
        actor = ByToken(self.anna.id, self.a_token(self.anna), whole=True)
        viewers = ByToken(self.vera.id, self.a_token(self.vera, "session"), whole=True)
        self.run_unit(resources.change, actor, row.kind, row.id, {"meta": {"b": 1}}, now=NOON)
        self.assertEqual(self.history(self.anna)[0][0], f"anna (token {actor.token_id})")
        self.run_unit(resources.read, viewers, row.kind, row.id)
        self.refused(Forbidden, resources.delete, viewers, row.kind, row.id, now=NOON)
        self.run_unit(accounts.edit, self.anna.id, role="viewer")
        self.refused(Forbidden, resources.delete, actor, row.kind, row.id, now=NOON)
        self.run_unit(accounts.edit, self.anna.id, role="admin", active=False)
        self.refused(Forbidden, resources.read, actor, row.kind, row.id)
        self.run_unit(accounts.edit, self.anna.id, active=True)
        self.run_unit(tokens.delete, actor.token_id)
        self.refused(Forbidden, resources.read, actor, row.kind, row.id)

    def test_other_tokens_have_no_rights_here(self) -> None:
        """Neither those of the proxies, nor another dialect's, nor somebody else's, nor those that only count bytes."""
        row = self.made()
        theirs = [self.a_token(self.anna, kind) for kind in ("", "key", "access", "meter")]
        for token_id in (*theirs, self.a_token(self.vera), row.token_id):
            with named(token_id):
                actor = ByToken(self.anna.id, token_id, whole=True)
                self.refused(Forbidden, resources.read, actor, row.kind, row.id)
                self.refused(Forbidden, resources.delete, actor, row.kind, row.id, now=NOON)


class NameTests(PublishedCase):
    """A name belongs to one of the hosts."""

    def test_a_name_is_taken_by_one_of_three_kinds(self) -> None:
        """Whether that is switched on or not, until it is deleted or has other names."""
        held = self.made(domain_names=["a.example.com", "*.b.example.com"])
        self.run_unit(resources.switch, self.anna.id, held.kind, held.id, False, now=NOON)
        for kind in ("proxy-hosts", "redirection-hosts", "dead-hosts"):
            for name in ("a.example.com", "*.B.example.com", "A.EXAMPLE.COM."):
                settings = {**SAMPLES[kind], "domain_names": ["free.example.com", name]}
                with named((kind, name)):
                    error = self.refused_made(InUse, kind, settings)
                    self.assertIn(f"belongs to proxy host {held.id}", error.detail)
        self.changed(held, domain_names=["*.b.example.com", "c.example.com"])
        self.made("dead-hosts", domain_names=["a.example.com"])
        self.run_unit(resources.delete, self.anna.id, held.kind, held.id, now=NOON)
        self.made("redirection-hosts", domain_names=["c.example.com", "*.b.example.com"])

    def refused_made(self, error: Any, kind: Kind, settings: Any, **more: Any) -> Any:
        canonical = forms.read(kind, settings)
        return self.refused(error, resources.create, self.anna.id, kind, canonical, now=NOON, **more)

    def test_two_hosts_do_not_change_to_one_name(self) -> None:
        """Their own they may name again."""
        one, other = self.made(), self.made(domain_names=["b.example.com"])
        unit, given = resources.change, {"domain_names": ["b.example.com", "app.example.com"]}
        self.refused(InUse, unit, self.anna.id, one.kind, one.id, given, now=NOON)
        self.changed(other, domain_names=["c.example.com", "b.example.com"])

    def test_a_hundred_names(self) -> None:
        """As many as are allowed."""
        names = [f"n{number}.example.com" for number in range(100)]
        made = self.made(domain_names=names)
        self.assertEqual(self.shown(made).settings["domain_names"], names)


class PortTests(NameTests):
    """A port belongs to one stream or forward, but for names that TLS clients ask for."""

    def test_who_may_share_a_port(self) -> None:
        """By transport, interface and name."""
        first: dict[str, Any] = {"incoming_port": 7000}
        cases: list[tuple[str, Kind, dict[str, Any], Kind, dict[str, Any], bool]] = [
            ("the same", "stream-hosts", {}, "stream-hosts", {}, False),
            ("a stream and a forward", "stream-hosts", {}, "port-forwards", {}, False),
            ("other transports", "stream-hosts", {}, "stream-hosts", {"protocol": "udp"}, True),
            ("both and one", "stream-hosts", {"protocol": "tcp+udp"}, "stream-hosts", {"protocol": "udp"}, False),
            ("two names", "stream-hosts", {"sni_match": "a.b"}, "stream-hosts", {"sni_match": "c.b"}, True),
            ("a name and all others", "stream-hosts", {"sni_match": "a.b"}, "stream-hosts", {}, True),
            ("one name of two", "stream-hosts", {"sni_match": "a.b, c.b"}, "stream-hosts", {"sni_match": "C.b"}, False),
            ("a name and a forward", "stream-hosts", {"sni_match": "a.b"}, "port-forwards", {}, True),
            ("two interfaces", "port-forwards", {"interface": "eth0"}, "port-forwards", {"interface": "eth1"}, True),
            ("one and all", "port-forwards", {"interface": "eth0"}, "port-forwards", {}, False),
            ("all and one", "stream-hosts", {}, "port-forwards", {"interface": "::1"}, False),
            ("one twice", "port-forwards", {"interface": "::1"}, "port-forwards", {"interface": "0::1"}, False),
        ]
        for sentence, kind, one, other_kind, other, allowed in cases:
            with named(sentence):
                held = self.made(kind, **first, **one)
                if allowed:
                    beside = self.made(other_kind, **first, **other)
                    self.run_unit(resources.delete, self.anna.id, other_kind, beside.id, now=NOON)
                else:
                    error = self.refused_made(InUse, other_kind, {**SAMPLES[other_kind], **first, **other})
                    self.assertIn(f" {held.id}", error.detail)
                self.run_unit(resources.delete, self.anna.id, kind, held.id, now=NOON)

    def test_the_daemons_own_ports(self) -> None:
        """By TCP none of them but 443, and that for names alone; others by the settings, of UDP too."""
        grounds = Grounds(frozenset({80, 81, 8443}), frozenset({443, 444}), ((40000, 40009),))
        for port, sni, protocol, right in (
            (80, "", "tcp", False),
            (81, "a.b", "tcp", False),
            (8443, "", "tcp+udp", False),
            (443, "", "tcp", False),
            (443, "a.b", "tcp", True),
            (444, "a.b", "tcp", True),
            (443, "", "udp", True),
            (80, "", "udp", True),
            (82, "", "tcp", True),
            (40009, "", "udp", False),
            (40009, "", "tcp+udp", False),
            (40009, "", "tcp", True),
            (40010, "", "udp", True),
        ):
            given = {**SAMPLES["stream-hosts"], "incoming_port": port, "sni_match": sni, "protocol": protocol}
            with named((port, sni, protocol)):
                if right:
                    self.run_unit(resources.create, self.anna.id, "stream-hosts", given, now=NOON, grounds=grounds)
                else:
                    error = self.refused_made(Invalid, "stream-hosts", given, grounds=grounds)
                    self.assertEqual(error.field, "incoming_port")


class LinkTests(PublishedCase):
    """Lists and certificates that hosts use."""

    def test_what_is_used_cannot_be_deleted(self) -> None:
        """Until nobody uses it."""
        guard, shown = self.made("access-lists"), self.made("certificates")
        host = self.made(access_list_id=guard.id, certificate_id=shown.id)
        dead = self.made("dead-hosts", access_list_id=guard.id)
        error = self.refused(InUse, resources.delete, self.anna.id, guard.kind, guard.id, now=NOON)
        told = f"access list {guard.id} is in use by proxy host {host.id}, 404 host {dead.id}"
        self.assertEqual(error.detail, told)
        self.refused(InUse, resources.delete, self.anna.id, shown.kind, shown.id, now=NOON)
        self.changed(host, access_list_id=0, certificate_id=0)
        self.run_unit(resources.delete, self.anna.id, shown.kind, shown.id, now=NOON)
        self.run_unit(resources.delete, self.anna.id, dead.kind, dead.id, now=NOON)
        self.run_unit(resources.delete, self.anna.id, guard.kind, guard.id, now=NOON)

    def test_what_is_named_is_there(self) -> None:
        """And is of the right kind."""
        guard, shown = self.made("access-lists"), self.made("certificates")
        for field, value in (
            ("access_list_id", 999),
            ("access_list_id", shown.id),
            ("certificate_id", guard.id),
            ("certificate_id", 2**62),
        ):
            given = {**SAMPLES["proxy-hosts"], field: value}
            error = self.refused(Invalid, resources.create, self.anna.id, "proxy-hosts", given, now=NOON)
            self.assertEqual(error.field, field)

    def test_many_users_are_not_all_told(self) -> None:
        """Ten, and that there are more."""
        guard = self.made("access-lists")
        for number in range(12):
            self.made("dead-hosts", domain_names=[f"{number}.example.com"], access_list_id=guard.id)
        error = self.refused(InUse, resources.delete, self.anna.id, guard.kind, guard.id, now=NOON)
        self.assertTrue(error.detail.endswith(" and others"))


class SecretTests(PublishedCase):
    """What is kept and never told."""

    def test_a_login_needs_a_password(self) -> None:
        """Hashed; who is not given another keeps it, who is gone has none."""
        items = [{"username": "a", "password": "x"}, {"username": "b"}]
        error = self.refused(
            Invalid, resources.create, self.anna.id, "access-lists", {"name": "n", "items": items[:1]}, now=NOON
        )
        self.assertEqual(error.messages, {"items": ["a needs a password."]})
        made = self.made("access-lists", items=items, secrets={"items": {"a": "$1", "b": "$2"}})
        self.assertEqual(made.settings["items"], [{"username": "a"}, {"username": "b"}])
        self.assertNotIn("$1", repr(made))
        changed = self.changed(made, items=[{"username": "b"}, {"username": "c"}], secrets={"items": {"c": "$3"}})
        self.assertEqual(changed.hashes, {"b": "$2", "c": "$3"})
        self.assertEqual(self.changed(made, name="other").hashes, {"b": "$2", "c": "$3"})
        again = self.changed(made, items=[{"username": "b"}], secrets={"items": {"b": "$4"}})
        self.assertEqual(again.hashes, {"b": "$4"})
        self.assertEqual(self.changed(made, items=[]).hashes, {})

    def test_an_uploaded_certificate_comes_with_its_key(self) -> None:
        """Also where another takes its place."""
        given: dict[str, Any] = {"provider": "custom", "domain_names": ["a.b"], "certificate": "PEM 1"}
        error = self.refused(Invalid, resources.create, self.anna.id, "certificates", given, now=NOON)
        self.assertEqual(error.field, "certificate_key")
        made = self.made("certificates", **given, secrets={"sealed_key": b"1", "expires": NOON + 9})
        self.assertEqual((made.settings["state"], made.settings["expires"], made.secret), ("active", NOON + 9, b"1"))
        self.assertNotIn("sealed", str(made.settings))
        other = {"certificate": "PEM 2"}
        error = self.refused(Invalid, resources.change, self.anna.id, made.kind, made.id, other, now=NOON)
        self.assertEqual(error.field, "certificate_key")
        changed = self.changed(made, **other, secrets={"sealed_key": b"2", "expires": NOON + 99})
        self.assertEqual((changed.settings["expires"], changed.secret), (NOON + 99, b"2"))
        self.assertEqual(self.changed(made, nice_name="n").secret, b"2")

    def test_nothing_secret_is_left_of_what_was_deleted(self) -> None:
        """Only that it was."""
        made = self.made("access-lists", items=[{"username": "a"}], secrets={"items": {"a": "$hash"}})
        self.run_unit(resources.delete, self.anna.id, made.kind, made.id, now=NOON)
        left = self.run_unit(published.newer, 0, 10)
        self.assertEqual(
            [(each.id, each.settings, each.secret, each.deleted) for each in left], [(made.id, "{}", b"", NOON)]
        )
        (told,) = self.run_unit(reading.newer, 0, 10).rows
        self.assertEqual((told.deleted, told.settings), (True, {}))


class UpstreamTests(PublishedCase):
    """Where a host must not lead."""

    def test_addresses_that_nothing_is_published_from(self) -> None:
        """In every member that names a server."""
        bad = [
            "169.254.169.254",
            "fe80::1",
            "[fe80::1]",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "fd00:ec2::254",
        ]
        bad += ["100.100.100.200", "127.0.0.1", "::1", "localhost", "a.localhost", "64:ff9b::7f00:1", "2002:7f00:1::"]
        location = {"path": "/a", "forward_scheme": "http", "forward_port": 80}
        for host in bad:
            for field, value in (
                ("forward_host", host),
                ("upstreams", [{"host": host, "port": 80}]),
                ("locations", [{**location, "forward_host": host}]),
            ):
                with named((host, field)):
                    given = forms.read("proxy-hosts", {**SAMPLES["proxy-hosts"], field: value})
                    error = self.refused(Invalid, resources.create, self.anna.id, "proxy-hosts", given, now=NOON)
                    self.assertEqual(error.field, field)
        for kind in ("stream-hosts", "port-forwards"):
            given = {**SAMPLES[kind], "forward_host": "169.254.169.254"}
            self.refused(Invalid, resources.create, self.anna.id, kind, given, now=NOON)

    def test_loopback_by_the_settings(self) -> None:
        """Only where they open it."""
        given = {**SAMPLES["proxy-hosts"], "forward_host": "127.0.0.1"}
        grounds = Grounds(loopback=True)
        made = self.run_unit(resources.create, self.anna.id, "proxy-hosts", given, now=NOON, grounds=grounds)
        self.assertEqual(made.settings["forward_host"], "127.0.0.1")

    def test_private_addresses_are_what_it_is_for(self) -> None:
        """And public ones."""
        for number, host in enumerate(("10.0.0.1", "172.16.0.1", "fd12::1", "100.64.0.1", "93.184.216.34", "db_1")):
            self.made(domain_names=[f"{number}.example.com"], forward_host=host)


class LifeOnPostgresTests(OnPostgres, LifeTests):
    """The same on PostgreSQL."""


class RightsOnPostgresTests(OnPostgres, RightsTests):
    """The same on PostgreSQL."""


class PortsOnPostgresTests(OnPostgres, PortTests):
    """The same on PostgreSQL, names too."""


class LinksOnPostgresTests(OnPostgres, LinkTests):
    """The same on PostgreSQL."""


class SecretsOnPostgresTests(OnPostgres, SecretTests):
    """The same on PostgreSQL."""
