"""The decisions of a request told one by one, without any I/O."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Network
from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.destinations import Judge
from meshd.exits.outlets import FAILURES
from meshd.exits.pools import Pools
from meshd.explain.question import Question, World
from meshd.explain.walk import Explanation, explain
from meshd.http1.target import read_target
from meshd.model import Account, Identity, Refusal, Token, Usage
from meshd.proxy.replies import REASONS
from meshd.topology import DestinationRules, Exit, ExitRule, ProxyHost, Topology, UpstreamProxy
from meshd.values.destinations import level
from meshd.values.rules import Rules
from meshd.values.terms import terms

NOW = 1768478400
"""2026-01-15."""

RACKS = tuple(
    Exit(f"rack-{number}", "local", f"198.51.100.{number}", country="US" if number < 3 else "GB") for number in range(5)
)
UP = Exit("up", "http", country="DE", upstream=UpstreamProxy("secret-host.example", 8080, "me", "hush"))
SIX = Exit("six", "local", prefix=IPv6Network("2001:db8:1::/64"), country="FR")

NAMES: dict[str, tuple[str, ...] | Refusal] = {
    "origin.example": ("8.8.4.4", "2a00::1"),
    "four.example": ("8.8.4.4",),
    "inside.example": ("8.8.4.4", "10.0.0.1"),
    "134744072": ("8.8.8.8",),
    "gone.example": Refusal("dns-error", "no such name"),
}


def proxy(name: str, *exits: Exit) -> ProxyHost:
    return ProxyHost(name, (), f"{name}.example:31280", ExitRule(), exits)


PROXIES = {
    each.name: each
    for each in (
        proxy("us", *RACKS),
        proxy("mixed", RACKS[0], UP),
        proxy("up", UP),
        proxy("six", SIX),
        proxy("both", RACKS[0], SIX),
        proxy("none"),
    )
}
TOPOLOGY = Topology(PROXIES, (*RACKS, UP, SIX), {})
RULES = DestinationRules(deny_hosts=frozenset({"bad.example"}))


def account(number: int, name: str, parent: int | None = None, **limits: int) -> Account:
    return Account(
        id=number,
        username=name,
        parent_id=parent,
        role="customer",
        plan="50",
        active=True,
        first_name="",
        last_name="",
        email="",
        monthly_limit=limits.get("monthly", 0),
        total_limit=limits.get("total", 0),
        billing_day=1,
        created_at=0,
        password_hash="",
    )


def usage(number: int, total: int = 0, period: int = 0) -> Usage:
    return Usage(number, total, period, NOW - 14 * 86_400)


ALL = frozenset(PROXIES)
ALICE = Identity(account(1, "alice"), None, ALL, usage(1), None)
ASLEEP = replace(ALICE, account=replace(ALICE.account, active=False))
SUB = Identity(account(2, "sub", 1), account(1, "jo"), ALL, usage(2), usage(1))
ORPHANED = replace(SUB, parent=replace(account(1, "jo"), active=False))
MONTHLY = replace(ALICE, account=account(1, "alice", monthly=10**9), usage=usage(1, 5 * 10**9, 10**9))
TOTAL = replace(ALICE, account=account(1, "alice", total=10**9), usage=usage(1, 10**9))
FAMILY = replace(SUB, parent=account(1, "jo", total=10**9), parent_usage=usage(1, 2 * 10**9))
LAST_PERIOD = replace(MONTHLY, usage=Usage(1, 5 * 10**9, 10**9, NOW - 60 * 86_400))
TOKEN = Token(7, 1, "", True, "", 0)


class Row(NamedTuple):
    """A situation, where its walk ends, and with what."""

    sentence: str
    last: str
    reason: str
    text: str
    who: Identity = ALICE
    to: str = "origin.example:443"
    proxy: str = "us"
    select: str = ""
    token: Token | None = None
    drained: tuple[str, ...] = ()
    resting: tuple[str, ...] = ()
    own: bool = False


PASSES = "addresses"

ROWS = (
    Row("nothing is in the way", PASSES, "", "8.8.4.4, 2a00::1"),
    Row("the account is not active", "account", "account-inactive", "alice is not active", ASLEEP),
    Row("its parent is not", "account", "account-inactive", "jo is not active", ORPHANED),
    Row(
        "another proxy's",
        "proxy",
        "proxy-not-authorized",
        "us is not among its proxies",
        replace(ALICE, proxies=frozenset()),
    ),
    Row(
        "another of the token's",
        "proxy",
        "proxy-not-authorized",
        "us is not among the token's proxies",
        token=replace(TOKEN, proxies=("up",)),
    ),
    Row("an old token", "token", "auth-invalid", "token 7 has expired", token=replace(TOKEN, expires_on="2026-01-14")),
    Row("a token on its last day", PASSES, "", "8.8.4.4, 2a00::1", token=replace(TOKEN, expires_on="2026-01-15")),
    Row("a token out of use", "token", "auth-invalid", "token 7 is not active", token=replace(TOKEN, active=False)),
    Row(
        "a bad selection before all else",
        "selection",
        "bad-selection",
        "country at character 7: needs a country of two letters",
        ASLEEP,
        select="country-usx",
    ),
    Row(
        "a place where no exit is",
        "exit",
        "no-exit",
        "no exit of us is in albany, ny, US and has the tag high",
        select="country-us-region-ny-city-albany-filter-high",
    ),
    Row("a month's bytes", "limits", "quota-monthly", "alice has used 1.000 of 1.000 GB this period", MONTHLY),
    Row("that month is over", PASSES, "", "8.8.4.4, 2a00::1", LAST_PERIOD),
    Row("all bytes", "limits", "quota-total", "alice has used 1.000 of 1.000 GB in all", TOTAL),
    Row("the parent's bytes", "limits", "quota-parent", "jo has used 2.000 of 1.000 GB in all", FAMILY),
    Row("no such country", "exit", "no-exit", "no exit of us is in NO", select="country-no"),
    Row("no exits at all", "exit", "no-exit", "none has no exits", proxy="none"),
    Row(
        "none is left",
        "exit",
        "no-exit",
        "of 2 exits: 1 resting, 1 drained",
        select="country-gb",
        drained=("rack-3",),
        resting=("rack-4",),
    ),
    Row("none is wanted", "exit", "no-exit", "of 2 exits: 2 to be avoided", select="country-gb-not-rack%2D3,rack%2D4"),
    Row(
        "the token asks for a country",
        "exit",
        "no-exit",
        "no exit of us is in NO",
        token=replace(TOKEN, selection="country-no"),
    ),
    Row(
        "its user for another",
        PASSES,
        "",
        "8.8.4.4, 2a00::1",
        select="country-us",
        token=replace(TOKEN, selection="country-no"),
    ),
    Row("a port", "destination", "acl-port", "port 25 of origin.example", to="origin.example:25"),
    Row("a name", "destination", "acl-host", "port 443 of www.bad.example", to="www.bad.example:443"),
    Row("no exit before a bad port", "exit", "no-exit", "none has no exits", proxy="none", to="origin.example:25"),
    Row("one address of several", PASSES, "acl-private", "10.0.0.1", to="inside.example:443"),
    Row("an address itself", PASSES, "acl-private", "::1", to="[::1]:443"),
    Row("a port of our own", PASSES, "acl-private", "8.8.8.8: a port of meshd's own", to="8.8.8.8:1128", own=True),
    Row("no such name", PASSES, "dns-error", "no such name", to="gone.example:443"),
    Row(
        "a name that the upstream looks up",
        PASSES,
        "",
        "the upstream proxy looks the name up",
        proxy="up",
        to="inside.example:443",
    ),
    Row("an address means the same there", PASSES, "acl-private", "10.0.0.1", proxy="up", to="10.0.0.1:443"),
    Row(
        "an old spelling of one",
        PASSES,
        "acl-private",
        "an address in an old spelling",
        proxy="up",
        to="2130706433:443",
    ),
    Row("that spelling where only some refuse it", PASSES, "acl-private", "8.8.8.8", proxy="mixed", to="134744072:443"),
    Row("this host, to an upstream", PASSES, "acl-private", "::1", proxy="up", to="localhost:443"),
    Row(
        "no address of the family",
        PASSES,
        "unreachable",
        "8.8.4.4: none of the exit's family",
        proxy="six",
        to="four.example:443",
    ),
    Row("one that can is tried next", PASSES, "", "8.8.4.4", proxy="both", to="four.example:443"),
)

EXITS = (
    ("", (), "one of 5, by chance: rack-0, rack-1, rack-2, rack-3, rack-4", ""),
    ("country-us", (), "one of 3, by chance: rack-0, rack-1, rack-2", ""),
    ("country-us", ("rack-0", "rack-1"), "rack-2 (local 198.51.100.2), the only one", ""),
    ("exit-rack%2D3", (), "rack-3 (local 198.51.100.3), which is asked for", ""),
    (
        "exit-rack%2D3-country-gb",
        ("rack-3",),
        "rack-3 is not there or not up; rack-4 (local 198.51.100.4), the only one",
        "",
    ),
    ("session-a", (), "rack-1 (local 198.51.100.1), by session a", ""),
    (
        "session-a",
        ("rack-1",),
        "rack-3 (local 198.51.100.3), by session a, in the place of rack-1, which is drained",
        "",
    ),
    ("session-a-strict", ("rack-1",), "rack-1, by session a, is drained", "session-exit-gone"),
)


def pools(drained: tuple[str, ...], resting: tuple[str, ...] = ()) -> Pools:
    made = Pools(TOPOLOGY, drained=drained)
    for name in resting:
        for _ in range(FAILURES):
            made.outlets[name].failed(NOW)
    return made


def explained(row: Row) -> Explanation:
    target = read_target(b"CONNECT", row.to.encode())
    question = Question(row.who, PROXIES[row.proxy], target, row.select, len("alice") + 1, row.token)
    world = World(
        pools(row.drained, row.resting),
        Judge(RULES),
        lambda addresses, port: row.own,
        lambda host: NAMES[host],
        NOW,
    )
    return explain(question, world)


class RulesTests(SynchronousTestCase):
    def walked(self, rules: Rules, to: str = "origin.example:443", proxy: str = "us") -> Explanation:
        held = terms((), (level("acl-token", rules.render()),))
        question = Question(ALICE, PROXIES[proxy], read_target(b"CONNECT", to.encode()), terms=held)
        world = World(pools(()), Judge(RULES), lambda addresses, port: False, lambda host: NAMES[host], NOW)
        return explain(question, world)

    def test_rules_of_the_account(self) -> None:
        """By name, by address, and where an upstream proxy looks the name up; what only observes is told."""
        for rules, proxy, last, reason, text in (
            (Rules("only", ("example",)), "us", PASSES, "", "8.8.4.4, 2a00::1"),
            (
                Rules("except", ("example",), words="No"),
                "us",
                "rules",
                "acl-token",
                'origin.example port 443 is refused by the rules of the token, who is told "No"',
            ),
            (
                Rules("except", ("8.8.4.0/24",)),
                "us",
                PASSES,
                "acl-token",
                "8.8.4.4, 2a00::1: origin.example port 443 is refused by the rules of the token",
            ),
            (Rules("only", ("8.8.4.0/24",)), "up", PASSES, "acl-token", "origin.example port 443"),
            (
                Rules("except", ("example",), observe=True),
                "us",
                "rules",
                "",
                "may be asked for; the rules of the token would refuse it, and observe",
            ),
            (
                Rules("except", ("2a00::/16",), observe=True),
                "us",
                PASSES,
                "",
                "8.8.4.4, 2a00::1; the rules of the token would refuse it, and observe",
            ),
        ):
            found = self.walked(rules, proxy=proxy)
            step = next(each for each in found.steps if each.name == last)
            self.assertEqual((step.no.reason if step.no else "", step.text), (reason, text), rules)
            self.assertIs(found.passes, not reason)


class ExplainTests(SynchronousTestCase):
    def test_where_each_walk_ends(self) -> None:
        """By which rule, and with the very reason of the proxy's table."""
        for row in ROWS:
            found = explained(row)
            last = found.steps[-1]
            reason = found.no.reason if found.no else ""
            self.assertEqual((row.sentence, last.name, reason), (row.sentence, row.last, row.reason))
            self.assertEqual(last.text, row.text, row.sentence)
            self.assertEqual(found.passes, not row.reason)
            self.assertEqual([step.no for step in found.steps[:-1]], [None] * (len(found.steps) - 1), row.sentence)
            self.assertTrue(not reason or reason in REASONS)

    def test_which_exit(self) -> None:
        """One by its rule, or the number of those that may be drawn."""
        for select, drained, text, reason in EXITS:
            found = explained(Row("", "", "", "", select=select, drained=drained))
            step = next(step for step in found.steps if step.name == "exit")
            self.assertEqual((select, step.text, step.no.reason if step.no else ""), (select, text, reason))

    def test_the_order(self) -> None:
        """That of the daemon."""
        names = [step.name for step in explained(Row("", "", "", "", token=TOKEN)).steps]
        self.assertEqual(
            names, ["token", "selection", "account", "proxy", "limits", "exit", "destination", "addresses"]
        )

    def test_refused_by_some_exits_alone(self) -> None:
        """A name of the inside, where one exit resolves here and the other does not."""
        found = explained(Row("", "", "", "", proxy="mixed", to="inside.example:443"))
        self.assertEqual((found.exits, found.no), (("up",), Refusal("acl-private")))
        self.assertFalse(found.passes)
        self.assertEqual(found.steps[-1].text, "10.0.0.1, but for up")

    def test_a_name_that_is_not_to_be_looked_up(self) -> None:
        """Then its addresses stay out of it."""
        question = Question(ALICE, PROXIES["us"], read_target(b"CONNECT", b"inside.example:443"))
        found = explain(question, World(pools(()), Judge(RULES), lambda addresses, port: False, None, NOW))
        self.assertEqual((found.passes, found.steps[-1].text), (True, "not looked up"))

    def test_meshd_itself(self) -> None:
        """`http://meshd.internal/` leaves by no exit and moves no bytes of the account's."""
        question = Question(TOTAL, PROXIES["none"], read_target(b"GET", b"http://meshd.internal/"))
        found = explain(question, World(pools(()), Judge(RULES), lambda addresses, port: False, None, NOW))
        self.assertEqual((found.passes, found.internal, found.exits), (True, True, ()))

    def test_an_upstream_proxy_is_not_told(self) -> None:
        """Neither where it is nor how we sign in there."""
        found = explained(Row("", "", "", "", proxy="up"))
        for secret in ("secret-host", "me", "hush"):
            self.assertNotIn(f" {secret}", repr(found))
        self.assertEqual(found.steps[-3].text, "up (http), the only one")


SOCKS = Exit("sox", "socks5", country="DE", upstream=UpstreamProxy("secret-host.example", 1080))


class DatagramTests(SynchronousTestCase):
    def walked(self, to: str, *exits_: Exit, on: bool = True, select: str = "") -> Explanation:
        topology = Topology({"p": proxy("p", *exits_)}, exits_, {})
        question = Question(
            replace(ALICE, proxies=frozenset({"p"})),
            topology.proxies["p"],
            read_target(b"CONNECT", to.encode()),
            select,
            udp=True,
        )
        names = NAMES.__getitem__
        return explain(
            question, World(Pools(topology), Judge(RULES), lambda addresses, port: False, names, NOW, udp=on)
        )

    def test_where_it_ends(self) -> None:
        """Off, by no exit, at the rules of TCP; names are looked up here, whatever the exit is."""
        every = (RACKS[0], UP, SOCKS)
        for to, exits_, on, select, last, reason, ways in (
            ("four.example:443", every, False, "", "udp", "not-implemented", ()),
            ("four.example:443", every, True, "", "addresses", "", ("rack-0", "sox")),
            ("four.example:443", every, True, "exit-up", "addresses", "", ("rack-0", "sox")),
            ("four.example:443", every, True, "exit-sox", "addresses", "", ("sox",)),
            ("four.example:443", (UP,), True, "", "exit", "exit-refused", ()),
            ("four.example:443", (), True, "", "exit", "no-exit", ()),
            ("inside.example:443", (SOCKS,), True, "", "addresses", "acl-private", ()),
            ("four.example:53", every, True, "", "destination", "acl-port", ()),
            ("www.bad.example:443", every, True, "", "destination", "acl-host", ()),
        ):
            found = self.walked(to, *exits_, on=on, select=select)
            told = found.steps[-1].name, found.no.reason if found.no else "", found.exits
            self.assertEqual(told, (last, reason, ways), (to, select))
