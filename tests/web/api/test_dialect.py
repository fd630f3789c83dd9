from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import errors, importing
from meshd.accounts.errors import AccountError
from meshd.web.api.answers import RULINGS
from meshd.web.api.dialect import ProxyMesh
from meshd.web.api.wording import FLAWS, STATUSES
from meshd.web.forms import WHOLE, FormError
from meshd.web.problems import Flaw

STATUS = {
    "AccountError": (400, None),
    "Invalid": (400, None),
    "Taken": (400, None),
    "PlanLimitReached": (402, None),
    "NotYours": (403, None),
    "Forbidden": (403, None),
    "NotFound": (404, None),
    "TooMany": (429, "1"),
    "PlanUnknown": (503, "5"),
    "InUse": (409, None),
    "Stale": (412, None),
    "OtherRequest": (422, None),
}
"""What each class answers with, and after how many seconds to try again."""

NEVER_ASKED_FOR = {importing.RowRefused}
"""Classes of what the command alone does."""


def classes(top: type[AccountError]) -> Iterator[type[AccountError]]:
    """Those of `accounts`, with all that stand below them."""
    yield top
    for each in top.__subclasses__():
        yield from classes(each)


class RulingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.dialect = ProxyMesh(None)  # type: ignore[arg-type]

    def test_every_class_of_error_has_a_status(self) -> None:
        """A new one is a decision about what clients see."""
        known = {each for each in classes(AccountError) if each.__module__.startswith("meshd.")}
        self.assertEqual(known - NEVER_ASKED_FOR, set(RULINGS))
        self.assertEqual({each.__name__ for each in RULINGS}, set(STATUS))

    def test_each_has_the_one_of_the_documents(self) -> None:
        """With the seconds to wait, where waiting helps."""
        for kind in RULINGS:
            error = kind({"id": ["no"]}) if issubclass(kind, errors.Invalid) else kind("no")
            reply = self.dialect.rule_refused(error)
            self.assertEqual((reply.status, dict(reply.fields).get("Retry-After")), STATUS[kind.__name__], kind)

    def test_one_that_has_none_yet_is_told_as_what_it_is_a_kind_of(self) -> None:
        """And no fault of ours."""

        class Newer(errors.PlanLimitReached):
            pass

        self.assertEqual(self.dialect.rule_refused(Newer("no")).status, 402)


class FlawTests(SynchronousTestCase):
    def test_every_flaw_has_words(self) -> None:
        """One that had none would be an internal error."""
        self.assertEqual(set(FLAWS), set(Flaw))
        self.assertTrue(all(FLAWS.values()))

    def test_what_is_no_complaint_about_a_field_has_another_shape(self) -> None:
        """Only 400 names fields."""
        dialect = ProxyMesh(None)  # type: ignore[arg-type]
        for flaw in Flaw:
            reply = dialect.form_refused(FormError.of(flaw))
            told = {WHOLE: [FLAWS[flaw]]} if flaw not in STATUSES else {"detail": FLAWS[flaw]}
            self.assertEqual((reply.status, reply.body), (STATUSES.get(flaw, 400), told), flaw)
