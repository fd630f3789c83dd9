"""The second factor: which codes are right, that none is right twice, and who may switch it."""

from __future__ import annotations

from pyotp import TOTP

from meshd.accounts import secondfactor
from meshd.accounts.errors import Forbidden, Invalid, NotFound, NotYours
from meshd.accounts.ownership import ActorId
from meshd.accounts.secondfactor import STEP, matching_step
from meshd.auth import sessions
from meshd.auth.sessions import TRIES
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODES = [f"aaaa-bbbb-cccc-{number:04}" for number in range(10)]
KEY = b"k" * 32


def code(steps: int = 0, secret: str = SECRET) -> str:
    """What an authenticator shows so many steps after NOON."""
    return TOTP(secret).generate_otp(NOON // STEP + steps)


TYPED = {
    "the present code": (code(), 0),
    "with a blank in its middle": (f"{code()[:3]} {code()[3:]}", 0),
    "with blanks around it": (f"  {code()} ", 0),
    "the code before": (code(-1), -1),
    "the code before that": (code(-2), None),
    "the code to come": (code(1), None),
    "another secret's": (code(0, "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"), None),
    "digits of another script": (code().translate({48 + n: 0x0660 + n for n in range(10)}), None),
    "too few digits": (code()[:5], None),
    "nothing": ("", None),
}


class SecondFactorTests(AccountsCase):
    def on(self, actor_id: ActorId, steps: int = 0) -> None:
        self.run_unit(secondfactor.switch_on, actor_id, SECRET, code(steps), CODES, now=NOON)

    def accepts(self, text: str, steps: int = 0) -> bool:
        return self.run_unit(secondfactor.accept, self.alice.id, text, now=NOON + steps * STEP)

    def test_codes(self) -> None:
        """The present one and the one before."""
        for sentence, (text, steps) in TYPED.items():
            with named(sentence):
                expected = None if steps is None else NOON // STEP + steps
                self.assertEqual(matching_step(SECRET, text, NOON), expected)

    def test_a_fresh_secret_is_one_that_authenticators_know(self) -> None:
        """160 bits in base32, each another; its address names whose it is and where."""
        one, other = secondfactor.new_secret(), secondfactor.new_secret()
        self.assertEqual((len(one), one == other), (32, False))
        told = secondfactor.uri(one, "alice", "mesh.example")
        self.assertEqual(told, f"otpauth://totp/mesh.example:alice?secret={one}&issuer=mesh.example")

    def test_each_code_once(self) -> None:
        """Not the one that switched it on, not one before a code that was used, not the same again."""
        self.on(self.alice.id)
        for sentence, (text, at, expected) in {
            "the code that switched it on": (code(), 0, False),
            "one before": (code(-1), 0, False),
            "the next": (code(1), 1, True),
            "again": (code(1), 1, False),
            "again, a step later": (code(1), 2, False),
            "the one after": (code(2), 2, True),
        }.items():
            with named(sentence):
                self.assertEqual(self.accepts(text, at), expected)

    def test_each_recovery_code_once(self) -> None:
        """However it is typed, and only this account's."""
        self.on(self.alice.id)
        self.run_unit(secondfactor.switch_on, self.kid.id, SECRET, code(), ["dddd-dddd-dddd-dddd"], now=NOON)
        for text, expected in ((CODES[0], True), (CODES[0], False), ("AAAA BBBB CCCC 0001", True), ("dddd" * 4, False)):
            with named(text):
                self.assertEqual(self.accepts(text), expected)
        self.assertEqual(self.run_unit(secondfactor.state, self.alice.id), (NOON, 8))

    def test_without_one_no_code_is_right(self) -> None:
        """Not even an empty one."""
        for text in (code(), "", CODES[0]):
            self.assertFalse(self.accepts(text))

    def test_a_wrong_code_switches_nothing(self) -> None:
        """On or off, or anew."""
        self.refused(Invalid, secondfactor.switch_on, self.alice.id, SECRET, code(1), CODES, now=NOON)
        self.refused(NotFound, secondfactor.switch_off, self.alice.id, code(), now=NOON)
        self.on(self.alice.id)
        self.refused(Invalid, secondfactor.switch_off, self.alice.id, code(), now=NOON)
        self.refused(Invalid, secondfactor.renew_recovery_codes, self.alice.id, code(), CODES, now=NOON)
        self.refused(Forbidden, secondfactor.switch_on, self.alice.id, SECRET, code(), CODES, now=NOON)

    def test_switched(self) -> None:
        """With a right code, told in the audit without any of its secrets; a recovery code does too."""
        self.on(self.kid.id)
        self.run_unit(secondfactor.renew_recovery_codes, self.kid.id, code(1), ["eeee-0000"], now=NOON + STEP)
        self.run_unit(secondfactor.switch_off, self.kid.id, "eeee0000", now=NOON)
        self.assertIsNone(self.run_unit(secondfactor.state, self.kid.id))
        told = [entry for entry in self.history(self.kid) if entry[1] == "account.second-factor"]
        self.assertEqual([detail for _, _, detail in told], ["off", "new recovery codes", "on"])

    def test_who_takes_it_away(self) -> None:
        """The operator; neither a parent, nor the account by a token, nor a stranger."""
        eve = self.customer("eve")
        self.on(self.kid.id)
        token = self.by_token(self.token(self.alice.id, "kid"))
        self.refused(Forbidden, secondfactor.take_away, self.alice.id, "kid", now=NOON)
        self.refused(NotYours, secondfactor.take_away, eve.id, "kid", now=NOON)
        self.refused(Forbidden, secondfactor.switch_off, token, code(1), now=NOON + STEP)
        self.run_unit(secondfactor.take_away, OPERATOR, "kid", now=NOON)
        self.assertEqual(self.told()[:2], ("operator:test", "account.second-factor"))
        self.refused(NotFound, secondfactor.take_away, OPERATOR, "kid", now=NOON)

    def test_a_sign_in_has_a_few_tries(self) -> None:
        """Each counts before it is looked at; then the sign-in is over, also for a right code."""
        self.on(self.alice.id)
        shown = {"now": NOON, "client": "", "agent": ""}
        self.run_unit(sessions.begin, self.alice, KEY, half=True, **shown)
        complete = secondfactor.complete
        for _ in range(TRIES - 1):
            tried = self.run_unit(complete, KEY, "000000", now=NOON)
            self.assertEqual((tried.signed_in is None, tried.right), (False, False))
        tried = self.run_unit(complete, KEY, code(1), now=NOON + STEP)
        assert tried.signed_in is not None
        self.assertEqual((tried.signed_in.identity.account.username, tried.right), ("alice", True))
        self.assertEqual(self.run_unit(complete, KEY, code(2), now=NOON + 2 * STEP), (None, False))


class PostgresSecondFactorTests(OnPostgres, SecondFactorTests):
    """The same there."""


class PendingTests(AccountsCase):
    """What is shown by `prepare` holds from `confirm` on."""

    def prepared(self, now: int = NOON) -> str:
        secret = secondfactor.new_secret()
        self.run_unit(secondfactor.prepare, self.alice.id, secret, ["aaaa-bbbb"], now=now)
        return secret

    def test_confirming(self) -> None:
        """In the words of whoever confirms, with the recovery codes that were shown, and once."""
        secret = self.prepared()
        self.assertIsNone(self.run_unit(secondfactor.state, self.alice.id))
        self.refused(Invalid, secondfactor.confirm, self.alice.id, "000000", now=NOON)
        code = TOTP(secret).at(NOON)
        self.run_unit(secondfactor.confirm, self.alice.id, code, now=NOON)
        self.assertEqual(self.run_unit(secondfactor.state, self.alice.id), secondfactor.State(NOON, 1))
        self.refused(Forbidden, secondfactor.confirm, self.alice.id, code, now=NOON)
        self.refused(Forbidden, secondfactor.prepare, self.alice.id, secret, [], now=NOON)
        self.assertTrue(self.run_unit(secondfactor.accept, self.alice.id, "AAAA BBBB", now=NOON))

    def test_it_ends(self) -> None:
        """And is forgotten as soon as anybody begins another."""
        secret = self.prepared()
        last = NOON + secondfactor.PENDING_SECONDS - 1
        self.assertEqual(self.run_unit(secondfactor.prepared, self.alice.id, now=last), secret)
        code = TOTP(secret).at(last + 1)
        self.refused(Forbidden, secondfactor.confirm, self.alice.id, code, now=last + 1)
        self.run_unit(secondfactor.prepare, self.kid.id, secondfactor.new_secret(), [], now=last + 1)
        self.assertNotIn(secret, "\n".join(self.dump()))

    def test_it_is_its_holders(self) -> None:
        secret = self.prepared()
        self.refused(Forbidden, secondfactor.prepared, self.kid.id, now=NOON)
        self.refused(Forbidden, secondfactor.confirm, self.kid.id, TOTP(secret).at(NOON), now=NOON)

    def test_a_token_of_meshds_own_does_not_do(self) -> None:
        by = self.by_token(self.token(self.alice.id))
        self.refused(Forbidden, secondfactor.prepare, by, secondfactor.new_secret(), [], now=NOON)
        self.refused(Forbidden, secondfactor.use, by, "000000", now=NOON)


class PendingOnPostgresTests(OnPostgres, PendingTests):
    """The same on PostgreSQL."""
