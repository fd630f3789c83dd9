"""What somebody hostile has chosen, on the pages of published hosts: text, wherever it is stored or typed."""

from __future__ import annotations

from meshd.accounts import hostaudit, hosttokens
from meshd.accounts.published import acme
from tests.web.dashboard.hosts.support import HOSTS, TYPED, HostsCase, at
from tests.web.dashboard.operator.test_hostile import SIGNS
from tests.web.dashboard.test_hostile import HOSTILE
from tests.web.support import NOON, named


class HostileTests(HostsCase):
    def clean(self, page: object) -> None:
        raw = page.answer.body.decode()  # type: ignore[attr-defined]
        for sign in SIGNS:
            self.assertNotIn(sign, raw)

    def test_stored(self) -> None:
        """Names of lists and certificates, what clients keep, problems, the record, names of tokens."""
        for number, text in enumerate(HOSTILE):
            with named(text):
                guard = self.made("access-lists", name=text, items=[], meta={text: text})
                certificate = self.made("certificates", nice_name=text, domain_names=[f"n{number}.example.com"])
                self.world.store.file.run(acme.failed, certificate.id, text, NOON + 60, NOON)
                pages = [
                    "?kind=access-lists", "?kind=certificates", "proxy-hosts/new/", "tokens/", "audit/"
                ]  # fmt: skip
                self.world.store.file.run(
                    hostaudit.record, at=NOON, action=text, username=text, email=text, details={"x": text}, address=text
                )
                ada = self.row("access-lists", guard.id)
                self.assertEqual(ada.settings["name"], text)
                for path in [*pages, *(f"{row.kind}/{row.id}/" for row in (guard, certificate))]:
                    page = self.ada.open(f"{HOSTS}{path}")
                    self.assertEqual(200, page.status)
                    self.clean(page)
                for row in (guard, certificate):
                    for end in ("", "edit/", "delete/"):
                        page = self.ada.open(at(row, end))
                        self.assertIn(text, page.html)
                        self.clean(page)
                self.ada.open(at(guard))
                page = self.ada.send(at(guard, "disable/"))
                self.assertIn(text[:100], page.html)
                self.clean(page)

    def test_typed(self) -> None:
        """In every field of every form."""
        for kind, typed in TYPED.items():
            form = self.ada.open(f"{HOSTS}{kind}/new/").form(f"{HOSTS}{kind}/new/")
            for name in form:
                for text in HOSTILE if name != "csrf" else ():
                    with named((kind, name, text)):
                        page = self.ada.ask("POST", f"{HOSTS}{kind}/new/", {**form, **typed, name: text})
                        self.assertIn(page.status, (303, 400, 409))
                        self.clean(page)
        token = self.token(self.ada)
        for text in HOSTILE:
            for path, form in (
                ("/operator/certificates/upload/", dict.fromkeys(("nice_name", "certificate"), text)),
                (f"{HOSTS}tokens/create/", {"name": text[:100]}),
                (f"{HOSTS}tokens/delete/", {"id": text}),
                ("/operator/certificates/renew/", {"id": text}),
            ):
                page = self.ada.ask("POST", path, {"csrf": token, **form})
                self.assertIn(page.status, (200, 400))
                self.clean(page)
        self.assertLessEqual(len(HOSTILE), hosttokens.MOST_TOKENS)
