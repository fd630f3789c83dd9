"""Names that people sign in by."""

from __future__ import annotations

from meshd.accounts import usernames
from meshd.accounts.errors import Taken
from tests.accounts.support import AccountsCase, OnPostgres, named


class UsernamesTests(AccountsCase):
    def test_by_which_names_one_signs_in(self) -> None:
        """The username before any e-mail address; an address that several have is nobody's; what a parent says of its
        sub-accounts keeps nobody else from signing in.
        """
        self.kept_from("mail", "one@x.example")
        self.customer("mail", email="one@x.example")
        self.customer("a", email="two@x.example")
        self.customer("b", email="Two@x.example")
        self.customer("one@x.test", email="")
        self.customer("c", email="one@x.test")
        self.below("alice", "three@x.example")
        self.below("alice", "under", email="four@x.example")
        for name in ("kin", "kith"):
            self.below("alice", name, email="five@x.example")
        for sentence, typed, expected in (
            ("a username", "ALICE", "ALICE"),
            ("an e-mail address", "One@x.example", "mail"),
            ("one that two have", "two@x.example", "two@x.example"),
            ("one that is a username too", "one@x.test", "one@x.test"),
            ("a sub-account's name", "three@x.example", "three@x.example"),
            ("a sub-account's address", "four@x.example", "under"),
            ("one that two sub-accounts have", "five@x.example", "five@x.example"),
            ("nobody's", "nobody", "nobody"),
            ("nothing", "", ""),
        ):
            with named(sentence):
                self.assertEqual(self.run_unit(usernames.sign_in_name, typed), expected)

    def kept_from(self, victim: str, email: str) -> None:
        """What a stranger can say of that address and has no say in: sub-accounts of that name, and with it."""
        self.below("alice", email, email=email)
        for number in range(4):
            self.below("alice", f"{victim}{number}", email=email.upper())

    def test_what_a_sub_account_is_not_called(self) -> None:
        """A name, whoever's it is, and the address that a top-level account has; others may be called so."""
        self.customer("mail", email="one@x.example")
        self.below("alice", "under", email="two@x.example")
        for name, at_top in (("UNDER", True), ("One@x.example", False), ("admin", True)):
            with named(name):
                self.refused(Taken, usernames.require_free, name, below=True)
                if at_top:
                    self.refused(Taken, usernames.require_free, name)
        for name in ("two@x.example", "nobody"):
            self.run_unit(usernames.require_free, name, below=True)
        self.run_unit(usernames.require_free, "one@x.example")


class PostgresUsernamesTests(OnPostgres, UsernamesTests):
    """The same there."""
