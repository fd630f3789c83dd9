"""Proving an e-mail address: whose it is, until when, and that it is one account's at last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import TestCase

from meshd.accounts import emailchange
from meshd.accounts import toplevel as holders
from meshd.accounts.attempt import perform_blocking
from meshd.accounts.errors import AccountError, Forbidden, Invalid, NotFound, Taken
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import NewAccount
from meshd.accounts.registering import PROOF_SECONDS
from meshd.accounts.toplevel import Terms
from meshd.store.open import BlockingStore
from meshd.store.statements import accounts
from meshd.topology import PLANS
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named
from tests.support.stores import migrated_postgres_url

ONE, TWO = b"1" * 32, b"2" * 32
NEW = "new@mail.example"


class EmailChangeTests(AccountsCase):
    def request(self, email: str = NEW, digest: bytes = ONE) -> None:
        self.run_unit(emailchange.request, self.alice.id, email, digest=digest, now=NOON)

    def test_a_change(self) -> None:
        self.request()
        self.assertEqual(self.account("alice").email, "")
        self.assertEqual(self.run_unit(emailchange.confirm, self.alice.id, ONE, now=NOON), "")
        self.assertEqual(self.account("alice").email, NEW)
        self.assertEqual(self.told(), ("alice", "account.edit", self.alice.id))
        self.refused(Invalid, emailchange.confirm, self.alice.id, ONE, now=NOON)
        self.request("other@mail.example")
        self.assertEqual(self.run_unit(emailchange.confirm, self.alice.id, ONE, now=NOON), NEW)

    def test_what_proves_nothing(self) -> None:
        self.request()
        late = NOON + PROOF_SECONDS
        for sentence, actor, digest, now in (
            ("another token", self.alice.id, TWO, NOON),
            ("another account", self.kid.id, ONE, NOON),
            ("too late", self.alice.id, ONE, late),
        ):
            with named(sentence):
                self.refused(Invalid, emailchange.confirm, actor, digest, now=now)
        self.run_unit(emailchange.confirm, self.alice.id, ONE, now=late - 1)

    def test_another_token(self) -> None:
        """For the same address, and the time begins anew."""
        self.request()
        later = NOON + PROOF_SECONDS
        self.assertEqual(self.run_unit(emailchange.renew, self.alice.id, digest=TWO, now=later), NEW)
        self.refused(Invalid, emailchange.confirm, self.alice.id, ONE, now=later)
        self.run_unit(emailchange.confirm, self.alice.id, TWO, now=later)

    def test_cancelling(self) -> None:
        self.refused(NotFound, emailchange.cancel, self.alice.id, now=NOON)
        self.refused(NotFound, emailchange.renew, self.alice.id, digest=ONE, now=NOON)
        self.request()
        self.run_unit(emailchange.cancel, self.alice.id, now=NOON)
        self.refused(Invalid, emailchange.confirm, self.alice.id, ONE, now=NOON)

    def test_an_address_is_one_accounts(self) -> None:
        """When it is asked for, and when it is proven."""
        self.customer("bob", email="bob@mail.example")
        for email in ("BOB@mail.example", "no address", ""):
            with named(email):
                self.refused(
                    Taken if "@" in email else Invalid,
                    emailchange.request,
                    self.alice.id,
                    email,
                    digest=ONE,
                    now=NOON,
                )
        self.request()
        self.customer("cy", email=NEW.upper())
        self.refused(Taken, emailchange.confirm, self.alice.id, ONE, now=NOON)

    def test_another_way_to_write_it(self) -> None:
        """One's own is no change; but for a letter's case it takes none."""
        self.request()
        self.run_unit(emailchange.confirm, self.alice.id, ONE, now=NOON)
        self.refused(Invalid, emailchange.request, self.alice.id, NEW.upper(), digest=ONE, now=NOON)

    def test_a_token_of_meshds_own_does_not_do(self) -> None:
        token = self.token(self.alice.id)
        actor = self.by_token(token)
        self.refused(Forbidden, emailchange.request, actor, NEW, digest=ONE, now=NOON)
        self.refused(Forbidden, emailchange.confirm, actor, ONE, now=NOON)
        whole = ByToken(self.alice.id, token.id, whole=True)
        self.run_unit(emailchange.request, whole, NEW, digest=ONE, now=NOON)

    def test_the_audit_holds_no_address(self) -> None:
        self.request()
        self.run_unit(emailchange.confirm, self.alice.id, ONE, now=NOON)
        self.assertNotIn("mail.example", repr(self.history(self.alice)))


class EmailChangeOnPostgresTests(OnPostgres, EmailChangeTests):
    """The same on PostgreSQL."""


class AtOnceTests(TestCase):
    def test_one_address_proven_by_several(self) -> None:
        """It is the first one's, and the others are told so."""
        url = migrated_postgres_url(self)
        stores = [BlockingStore(url) for _ in range(4)]
        for store in stores:
            self.addCleanup(store.close)
        stores[0].migrate()
        ids = []
        for number in range(4):
            made = stores[0].run(
                holders.create,
                OPERATOR,
                NewAccount(username=f"a{number}"),
                terms=Terms("20"),
                plans=PLANS,
                proxies=[],
                now=NOON,
            )
            stores[0].run(emailchange.request, made.id, NEW, digest=ONE, now=NOON)
            ids.append(made.id)

        def confirm(number: int) -> str:
            try:
                perform_blocking(stores[number].run, emailchange.confirm, ids[number], ONE, now=NOON)
            except AccountError as error:
                return type(error).__name__
            return ""

        with ThreadPoolExecutor(4) as threads:
            self.assertEqual(sorted(threads.map(confirm, range(4))), ["", "Taken", "Taken", "Taken"])
        self.assertEqual(len(stores[0].run(accounts.by_email, NEW, 9)), 1)
