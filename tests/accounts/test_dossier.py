"""An account made, read and changed as a whole."""

from __future__ import annotations

from typing import Any

from meshd.accounts import dossier
from meshd.accounts.dossier import Changes, Dossier, Held
from meshd.accounts.errors import Invalid, NotYours, Stale
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.terms import Agreed
from meshd.accounts.toplevel import Terms
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase, OnPostgres


def always(found: Dossier) -> bool:
    return True


class DossierTests(AccountsCase):
    def change(self, username: str = "alice", expected: Any = always, actor: Any = OPERATOR, **given: Any) -> Dossier:
        changes = Changes(**{"profile": Profile(), "terms": Terms(), "agreed": Agreed(), **given})
        return self.run_unit(dossier.change, actor, username, changes, expected=expected, plans=self.plans, now=NOON)

    def test_everything_at_once(self) -> None:
        """And what was read before is what is compared."""
        before = self.run_unit(dossier.read, OPERATOR, "alice")
        changed = self.change(
            expected=before.__eq__,
            profile=Profile(first_name="Al", monthly_limit=5),
            terms=Terms(plan="50"),
            agreed=Agreed(username="alicia", notes="moved up"),
            held=Held(bounds={"tunnels": 5}, rules={"only": ["example.com"]}),
            active=False,
        )
        account = changed.account
        self.assertEqual((account.username, account.plan, account.notes), ("alicia", "50", "moved up"))
        self.assertEqual((account.bounds, account.active, account.monthly_limit), ("tunnels=5", False, 5))
        self.assertEqual(self.run_unit(dossier.read, OPERATOR, "alicia"), changed)

    def test_all_or_nothing(self) -> None:
        """Whatever is wrong with any of it."""
        for given in (
            {"profile": Profile(first_name="Al"), "terms": Terms(plan="nothing")},
            {"active": False, "agreed": Agreed(expires_on="soon")},
            {"held": Held(bounds={"tunnels": 5}, rules={"only": ["a b"]})},
        ):
            changes = Changes(**{"profile": Profile(), "terms": Terms(), "agreed": Agreed(), **given})  # type: ignore[arg-type]
            self.refused(
                Invalid, dossier.change, OPERATOR, "alice", changes, expected=always, plans=self.plans, now=NOON
            )

    def test_what_is_no_longer_as_it_was_seen(self) -> None:
        """Is neither changed nor deleted."""
        seen = self.run_unit(dossier.read, OPERATOR, "alice")
        self.change(profile=Profile(first_name="Al"))
        for unit, more in ((dossier.delete, {}), (dossier.change, {"plans": self.plans})):
            given = () if unit is dossier.delete else (Changes(profile=Profile(), terms=Terms(), agreed=Agreed()),)
            self.refused(Stale, unit, OPERATOR, "alice", *given, expected=seen.__eq__, now=NOON, **more)

    def test_below_a_parent(self) -> None:
        """Terms are the parent's."""
        made = self.run_unit(
            dossier.create,
            OPERATOR,
            NewAccount(username="sub", password_hash=""),
            parent="alice",
            terms=Terms(),
            agreed=Agreed(notes="a test"),
            plans=self.plans,
            proxies=list(KNOWN),
            now=NOON,
        )
        self.assertEqual((made.parent, made.account.notes), ("alice", "a test"))
        self.refused(
            Invalid,
            dossier.create,
            OPERATOR,
            NewAccount(username="other", password_hash=""),
            parent="alice",
            terms=Terms(plan="10"),
            agreed=Agreed(),
            plans=self.plans,
            proxies=list(KNOWN),
            now=NOON,
        )

    def test_by_role(self) -> None:
        """An admin does not read another operator, and learns of nobody that there is none."""
        admin = self.customer("boss", role="admin")
        self.customer("other", role="viewer")
        self.assertEqual(self.run_unit(dossier.read, admin.id, "boss").account.id, admin.id)
        self.refused(NotYours, dossier.read, admin.id, "other")
        self.assertTrue(self.refused(NotYours, dossier.read, admin.id, "nobody").absent)


class PostgresDossierTests(OnPostgres, DossierTests):
    """The same there."""
