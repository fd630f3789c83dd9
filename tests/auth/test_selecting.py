"""A credential that says more than who: the exit that is wanted, in its user name."""

from __future__ import annotations

from itertools import count
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.identity import PER_ACCOUNT
from meshd.auth.secrets import new_token, token_digest
from meshd.model import Account, Admission, Refusal
from meshd.selection import NONE, Selection
from meshd.store.statements import accounts, tokens
from meshd.topology import Limits
from tests.auth.world import NOON, OTHER, World, basic, bearer, said


class Installation(SynchronousTestCase):
    """alice; `my` and `my-session-1`, two customers."""

    def setUp(self) -> None:
        self.world = World(self)
        self.alice = self.world.account("Alice", "secret")
        self.my = self.world.account("my", "mine")
        self.long = self.world.account("my-Session-1", "longer")

    def admitted(self, userinfo: str) -> tuple[str, Selection]:
        answer = self.world.ask(basic(userinfo))
        assert isinstance(answer, Admission), (userinfo, answer)
        return answer.account.username, answer.selection

    def token(self, account: Account, **more: Any) -> str:
        secret = new_token()
        self.world.store.now(tokens.create, account.id, token_digest(secret), "", "", NOON, **more)
        return secret


class PasswordTests(Installation):
    def test_who_and_what(self) -> None:
        """The longest base that is an account; the rest is the selection, and its session wins over the other key."""
        table = {
            "alice:secret": ("Alice", NONE),
            "alice-country-us:secret": ("Alice", Selection(country="US")),
            "ALICE-TTL-1m-Session-A:secret": ("Alice", Selection(session="A", ttl=60)),
            "alice-country-us:key:secret": ("Alice", Selection(country="US", session="key")),
            "alice-session-own:key:secret": ("Alice", Selection(session="own")),
            "my-session-2:mine": ("my", Selection(session="2")),
            "my-session-1:longer": ("my-Session-1", NONE),
            "my-session-1-strict:longer": ("my-Session-1", Selection(strict=True)),
            "my-session-1-country-de:key:longer": ("my-Session-1", Selection(country="DE", session="key")),
        }
        for userinfo, expected in table.items():
            for _ in ("decided anew", "remembered"):
                self.assertEqual(self.admitted(userinfo), expected, userinfo)

    def test_the_longest_account_decides(self) -> None:
        """Another one's password is wrong for it, also where that one was proven before."""
        self.assertEqual(self.admitted("my-session-2:mine"), ("my", Selection(session="2")))
        self.assertEqual(self.world.reason(basic("my-session-1:mine")), "auth-invalid")
        self.world.edit(self.long, password_hash="hash:mine")
        self.world.changed(self.long)
        for _ in range(2):
            self.assertEqual(self.admitted("my-session-3:mine"), ("my", Selection(session="3")))
            self.assertEqual(self.admitted("my-session-1:mine"), ("my-Session-1", NONE))
            self.assertEqual(self.admitted("my-session-1-ttl-5:mine"), ("my-Session-1", Selection(ttl=5)))

    def test_an_account_that_is_made_meanwhile(self) -> None:
        """Is found as soon as the change feed has told of it."""
        self.admitted("alice-session-a:secret")
        self.admitted("alice-session-b:secret")
        made = self.world.account("alice-session-new", "secret")
        self.world.changed(made)
        self.assertEqual(self.admitted("alice-session-new:secret"), ("alice-session-new", NONE))

    def test_a_bad_selection_is_told_to_who_knows_the_password(self) -> None:
        """With the key and its place; to nobody else, and it is no failure."""
        bad = basic("alice-country-usa:secret")
        for peer in ("192.0.2.1", "192.0.2.2"):
            for _ in range(6):
                self.world.clock.advance(11)
                answer = self.world.ask(bad, peer=peer)
                detail = "country at character 7: needs a country of two letters"
                self.assertEqual(answer, Refusal("bad-selection", detail))
            self.assertEqual(self.world.reason(basic("alice:secret"), peer=peer), "alice".title())
            self.assertEqual(self.world.reason(bad, peer=peer), "bad-selection")
        for wrong in ("alice-country-usa:wrong", "nobody-country-usa:secret", "nobody-country-us:secret"):
            self.assertEqual(self.world.ask(basic(wrong), peer=OTHER), Refusal("auth-invalid"))
        self.assertEqual(self.world.hasher.runs.count("secret"), 2)  # alice's, and nobody's, under two selections

    def test_every_no_costs_the_same(self) -> None:
        """With an account, with two, with none: as many hashes, as many questions."""
        for form, hashes in {"{}-session-x:a": 1, "{}-session-1-ttl-x:k:b": 2, "{}-strict:c": 1}.items():
            for name in ("alice", "my", "nobody", "(not a name)"):
                self.world.hasher.runs.clear()
                self.world.store.asked.clear()
                self.assertEqual(self.world.reason(basic(form.format(name))), "auth-invalid")
                self.assertEqual(len(self.world.hasher.runs), hashes, (form, name))
                self.assertEqual(self.world.store.asked, ["by_name", "failed"], (form, name))

    def test_a_name_that_is_too_long(self) -> None:
        """Is nobody's, whatever it begins with."""
        field = basic(f"alice-session-{'a' * 242}:secret")
        self.assertEqual(self.admitted(f"alice-session-{'a' * 200}:secret")[0], "Alice")
        self.assertEqual(self.world.reason(field), "auth-invalid")
        self.assertEqual(self.world.hasher.runs, ["secret"])

    def test_the_api_has_no_sticky_keys(self) -> None:
        """There the whole rest is the password or the token, whatever the proxy has verified; it may hold colons."""
        secret = self.token(self.alice)
        self.world.account("colon", "a:b")
        for userinfo in ("alice:key:secret", f"alice:key:{secret}", f"{secret}:key:x"):
            self.assertEqual(self.world.reason(basic(userinfo)), "Alice")
        table = {
            "alice:secret": "Alice",
            "colon:a:b": "colon",
            f"alice:{secret}": "Alice",
            f"{secret}:": "Alice",
            f"{secret}:key:x": "Alice",
            "alice:key:secret": "auth-invalid",
            "colon:key:a:b": "auth-invalid",
            f"alice:key:{secret}": "auth-invalid",
        }
        for userinfo, expected in table.items():
            self.world.hasher.runs.clear()
            answer = self.world.sign_in(basic(userinfo))
            self.assertEqual(said(answer), expected, userinfo)
            self.assertLessEqual(len(self.world.hasher.runs), 1)
            if isinstance(answer, Admission):
                self.assertEqual(answer.selection, NONE)

    def test_the_api_has_no_selections(self) -> None:
        """There a user-id is a name, and a selection makes it another one's."""
        self.assertEqual(said(self.world.sign_in(basic("my-session-1:longer"))), "my-Session-1")
        self.assertEqual(said(self.world.sign_in(basic("my-session-2:mine"))), "auth-invalid")
        secret = self.token(self.alice)
        answer = self.world.sign_in(basic(f"x-country-usa:{secret}"))
        assert isinstance(answer, Admission)
        self.assertEqual(answer.selection, NONE)


class CostTests(Installation):
    def test_a_session_for_each_request(self) -> None:
        """Costs neither a hash nor a question, and does not fill the memory."""
        numbers = count()
        secret = self.token(self.alice)
        for form in ("alice-session-{}:secret", "alice-country-us-session-{}:k:secret", f"x-session-{{}}:{secret}"):
            self.assertEqual(self.world.reason(basic(form.format(next(numbers)))), "Alice")
            self.world.hasher.runs.clear()
            self.world.store.asked.clear()
            for _ in range(2 * PER_ACCOUNT):
                field = basic(form.format(next(numbers)))
                self.assertEqual(said(self.world.service.recall("us", OTHER, field, None)), "Alice")
            self.assertEqual((self.world.hasher.runs, self.world.store.asked), ([], []))
            self.assertLessEqual(len(self.world.service._cache), PER_ACCOUNT)

    def test_a_session_for_each_request_of_many_accounts(self) -> None:
        """Each account costs one hash and one question, and pushes nobody's verdict out."""
        self.world.live.limits = Limits(identities=200)
        plain = basic("alice:secret")
        self.assertEqual(self.world.reason(plain), "Alice")
        names = [f"ph-{number:010d}" for number in range(100)]
        for name in names:
            self.world.account(name, "secret")
            self.assertEqual(self.world.reason(basic(f"{name}-country-us-sid-0-ttl-30m:secret")), name)
        self.world.hasher.runs.clear()
        self.world.store.asked.clear()
        for sid in range(30):
            for name in names:
                field = basic(f"{name}-country-us-city-new_york-sid-{sid:016x}-ttl-30m-filter-high:secret")
                answer = self.world.service.recall("us", OTHER, field, None)
                assert isinstance(answer, Admission)
                self.assertEqual((answer.account.username, answer.selection.session), (name, f"{sid:016x}"))
            self.assertEqual(said(self.world.service.recall("us", OTHER, plain, None)), "Alice")
        self.assertEqual((self.world.hasher.runs, self.world.store.asked), ([], []))
        self.assertLessEqual(len(self.world.service._cache), 200)

    def test_three_at_once_after_a_refusal_count_once(self) -> None:
        """As a crawler opens them, each with a sid of its own; and then the right password works."""
        for sid in range(9):
            wrong = basic(f"alice-country-any-sid-{sid:016x}-ttl-30m:wrong")
            self.assertEqual(self.world.reason(wrong), "auth-invalid")
        self.assertEqual(self.world.hasher.runs, ["wrong"])
        self.assertEqual(self.world.reason(basic("alice-country-any-sid-a-ttl-30m:secret")), "Alice")

    def test_after_a_change_of_somebody_else(self) -> None:
        """One question, since there may be a name that was none before; no hash."""
        self.world.ask(basic("alice-session-1:secret"))
        self.world.changed(self.my)
        self.world.store.asked.clear()
        for number in range(2, 10):
            self.assertEqual(self.world.reason(basic(f"alice-session-{number}:secret")), "Alice")
        self.assertEqual((self.world.hasher.runs, self.world.store.asked), (["secret"], ["by_name"]))

    def test_while_the_store_is_away(self) -> None:
        """Another session of a known password or token passes; what is bad is told; nobody unknown passes."""
        secret = self.token(self.alice)
        self.world.ask(basic("alice-session-1:secret"))
        self.world.ask(basic(f"x-session-1:{secret}"))
        self.world.store.away = True
        self.world.clock.advance(400)
        table = {
            "alice-session-2:secret": "Alice",
            f"x-session-2:{secret}": "Alice",
            "alice-session-:secret": "bad-selection",
            "alice-session-2:wrong": "auth-unavailable",
            "my-session-2:mine": "auth-unavailable",
        }
        for userinfo, expected in table.items():
            self.assertEqual(self.world.reason(basic(userinfo)), expected, userinfo)


class TokenTests(Installation):
    def test_a_token_with_a_selection(self) -> None:
        """As the password or as the user-id; behind the account's own name or any other text."""
        secret, longs = self.token(self.alice), self.token(self.long)
        table = {
            f"x:{secret}": NONE,
            f"x-country-us:{secret}": Selection(country="US"),
            f"x-country-us:key:{secret}": Selection(country="US", session="key"),
            f"x-session-own:key:{secret}": Selection(session="own"),
            f"{secret}-country-us:": Selection(country="US"),
            f"{secret}-country-us-strict:key:": Selection(country="US", session="key", strict=True),
            f"my-session-1:{longs}": NONE,
            f"my-session-1-country-de:{longs}": Selection(country="DE"),
            f"my-session-1:{secret}": Selection(session="1"),
            f":{secret}": NONE,
        }
        for userinfo, expected in table.items():
            for _ in ("decided anew", "remembered"):
                answer = self.world.ask(basic(userinfo))
                assert isinstance(answer, Admission), (userinfo, answer)
                self.assertEqual((answer.source, answer.selection), ("token", expected), userinfo)
        self.assertEqual(self.world.hasher.runs, [])

    def test_a_bad_one(self) -> None:
        """Is told to who has the token, and never shows it."""
        secret = self.token(self.alice)
        for userinfo in (f"x-country-usa:{secret}", f"{secret}-session-1-x:", f"{secret}-country-us-ttl-x:k:"):
            for _ in range(6):
                self.world.clock.advance(11)
                answer = self.world.ask(basic(userinfo))
                assert isinstance(answer, Refusal)
                self.assertEqual(answer.reason, "bad-selection")
                self.assertNotIn(secret, answer.detail)
        self.assertEqual(self.world.reason(basic(f"x-country-usa:{new_token()}")), "auth-invalid")
        self.assertEqual(self.world.reason(basic(f"x:{secret}")), "Alice")

    def test_its_default(self) -> None:
        """Serves where user name and sticky key are silent, field by field."""
        secret = self.token(self.alice, selection="country-de-session-own-not-a")
        default = Selection(country="DE", session="own", avoid=frozenset({"a"}))
        table = {
            bearer(secret): default,
            basic(f"x:{secret}"): default,
            basic(f"x-country-us:{secret}"): Selection(country="US", session="own", avoid=frozenset({"a"})),
            basic(f"x:key:{secret}"): Selection(country="DE", session="key", avoid=frozenset({"a"})),
            basic(f"x-not-b:{secret}"): Selection("DE", "", frozenset({"a", "b"}), "own"),
            basic(f"x-session-1:{secret}"): Selection("DE", "", frozenset({"a"}), "1"),
            basic(f"x-session-2:{secret}"): Selection("DE", "", frozenset({"a"}), "2"),
        }
        for field, expected in table.items():
            answer = self.world.ask(field)
            assert isinstance(answer, Admission)
            self.assertEqual(answer.selection, expected)

    def test_its_proxies(self) -> None:
        """It passes through these alone, and only while its account may; its account is not confined by it."""
        secret = self.token(self.alice, proxies=["us", "open"])
        other = self.token(self.alice, proxies=["open"])
        answer = self.world.ask(bearer(secret))
        assert isinstance(answer, Admission)
        self.assertIsNone(self.world.still(answer))
        for _ in ("decided anew", "remembered"):
            for userinfo in (f"x:{other}", f"x-session-1:{other}", f"x-session-2:{other}"):
                self.assertEqual(self.world.reason(basic(userinfo)), "proxy-not-authorized")
            self.assertEqual(self.world.reason(bearer(secret), proxy="open"), "proxy-not-authorized")
            self.assertEqual(self.world.reason(basic("alice:secret")), "Alice")
            self.assertEqual(self.world.reason(basic("alice-session-1:secret")), "Alice")
        self.assertEqual(said(self.world.still(answer, "open")), "proxy-not-authorized")

    def test_a_revoked_token_under_another_session(self) -> None:
        """What was remembered of it goes with the change."""
        secret, token = self.world.token(self.alice)
        self.world.ask(basic(f"x-session-1:{secret}"))
        self.world.ask(basic("alice:secret"))
        self.world.store.now(tokens.set_active, token.id, False)
        self.world.changed(self.alice)
        self.world.ask(basic("alice:secret"))
        self.assertEqual(self.world.reason(basic(f"x-session-2:{secret}")), "auth-invalid")


class BanTests(Installation):
    def test_variants_are_one_name(self) -> None:
        """Four wrong ones of one stem ban all that begins with it, at the API too, whichever accounts there are."""
        for place, stem in enumerate(("alice", "my", "nobody")):
            peer = f"192.0.2.{place + 1}"
            for number in range(2):
                self.world.ask(basic(f"{stem}-session-{number}:wrong{number}"), peer=peer)
            self.world.ask(basic(f"{stem}:wrong"), peer=peer)
            self.world.sign_in(basic(f"{stem}-country-us-ttl-5:wrong"), peer=peer)
            for userinfo in (f"{stem}:secret", f"{stem}-session-1:longer", f"{stem}-strict:mine"):
                self.assertEqual(self.world.reason(basic(userinfo), peer=peer), "auth-banned", userinfo)
                self.assertEqual(said(self.world.sign_in(basic(userinfo), peer=peer)), "auth-banned", userinfo)
        self.assertEqual(self.world.reason(basic("my-session-1:longer")), "my-Session-1")

    def test_a_remembered_variant_is_banned_too(self) -> None:
        """Though it was right before."""
        right = basic("alice-session-1:secret")
        self.world.ask(right)
        for number in range(4):
            self.world.ask(basic(f"alice-ttl-{number}:wrong{number}"))
        self.assertEqual(self.world.reason(right), "auth-banned")
        self.assertEqual(self.world.reason(right, peer=OTHER), "Alice")


class TwofoldTests(Installation):
    def test_names_that_can_be_read_twice(self) -> None:
        """The store tells them, in lower case; where they are too many, it says so, and sessions still work."""
        self.world.account("my_session_1", "x")
        self.assertEqual(self.world.store.now(accounts.twofold), frozenset({"my-session-1"}))
        self.patch(accounts, "MOST_TWOFOLD", 0)
        self.assertIsNone(self.world.store.now(accounts.twofold))
        for number in range(3):
            self.assertEqual(self.admitted(f"alice-session-{number}:secret")[0], "Alice")
        self.assertEqual(self.world.hasher.runs, ["secret"])
