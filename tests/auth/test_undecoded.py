"""Credentials as clients send them that decode nothing, forget the colon, or have none to send."""

from __future__ import annotations

from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Admission, Refusal
from tests.auth.world import PEER, World, basic

NAME, PASSWORD = "anna+b@c.example", "p:w/@ 5%41é"


def escaped(text: str) -> str:
    """Every character, as the most careful user writes it into a URL."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


class UndecodedTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.account = self.world.account(NAME, PASSWORD)
        self.secret, _ = self.world.token(self.account)

    def admitted(self, userinfo: str, peer: str = PEER) -> Admission:
        answer = self.world.ask(basic(userinfo), peer=peer)
        assert isinstance(answer, Admission), (userinfo, answer)
        self.assertEqual(answer.account.username, NAME)
        return answer

    def test_passwords(self) -> None:
        """Name and password in every spelling of a URL, each from an address of its own, and remembered afterwards."""
        some = PASSWORD.replace("%", "%25").replace(":", "%3A").replace("@", "%40").replace("/", "%2F")
        spellings = (
            f"{NAME}:{PASSWORD}",
            f"{NAME}:{escaped(PASSWORD)}",
            f"{NAME}:{some}",
            f"{NAME.replace('@', '%40')}:{some}",
            f"{NAME.replace('@', '%40').replace('+', '%2B')}:{escaped(PASSWORD)}",
            f"{escaped(NAME)}:{escaped(PASSWORD)}",
            f"{escaped(NAME).upper()}:{escaped(PASSWORD)}",
            f"{escaped(NAME)}%3A{escaped(PASSWORD)}",
            f"{NAME}%3a{escaped(PASSWORD)}",
        )
        for number, userinfo in enumerate(spellings):
            for _ in range(2):
                self.assertEqual(self.admitted(userinfo, f"198.51.100.{number}").selection.session, "", userinfo)

    def test_sticky_keys(self) -> None:
        """The key is decoded with the password that stands behind it."""
        password = escaped(PASSWORD)
        for userinfo, session in (
            (f"{NAME}:a%2Db:{PASSWORD}", "a%2Db"),
            (f"{NAME}:a%2Db:{password}", "a-b"),
            (f"{NAME}:a%3A{password}", "a"),
            (f"{escaped(NAME)}%3Aa:{password}", "a"),
        ):
            self.assertEqual(self.admitted(userinfo).selection.session, session, userinfo)

    def test_selections(self) -> None:
        """What stands behind the name has escapes of its own, and keeps them where the name has none."""
        self.assertEqual(self.admitted(f"{NAME}-session-a%2Db:{escaped(PASSWORD)}").selection.session, "a-b")
        name = NAME.replace("@", "%40")
        self.assertEqual(self.admitted(f"{name}-session-a%252Db:{escaped(PASSWORD)}").selection.session, "a-b")

    def test_tokens(self) -> None:
        """Without a colon, with one that was escaped, with a selection, and behind a key."""
        for userinfo, session in (
            (self.secret, ""),
            (f"{self.secret}-session-a1", "a1"),
            (f"{self.secret}%3A", ""),
            (f"{self.secret}%3Aa%3A", "a"),
            (f"{self.secret}:a%3A", "a"),
            (f"x%3A{self.secret}", ""),
            (f"x:a%3A{self.secret}", "a"),
        ):
            self.assertEqual(self.admitted(userinfo).selection.session, session, userinfo)

    def test_no_token_and_no_colon(self) -> None:
        """It is no credential that could be read, and nothing is counted."""
        for userinfo in ("anna", self.secret[:-1], self.secret + "x", "anna%3", "", "a" + self.secret):
            for _ in range(5):
                self.assertEqual(self.world.reason(basic(userinfo)), "auth-invalid", userinfo)
        self.assertEqual(self.world.hasher.runs, [])

    def test_what_a_wrong_one_costs(self) -> None:
        """As many slow hashes as readings, whether or not there is such an account; without escapes as ever."""
        runs = self.world.hasher.runs
        for number, (rest, cost) in enumerate(
            (("a", 1), ("k:b", 2), ("100%", 1), ("%zz%4", 1), ("%41c", 2), ("k:%41d", 4), ("k%3Ae", 3))
        ):
            spent = []
            for name in (NAME, "nobody"):
                before = len(runs)
                self.assertEqual(
                    self.world.reason(basic(f"{name}:{rest}"), peer=f"198.51.100.{number}"), "auth-invalid"
                )
                spent.append(len(runs) - before)
            self.assertEqual(spent, [cost, cost], rest)

    def test_one_failure(self) -> None:
        """However many readings it has: four wrong ones are a ban, three are none."""
        for number in range(3):
            self.assertEqual(self.world.reason(basic(f"{NAME}:k{number}:wr%41ng")), "auth-invalid")
        self.admitted(f"{NAME}:{PASSWORD}")
        self.assertEqual(self.world.reason(basic(f"{NAME}:k4:wr%41ng")), "auth-invalid")
        self.assertEqual(self.world.reason(basic(f"{NAME}:{PASSWORD}")), "auth-banned")

    def test_no_way_around_a_ban(self) -> None:
        """Failures count by the decoded name, and its ban holds for every spelling."""
        for number, name in enumerate((NAME, escaped(NAME), NAME.replace("@", "%40"), escaped(NAME).upper())):
            self.assertEqual(self.world.reason(basic(f"{name}:wrong{number}")), "auth-invalid")
        before = len(self.world.hasher.runs)
        for name in (NAME, escaped(NAME), f"{escaped(NAME)}-country-de"):
            self.assertEqual(self.world.reason(basic(f"{name}:{PASSWORD}")), "auth-banned")
        self.assertEqual(len(self.world.hasher.runs), before)

    def test_at_the_api(self) -> None:
        """Nothing is guessed there: its clients are ours to tell."""
        answer = self.world.sign_in(basic(f"{NAME}:{escaped(PASSWORD)}"))
        self.assertIsInstance(answer, Refusal)
        self.assertIsInstance(self.world.sign_in(b"Basic " + b64encode(f"{NAME}:{PASSWORD}".encode())), Admission)
