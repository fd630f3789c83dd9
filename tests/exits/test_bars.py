"""An exchange's destination under the rules of several levels."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.bars import Bar
from meshd.model import Refusal
from meshd.values.destinations import level
from meshd.values.rules import Rules
from meshd.values.terms import terms

ONLY_NAME = Rules("only", ("a.example", "*.c.example:443"))
NOT_PRIVATE = Rules("except", ("192.0.2.0/24", "[2001:db8::/32]:25"))
ONLY_NET = Rules("only", ("b.example", "192.0.2.0/24"))


class BarTests(SynchronousTestCase):
    def bar(self, host: str, port: int, *levels: Rules) -> Bar:
        self.noted: list[str] = []
        reasons = ("acl-plan", "acl-parent", "acl-account", "acl-token")
        held = tuple(level(reason, each.render()) for reason, each in zip(reasons, levels, strict=False))
        return Bar(terms((), held), host, port, lambda each: self.noted.append(each.reason))

    @staticmethod
    def reason(refusal: Refusal | None) -> str:
        return refusal.reason if refusal else ""

    def test_every_level_must_let_it_pass(self) -> None:
        """The first that does not is told."""
        for host, port, levels, reason in (
            ("a.example", 80, (ONLY_NAME,), ""),
            ("b.example", 80, (ONLY_NAME,), "acl-plan"),
            ("x.c.example", 443, (NOT_PRIVATE, ONLY_NAME), ""),
            ("c.example", 443, (NOT_PRIVATE, ONLY_NAME), "acl-parent"),
            ("a.example", 80, (ONLY_NAME, ONLY_NAME, Rules("except", ("a.example",))), "acl-account"),
        ):
            self.assertEqual(self.reason(self.bar(host, port, *levels).name()), reason, (host, port, levels))

    def test_addresses_decide_what_no_name_does(self) -> None:
        """As the resolver gave them, with what is wrapped inside taken out."""
        for host, port, rules, addresses, reason in (
            ("x.example", 80, NOT_PRIVATE, ("198.51.100.1",), ""),
            ("x.example", 80, NOT_PRIVATE, ("198.51.100.1", "192.0.2.1"), "acl-plan"),
            ("x.example", 80, NOT_PRIVATE, ("::ffff:192.0.2.1",), "acl-plan"),
            ("x.example", 80, NOT_PRIVATE, ("64:ff9b::c000:201",), "acl-plan"),
            ("x.example", 80, NOT_PRIVATE, ("2001:db8::1%eth0",), ""),
            ("x.example", 25, NOT_PRIVATE, ("2001:db8::1%eth0",), "acl-plan"),
            ("x.example", 80, ONLY_NET, ("192.0.2.1",), ""),
            ("x.example", 80, ONLY_NET, ("198.51.100.1",), "acl-plan"),
            ("b.example", 80, ONLY_NET, ("198.51.100.1",), ""),
        ):
            bar = self.bar(host, port, rules)
            self.assertIsNone(bar.name())
            self.assertEqual(self.reason(bar.addresses(addresses)), reason, (host, port, addresses))

    def test_where_an_upstream_proxy_looks_the_name_up(self) -> None:
        """What cannot be shown to be among the only ones is refused; an address that is asked for is judged."""
        for host, rules, reason in (
            ("x.example", NOT_PRIVATE, ""),
            ("x.example", ONLY_NET, "acl-plan"),
            ("b.example", ONLY_NET, ""),
            ("192.0.2.1", NOT_PRIVATE, "acl-plan"),
            ("192.0.2.1", ONLY_NET, ""),
        ):
            bar = self.bar(host, 80, rules)
            self.assertEqual(self.reason(bar.name() or bar.elsewhere()), reason, (host, rules))

    def test_to_observe_is_to_note_and_let_pass(self) -> None:
        """Whatever the other levels say."""
        watched = Rules("only", ("a.example",), observe=True)
        bar = self.bar("b.example", 80, watched, Rules("except", ("192.0.2.0/24",), observe=True), ONLY_NET)
        self.assertIsNone(bar.name() or bar.addresses(("192.0.2.1",)))
        self.assertEqual(self.noted, ["acl-plan", "acl-parent"])
        self.assertEqual(self.reason(self.bar("c.example", 80, watched, ONLY_NAME).name()), "acl-parent")

    def test_a_refusal_has_the_operators_words(self) -> None:
        """And says for which destination."""
        refusal = self.bar("b.example", 80, Rules("only", ("a.example",), words="ask us")).name()
        assert refusal is not None
        self.assertEqual((refusal.words, refusal.detail), ("ask us", "b.example port 80"))
