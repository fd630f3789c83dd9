"""One published resource: made, looked at, changed, switched and deleted by its pages."""

from __future__ import annotations

import json
from typing import cast

from meshd.accounts import hostaudit
from meshd.accounts.published import forms
from meshd.model import UsageEntry
from meshd.store.statements import usage
from meshd.values.published import Kind
from meshd.web.dashboard.hosts import resource
from tests.web.dashboard.hosts.support import HOSTS, OPERATOR, TYPED, HostsCase, at
from tests.web.support import NOON, named


class LifeTests(HostsCase):
    def test_a_life_of_each_kind(self) -> None:
        """Made by its form, found in the list, changed, off, on, gone; each time what is published is told anew."""
        for kind, typed in TYPED.items():
            with named(kind):
                self.applied = 0
                self.ada.open(f"{HOSTS}{kind}/new/")
                page = self.ada.send(f"{HOSTS}{kind}/new/", **typed)
                self.assertIn("was made.", page.text)
                (id_,) = (int(href.split("/")[4]) for href in page.links.values() if href.endswith("/edit/"))
                row = self.row(kind, id_)
                self.assertIn(at(row), self.ada.open(f"{HOSTS}?kind={kind}").links.values())
                self.assertIn(at(row), self.vera.open(HOSTS).links.values())
                self.ada.open(at(row, "edit/"))
                self.assertIn("was saved.", self.ada.send(at(row, "edit/")).text)
                self.assertEqual(row.settings, self.row(kind, id_).settings, "nothing was changed")
                self.assertIn("is off.", self.ada.send(at(row, "disable/")).text)
                self.assertFalse(self.row(kind, id_).enabled)
                self.assertIn("is on.", self.ada.send(at(row, "enable/")).text)
                self.assertTrue(self.row(kind, id_).enabled)
                self.ada.open(at(row, "delete/"))
                self.assertIn("was deleted.", self.ada.send(at(row, "delete/")).text)
                self.assertEqual(404, self.ada.open(at(row)).status)
                self.assertEqual(5, self.applied)

    def test_the_record_has_each_change(self) -> None:
        """By the same names as a change by the API, with who it was and from where; what was refused is none."""
        kind: Kind = "proxy-hosts"
        self.ada.open(f"{HOSTS}{kind}/new/")
        self.assertEqual(self.ada.send(f"{HOSTS}{kind}/new/", **{**TYPED[kind], "forward_port": "0"}).status, 400)
        self.assertEqual(self.ada.send(f"{HOSTS}{kind}/new/", **TYPED[kind]).status, 200)
        (found,) = self.recorded()
        row = self.row(kind, found.resource_id)
        for shown, action in (("edit/", "edit/"), ("", "disable/"), ("", "enable/"), ("delete/", "delete/")):
            self.ada.open(at(row, shown))
            self.ada.send(at(row, action))
        entries = self.recorded()[::-1]
        self.assertEqual([each.action for each in entries], ["create", "update", "disable", "enable", "delete"])
        told = {(each.username, each.resource_type, each.resource_id, each.address) for each in entries}
        self.assertEqual(told, {("ada", "proxy_host", row.id, "192.0.2.1")})
        self.assertEqual(json.loads(found.details)["forward_host"], "192.168.1.10")

    def recorded(self) -> list[hostaudit.Told]:
        found: list[hostaudit.Told] = self.world.store.file.run(hostaudit.listing, OPERATOR)
        return found

    def test_what_the_form_has_no_field_for_stays(self) -> None:
        """Locations, header fields, probes: as they were; what was typed is what is kept."""
        rest = {
            "locations": [{"path": "/a", "forward_scheme": "http", "forward_host": "10.0.0.8", "forward_port": 1}],
            "headers": [{"direction": "response", "operation": "delete", "name": "Server"}],
            "health": {"enabled": True, "path": "/up"},
            "meta": {"mine": [1]},
        }
        row = self.made(**rest)
        self.ada.open(at(row, "edit/"))
        typed = {
            "domain_names": "App.example.com\r\nb.example.com, c.example.com",
            "forward_scheme": "https",
            "forward_host": "backend",
            "forward_port": "8443",
            "upstreams": "10.0.0.9:81\r\n[2001:db8::1]:82",
            "lb_policy": "least_conn",
            "rate_limit": "100 per 60s",
        }
        self.assertIn("was saved.", self.ada.send(at(row, "edit/"), **typed).text)
        found = self.row(row.kind, row.id).settings
        self.assertEqual({name: found[name] for name in rest}, {name: row.settings[name] for name in rest})
        self.assertEqual(found["domain_names"], ["app.example.com", "b.example.com", "c.example.com"])
        upstreams = [{"host": "10.0.0.9", "port": 81}, {"host": "2001:db8::1", "port": 82}]
        self.assertEqual(found["upstreams"], upstreams)
        self.assertEqual(found["rate_limit"], {"enabled": True, "requests": 100, "window": "60s"})
        form = self.ada.open(at(row, "edit/"))
        for text in ("10.0.0.9:81\n[2001:db8::1]:82", "100 per 60s", "app.example.com\nb.example.com\nc.example.com"):
            self.assertIn(text, form.html)

    def test_what_it_has_moved(self) -> None:
        """In the list and on its page, to viewers too; of what moves nothing there is nothing to tell."""
        path = f"{HOSTS}proxy-hosts/new/"
        self.ada.open(path)
        self.assertEqual(self.ada.send(path, **TYPED["proxy-hosts"]).status, 200)
        row, idle = self.row("proxy-hosts", 1), self.made("access-lists")
        entry = UsageEntry(row.owner_id, 0, row.token_id, 1_500_000, 2_000_000_000, 1)
        self.world.store.file.run(usage.apply, "j", 1, NOON, [entry])
        self.assertIn("2.00 GB", self.vera.open(HOSTS).text)
        text = " ".join(self.vera.open(at(row)).text.split())
        self.assertIn("Moved in 30 days 1.50 MB received, 2.00 GB sent 1 exchange", text)
        self.assertNotIn("Moved in", self.vera.open(at(idle)).text)

    def test_more_than_can_be_chosen_from(self) -> None:
        """Where there are more certificates than a form lists, the number of any of them is typed."""
        self.patch(resource, "CHOSEN_FROM", 2)
        rows = [self.made("certificates", domain_names=[f"n{number}.example.com"]) for number in range(3)]
        path = f"{HOSTS}dead-hosts/new/"
        page = self.ada.open(path)
        self.assertNotIn('<option value="new"', page.html)
        self.assertIn("or new to obtain one by ACME", page.text)
        self.assertEqual(page.form(path)["certificate_id"], "0")
        for typed, status in (("999", 400), ("x", 400), (str(rows[2].id), 200)):
            page = self.ada.send(path, domain_names="gone.example.com", certificate_id=typed)
            self.assertEqual(page.status, status, page.text)
        self.assertIn(at(rows[2]), page.links.values())
        self.patch(resource, "CHOSEN_FROM", 3)
        self.assertIn(f'<option value="{rows[2].id}"', self.ada.open(path).html)

    def test_links(self) -> None:
        """A list and a certificate are chosen from those that there are; one in use is not deleted, and it is told."""
        guard = self.made("access-lists")
        certificate = self.made("certificates")
        self.ada.open(f"{HOSTS}proxy-hosts/new/")
        self.assertIn(f'<option value="{guard.id}">{guard.id}: office</option>', self.ada.page.html)
        chosen = {"access_list_id": guard.id, "certificate_id": certificate.id, "ssl_forced": "yes"}
        page = self.ada.send(f"{HOSTS}proxy-hosts/new/", **TYPED["proxy-hosts"], **chosen)
        self.assertIn(at(guard), page.links.values())
        self.assertIn(at(certificate), page.links.values())
        for row in (guard, certificate):
            self.ada.open(at(row, "delete/"))
            page = self.ada.send(at(row, "delete/"))
            self.assertEqual(409, page.status)
            self.assertIn("is in use by proxy host", page.text)
            self.assertEqual(row, self.row(row.kind, row.id))

    def test_a_certificate_is_asked_for(self) -> None:
        """In the form of a host, in the place of one that there is."""
        self.ada.open(f"{HOSTS}dead-hosts/new/")
        self.ada.send(f"{HOSTS}dead-hosts/new/", **TYPED["dead-hosts"], certificate_id="new")
        page = self.ada.open(f"{HOSTS}?kind=certificates")
        self.assertIn("gone.example.com", page.text)


class ConflictTests(HostsCase):
    def test_a_name_that_another_has(self) -> None:
        """Is told by the form, which keeps what was typed."""
        other = self.made()
        self.ada.open(f"{HOSTS}dead-hosts/new/")
        page = self.ada.send(f"{HOSTS}dead-hosts/new/", domain_names="app.example.com")
        self.assertEqual(409, page.status)
        self.assertIn(f"App.example.com belongs to proxy host {other.id}.", page.text)
        self.assertIn("\napp.example.com</textarea>", page.html)
        self.assertEqual(0, self.applied)

    def test_of_two_operators_the_second_is_told(self) -> None:
        row, later = self.made(), self.signed_in("ada")
        later.open(at(row, "edit/"))
        self.ada.open(at(row, "edit/"))
        self.ada.send(at(row, "edit/"), forward_port="3001")
        page = later.send(at(row, "edit/"), forward_port="3002")
        self.assertEqual((409, True), (page.status, "changed meanwhile" in page.text))
        self.assertEqual(3001, self.row(row.kind, row.id).settings["forward_port"])

    def test_what_is_wrong_is_told_beside_its_field(self) -> None:
        """Whether the form saw it or the rules did."""
        for kind, name, text, told in (
            ("proxy-hosts", "domain_names", "a b!", "is no host name"),
            ("proxy-hosts", "domain_names", "", "Fill this in."),
            ("proxy-hosts", "forward_port", "70000", "from 1 to 65535"),
            ("proxy-hosts", "forward_port", "x", "Enter a whole number."),
            ("proxy-hosts", "upstreams", "2001:db8::1", "is not HOST:PORT"),
            ("proxy-hosts", "rate_limit", "much", "such as “100 per 60s”"),
            ("proxy-hosts", "access_list_id", "99", "There is no access list 99."),
            ("proxy-hosts", "access_list_id", "x", "Enter a whole number."),
            ("proxy-hosts", "lb_policy", "none", "must be one of"),
            ("redirection-hosts", "http_code", "200", "must be one of"),
            ("stream-hosts", "incoming_port", "81", "is the daemon's own"),
            ("access-lists", "clients", "allow", "is not a rule such as"),
            ("access-lists", "clients", "allow 10.0.0.1/8", "is no address and no range"),
            ("access-lists", "items", "bob", "bob needs a password."),
            ("certificates", "domain_names", "*.example.com", "by HTTP-01"),
        ):
            with named((kind, name, text)):
                self.ada.open(f"{HOSTS}{kind}/new/")
                page = self.ada.send(f"{HOSTS}{kind}/new/", **TYPED[cast(Kind, kind)] | {name: text})
                self.assertEqual(400, page.status)
                self.assertRegex(page.html, f'<p class="problem" id="{name}-about">[^<]*{told}')

    def test_fields_of_another_kind(self) -> None:
        """Are refused: each was meant to do something."""
        page = self.ada.ask(
            "POST",
            f"{HOSTS}dead-hosts/new/",
            {"csrf": self.token(self.ada), "domain_names": "a.example.com", "forward_port": "1"},
        )
        self.assertEqual(400, page.status)

    def test_what_there_is_not(self) -> None:
        for end in (
            "x/1/",
            "proxy-hosts/99/",
            "proxy-hosts/x/",
            "x/new/",
            f"proxy-hosts/{'9' * 30}/",
            "dead-hosts/9/edit/",
        ):
            with named(end):
                self.assertEqual(404, self.ada.open(f"{HOSTS}{end}").status)


class SecretTests(HostsCase):
    def test_passwords_of_a_list(self) -> None:
        """Are hashed, never shown, and stay where a name alone is given."""
        self.ada.open(f"{HOSTS}access-lists/new/")
        page = self.ada.send(f"{HOSTS}access-lists/new/", name="team", items="ann:geheim:1\r\nbob:other")
        (id_,) = (int(href.split("/")[4]) for href in page.links.values() if href.endswith("/edit/"))
        hashes = self.row("access-lists", id_).hashes
        self.assertEqual({"ann", "bob"}, set(hashes))
        page = self.ada.open(f"{HOSTS}access-lists/{id_}/edit/")
        self.assertIn("\nann\nbob</textarea>", page.html)
        self.ada.send(f"{HOSTS}access-lists/{id_}/edit/", items="ann\r\nbob:newer")
        after = self.row("access-lists", id_).hashes
        self.assertEqual((True, False), (after["ann"] == hashes["ann"], after["bob"] == hashes["bob"]))

    def test_a_refused_form_shows_no_password(self) -> None:
        self.ada.open(f"{HOSTS}access-lists/new/")
        page = self.ada.send(f"{HOSTS}access-lists/new/", name="team", items="ann:geheim", clients="x")
        self.assertEqual(400, page.status)
        self.assertNotIn("geheim", page.html)
        self.assertIn("\nann</textarea>", page.html)


class ReadingTests(HostsCase):
    def test_a_viewer_sees_no_form(self) -> None:
        """She sees what is published, and nothing that she would be refused."""
        for kind in TYPED:
            row = self.made(
                kind, **({"domain_names": [f"{kind}.example.com"]} if "domain_names" in TYPED[kind] else {})
            )
            for path in (at(row), at(row, "edit/"), at(row, "delete/"), f"{HOSTS}{kind}/new/"):
                with named(path):
                    page = self.vera.open(path)
                    self.assertEqual(200, page.status)
                    self.assertEqual({"/sign-out/"}, set(page.actions))
                    page = self.vera.ask("POST", path, {"csrf": self.token(self.vera)})
                    self.assertIn(page.status, (403, 405))

    def test_every_member_is_told(self) -> None:
        """In words, on the page of the resource."""
        row = self.made(ssl_forced=False, upstreams=[{"host": "10.0.0.9", "port": 81}])
        page = self.vera.open(at(row))
        for text in ("HTTPS forced", "round_robin", "host 10.0.0.9, port 81", "app.example.com"):
            self.assertIn(text, page.text)
        self.assertEqual(forms.whole("proxy-hosts", row.settings), row.settings)
