"""Who is asking, and may it pass: contract 2.2 and 2.3, sentence by sentence."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.secrets import new_token
from meshd.model import Admission, Refusal
from tests.auth.world import OTHER, World, basic, bearer, logged, said
from tests.web.api.sentences import says

UNKNOWN = new_token(bytes(32))
LISTED = "198.51.100.7"
RESOLVED = "198.51.100.8"


class Installation(SynchronousTestCase):
    """alice with a password, a token, a listed address, a hostname, a sub-account; bob with a password."""

    def setUp(self) -> None:
        self.world = World(self)
        self.alice = self.world.account("Alice", "secret")
        self.sub = self.world.account("sub", "subsecret", parent=self.alice)
        self.bob = self.world.account("bob", "has:colon")
        self.secret, self.token = self.world.token(self.alice)
        self.world.list_address(self.alice, LISTED)
        self.world.list_hostname(self.alice, "home.example")
        self.world.resolve(self.alice, "home.example", RESOLVED)

    def admitted(self, *args: Any, **kwargs: Any) -> Admission:
        answer = self.world.ask(*args, **kwargs)
        assert isinstance(answer, Admission), answer
        return answer


class OrderTests(Installation):
    @says(
        "Proxy Requests with Bearer Tokens",
        "For proxy connections, send the token in a Proxy-Authorization header (preferred).",
        "Some clients accept Authorization: Bearer … instead when they do not support proxy-specific headers.",
    )
    def test_the_first_that_applies_decides(self) -> None:
        """Each way to be known, and what comes before what; a wrong credential never falls through."""
        token, wrong = bearer(self.secret), bearer(UNKNOWN)
        ours, foreign = basic("bob:has:colon"), b"Bearer eyJhbGciOiJub25lIn0"
        table = {
            "nobody": ((None, None, OTHER), "auth-required"),
            "a password": ((basic("alice:secret"), None, OTHER), "Alice"),
            "a token": ((token, None, OTHER), "Alice"),
            "a token in Authorization": ((None, token, OTHER), "Alice"),
            "a listed address": ((None, None, LISTED), "Alice"),
            "a hostname's address": ((None, None, RESOLVED), "Alice"),
            "Proxy-Authorization before Authorization": ((ours, token, OTHER), "bob"),
            "Proxy-Authorization before the address": ((ours, None, LISTED), "bob"),
            "Authorization before the address": ((None, wrong, LISTED), "auth-invalid"),
            "a wrong password, and a right token": ((basic("bob:no"), token, OTHER), "auth-invalid"),
            "a wrong password from a listed address": ((basic("bob:no"), None, LISTED), "auth-invalid"),
            "a wrong token from a hostname's address": ((wrong, None, RESOLVED), "auth-invalid"),
            "another scheme from a listed address": ((b"Digest a", None, LISTED), "auth-invalid"),
            "the origin's token from a listed address": ((None, foreign, LISTED), "Alice"),
            "the origin's token alone": ((None, foreign, OTHER), "auth-required"),
            "the origin's Basic, though it would be right": ((None, basic("alice:secret"), OTHER), "auth-required"),
            "a Bearer of another form, to us": ((foreign, None, LISTED), "auth-invalid"),
        }
        for sentence, ((field, authorization, peer), expected) in table.items():
            for _ in ("decided anew", "remembered"):
                self.assertEqual(self.world.reason(field, authorization, peer=peer), expected, sentence)

    def test_how_it_was_known(self) -> None:
        """The admission says by what, names no secret, and says which field was ours."""
        table = {
            "password": (self.admitted(basic("ALICE:secret")), ("Alice", 0, "proxy-authorization")),
            "token": (self.admitted(bearer(self.secret)), (str(self.token.id), self.token.id, "proxy-authorization")),
            "address": (self.admitted(peer=LISTED), (LISTED, 0, "")),
            "hostname": (self.admitted(peer=RESOLVED), ("home.example", 0, "")),
        }
        for source, (admission, expected) in table.items():
            self.assertEqual(admission.source, source)
            self.assertEqual((admission.subject, admission.token_id, admission.consumed), expected, source)
        self.assertEqual(self.admitted(None, bearer(self.secret)).consumed, "authorization")

    def test_a_mapped_address_is_that_address(self) -> None:
        """A dual-stack socket says ::ffff:a.b.c.d of an IPv4 client."""
        self.assertEqual(self.admitted(peer=f"::ffff:{LISTED}").subject, LISTED)
        self.assertEqual(self.admitted(peer=f"::ffff:{RESOLVED}").subject, "home.example")

    def test_a_peer_without_an_address(self) -> None:
        """A Unix socket's client is known by credential only."""
        self.assertEqual(self.world.reason(peer=""), "auth-required")
        self.assertEqual(self.world.reason(basic("alice:secret"), peer=""), "Alice")

    def test_a_hostname_that_is_listed_no_more(self) -> None:
        """What resolved is asked of the store: a watch that is behind lets nobody in."""
        self.world.hostnames.by_address["198.51.100.9"] = "gone.example"
        self.assertEqual(self.world.reason(peer="198.51.100.9"), "auth-required")

    def test_a_hostname_that_resolves_elsewhere_now(self) -> None:
        """A remembered address is no longer the account's as soon as the watch says so."""
        self.assertEqual(self.world.reason(peer=RESOLVED), "Alice")
        self.world.hostnames.by_address.clear()
        self.assertEqual(self.world.reason(peer=RESOLVED), "auth-required")

    def test_a_hostname_that_begins_to_resolve(self) -> None:
        """A remembered stranger is one no longer."""
        self.assertEqual(self.world.reason(peer=OTHER), "auth-required")
        self.world.resolve(self.alice, "home.example", OTHER)
        self.assertEqual(self.world.reason(peer=OTHER), "Alice")


class PasswordTests(Installation):
    def test_readings(self) -> None:
        """The whole rest as the password first, then a sticky key and the password."""
        table = {
            "alice:secret": ("Alice", ""),
            "aLICE:secret": ("Alice", ""),
            "alice:key:secret": ("Alice", "key"),
            "alice::secret": ("Alice", ""),
            "bob:has:colon": ("bob", ""),
            "bob:key:has:colon": ("bob", "key"),
            "sub:any text at all:subsecret": ("sub", "any text at all"),
        }
        for userinfo, expected in table.items():
            admission = self.admitted(basic(userinfo))
            self.assertEqual((admission.account.username, admission.selection.session), expected, userinfo)
        for userinfo in ("alice:key:other:secret", "alice:secret:key", "bob:colon", "sub:secret", "alice:"):
            self.assertEqual(self.world.reason(basic(userinfo)), "auth-invalid", userinfo)

    def test_latin_1(self) -> None:
        """A client that writes latin-1 signs in as one that writes UTF-8."""
        self.world.account("carol", "pässword")
        for encoding in ("utf-8", "latin-1"):
            self.assertEqual(self.world.reason(basic("carol:pässword", encoding)), "carol", encoding)

    def test_an_account_without_a_password(self) -> None:
        """Nobody signs in to it by an empty one."""
        self.world.account("dave")
        for userinfo in ("dave:", "dave::", "dave:hash:"):
            self.assertEqual(self.world.reason(basic(userinfo)), "auth-invalid", userinfo)

    def test_a_name_that_a_database_would_take_for_another(self) -> None:
        """The Kelvin sign is no K; a NUL and half a surrogate are no errors."""
        self.world.account("kate", "secret")
        for number, name in enumerate(("\u212aate", "kate\0", "k" * 100_000, "*", "%", "")):
            field = basic(f"{name}:secret")
            self.assertEqual(self.world.reason(field, peer=f"192.0.2.{number}"), "auth-invalid", name[:10])

    def test_every_no_costs_the_same(self) -> None:
        """An unknown name, a wrong password, none at all: as many slow hashes, and as many questions to the store."""
        self.world.account("dave")
        for form, hashes in {"{}:wrong": 1, "{}:key:wrong2": 2, "{}:a:b:wrong": 2}.items():
            for name in ("alice", "nobody", "dave", "(not a name)"):
                self.world.hasher.runs.clear()
                self.world.store.asked.clear()
                self.assertEqual(self.world.reason(basic(form.format(name))), "auth-invalid")
                self.assertEqual(len(self.world.hasher.runs), hashes, (form, name))
                self.assertEqual(self.world.store.asked, ["by_name", "failed"], (form, name))

    def test_what_was_found_wrong_is_not_hashed_again(self) -> None:
        """For as long as failures count, whoever changes meanwhile; of nobody's name as of an account's."""
        for number, name in enumerate(("alice", "nobody", "(not a name)")):
            peer = f"192.0.2.{number}"
            self.world.reason(basic(f"{name}:wrong"), peer=peer)
            self.world.reason(basic(f"{name}:key:also wrong"), peer=peer)
            self.world.hasher.runs.clear()
            for _ in range(20):
                self.world.clock.advance(14)
                self.world.changed(self.bob)
                for form in ("{}:wrong", "{}-session-1:wrong", "{}:key:also wrong", "{}:also wrong"):
                    self.assertEqual(self.world.reason(basic(form.format(name)), peer=peer), "auth-invalid")
            self.assertEqual(self.world.hasher.runs, [], name)
            self.world.clock.advance(600)
            self.world.reason(basic(f"{name}:wrong"), peer=peer)
            self.assertEqual(self.world.hasher.runs, ["wrong"], name)

    def test_what_was_wrong_may_become_right(self) -> None:
        """As soon as the account has another password, or comes to be."""
        for userinfo in ("alice:new", "carol:new"):
            self.assertEqual(self.world.reason(basic(userinfo)), "auth-invalid")
        self.world.edit(self.alice, password_hash="hash:new")
        self.world.changed(self.alice)
        self.world.changed(self.world.account("carol", "new"))
        for userinfo in ("alice:new", "carol:new"):
            self.assertEqual(self.world.reason(basic(userinfo)).lower(), userinfo[:5])


class TokenTests(Installation):
    def test_a_token_in_a_basic_field(self) -> None:
        """As the password whatever the user-id, as the user-id, with a sticky key or without."""
        table = {
            f"alice:{self.secret}": "",
            f"bob:{self.secret}": "",
            f":{self.secret}": "",
            f"{self.secret}:": "",
            f"{self.secret}:x": "",
            f"x:key:{self.secret}": "key",
            f"{self.secret}:key:": "key",
        }
        for userinfo, session in table.items():
            admission = self.admitted(basic(userinfo))
            self.assertEqual((admission.source, admission.account.username), ("token", "Alice"))
            self.assertEqual(admission.selection.session, session)
        self.assertEqual(self.world.hasher.runs, [])

    def test_what_is_wrong_with_a_token_is_not_said(self) -> None:
        """Unknown, deactivated, expired, misspelled: one answer."""
        from meshd.store.statements import tokens

        off_secret, off = self.world.token(self.alice)
        self.world.store.now(tokens.set_active, off.id, False)
        expired, _ = self.world.token(self.alice, "2026-11-21")
        today, _ = self.world.token(self.alice, "2026-11-22")
        for wrong in (UNKNOWN, off_secret, expired, self.secret[:-1] + "_", "pm_", "x"):
            self.assertEqual(self.world.ask(bearer(wrong)), Refusal("auth-invalid"), wrong)
        self.assertEqual(self.world.reason(bearer(today)), "Alice")


class PassingTests(Installation):
    def test_account_and_proxy(self) -> None:
        """A right credential of an account that may not pass: 402, by each way to be known."""
        ways: list[tuple[bytes | None, str]] = [
            (basic("alice:secret"), OTHER),
            (bearer(self.secret), OTHER),
            (None, LISTED),
            (None, RESOLVED),
        ]
        for field, peer in ways:
            self.assertEqual(self.world.reason(field, peer=peer, proxy="world"), "proxy-not-authorized")
            self.assertEqual(self.world.reason(field, peer=peer), "Alice")
        self.world.edit(self.alice, active=False)
        self.world.changed(self.alice)
        for field, peer in ways:
            self.assertEqual(self.world.reason(field, peer=peer), "account-inactive")
            self.assertEqual(self.world.reason(field, peer=peer, proxy="world"), "account-inactive")

    def test_a_sub_account_has_its_parents_proxies_and_activity(self) -> None:
        """What the parent may, it may; deactivated with it."""
        field = basic("sub:subsecret")
        self.assertEqual(self.world.reason(field), "sub")
        self.assertEqual(self.world.reason(field, proxy="world"), "proxy-not-authorized")
        self.world.edit(self.alice, active=False)
        self.world.changed(self.alice)
        self.assertEqual(self.world.reason(field), "account-inactive")

    def test_a_wrong_password_of_an_inactive_account(self) -> None:
        """That it is inactive is for those who know its password."""
        self.world.edit(self.bob, active=False)
        self.assertEqual(self.world.reason(basic("bob:wrong")), "auth-invalid")
        self.assertEqual(self.world.reason(basic("bob:has:colon")), "account-inactive")


class SignInTests(Installation):
    def test_ways(self) -> None:
        """The API knows Basic and Bearer in Authorization, no addresses, no proxies."""
        table = {
            basic("alice:secret"): "Alice",
            basic("sub:subsecret"): "sub",
            bearer(self.secret): "Alice",
            basic(f"x:{self.secret}"): "Alice",
            basic("alice:wrong"): "auth-invalid",
            bearer(UNKNOWN): "auth-invalid",
            bearer("somebody-elses"): "auth-invalid",
            b"Digest a": "auth-invalid",
            None: "auth-required",
        }
        for field, expected in table.items():
            for _ in ("decided anew", "remembered"):
                self.assertEqual(said(self.world.sign_in(field, peer=LISTED)), expected, field)

    def test_inactive(self) -> None:
        """A deactivated account is told so, and nothing else is of concern."""
        self.world.edit(self.alice, active=False)
        for field in (basic("alice:secret"), basic("sub:subsecret"), bearer(self.secret)):
            self.assertEqual(said(self.world.sign_in(field)), "account-inactive")

    def test_consumed(self) -> None:
        """The admission says which field it came by, whatever the proxy remembered of the same bytes."""
        field = basic("alice:secret")
        self.admitted(field)
        admission = self.world.sign_in(field)
        assert isinstance(admission, Admission)
        self.assertEqual(admission.consumed, "authorization")


class SecrecyTests(Installation):
    def test_nothing_secret_is_shown(self) -> None:
        """Neither what is kept nor what is answered or logged shows a password, its hash, a token or a field."""
        shown = logged(self)
        fields = [basic("alice:secret"), basic("alice:key:secret"), bearer(self.secret), basic("alice:wr0ng")]
        shown += [repr(self.world.ask(field)) for field in fields]
        service = self.world.service
        for part in (service, service._verifier, service._failures.table, service._presence):
            shown.append(repr(part))
            shown.append(repr({name: value for name, value in vars(part).items() if name not in ("_hasher", "_store")}))
        for held in (service._cache._verdicts, service._verifier._proofs._proofs, service._denials._wrong._known):
            shown.append(repr(held))
        everything = "\n".join(shown)
        for secret in ("hash:secret", self.secret, "wr0ng", *(field.decode().split()[1] for field in fields)):
            self.assertNotIn(secret, everything)
