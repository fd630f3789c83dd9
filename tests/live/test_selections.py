"""Which exit is wanted, said in the user name, by a token, and in fields; the origin tells which one was used."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.passwords import hash_now
from meshd.store.open import BlockingStore
from meshd.store.statements import accounts, proxies
from tests.support.daemon import CommandError, LiveDaemon, clean_environment, free_port, until
from tests.support.origin import RecordingOrigin

EXITS = {
    "rack-1": ("127.0.0.71", "US"),
    "rack-2": ("127.0.0.72", "US"),
    "rack-3": ("127.0.0.73", "DE"),
    "spare": ("127.0.0.74", "FR"),
    "gone": ("192.0.2.71", "FR"),
}
"""The last one's address is not this machine's, so that nothing can leave by it."""
US = {"127.0.0.71", "127.0.0.72"}
GONE = "192.0.2.71"

CONFIG = "".join(
    f'[[exits]]\nname = "{name}"\nkind = "local"\naddress = "{address}"\ncountry = "{country}"\n'
    for name, (address, country) in EXITS.items()
)
PROXIES = '[proxies.us]\nexits = {{ country = ["US"] }}\n[proxies.open]\nlisten = ["tcp:{open}"]\n'
PASSWORD = "correct horse"

daemon: LiveDaemon
origin: RecordingOrigin


def setUpModule() -> None:
    global daemon, origin  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    for name in ("anna", "my"):
        daemon.account(name, f"{PASSWORD} of {name}")
    old_account("my-session-1", f"{PASSWORD} of my-session-1")
    origin = RecordingOrigin()


def old_account(name: str, password: str) -> None:
    """One with a name that no new one can have."""
    store = BlockingStore(daemon.store_url)
    try:
        made = store.run(
            accounts.create,
            name,
            password_hash=hash_now(password),
            parent_id=None,
            role="customer",
            plan="100",
            billing_day=1,
            now=0,
        )
        store.run(proxies.authorize, made.id, "local", 0)
    finally:
        store.close()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


@dataclass(frozen=True)
class Seen:
    """What a client got."""

    status: int
    fields: dict[str, str]
    """Of the proxy's last answer, names in lower case."""
    body: str


def ran(*words: str) -> str:
    """What curl says."""
    done = subprocess.run(
        ["curl", "-sS", *words], capture_output=True, text=True, timeout=60, env=clean_environment(), check=False
    )
    assert done.stdout, done.stderr
    return done.stdout


def curl(user: str, *words: str, url: str = "", proxy: str = "") -> Seen:
    """One request of curl's, with these credentials for the proxy; it decodes their %XX once."""
    out = ran("-i", "-x", f"http://{proxy or daemon.proxy}", "-U", user, *words, url or origin.url())
    head, _, body = out.partition("\n\n")
    line, *lines = head.splitlines()
    pairs = (each.partition(":") for each in lines)
    return Seen(int(line.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, body)


class Live(SynchronousTestCase):
    def seen(self, selection: str, *words: str, who: str = "anna") -> str:
        """The address that the origin was asked from; X-ProxyMesh-IP is it, or what was asked for."""
        return self.asked(f"{who}{selection}:{PASSWORD} of {who}", *words)

    def asked(self, user: str, *words: str) -> str:
        origin.forget()
        answer = curl(user, *words)
        self.assertEqual(answer.status, 200, answer)
        (connection,) = [each for each in origin.connections if each.requests]
        source = connection.peer[0]
        told = answer.fields["x-proxymesh-ip"]
        self.assertIn(told, {source, *(name for name, (address, _) in EXITS.items() if address == source)})
        return source

    def preview(self, user: str, *words: str) -> str:
        answer = curl(user, *words, url="http://meshd.internal/")
        self.assertEqual(answer.status, 200, answer)
        return str(json.loads(answer.body)["exit"])


class UserNameTests(Live):
    def test_a_country(self) -> None:
        """Its exits alone, as fields and in any case; one that has none is 503."""
        self.assertEqual({self.seen("-country-us") for _ in range(24)}, US)
        self.assertEqual(self.seen("-COUNTRY-De"), "127.0.0.73")
        answer = curl(f"anna-country-uk:{PASSWORD} of anna")
        self.assertEqual((answer.status, answer.body.strip()), (503, "no exit available"))

    def test_an_exit(self) -> None:
        """By name, whose hyphen is encoded, or by address; one that is not there is told."""
        self.assertEqual(self.seen("-exit-rack%252D3"), "127.0.0.73")
        self.assertEqual(self.seen("-exit-127.0.0.72"), "127.0.0.72")
        answer = curl(f"anna-exit-rack%252D9-country-de:{PASSWORD} of anna")
        self.assertEqual(answer.fields["x-proxymesh-ip-not-found"], "rack-9")

    def test_what_is_to_be_avoided(self) -> None:
        """Each of a list."""
        selection = "-not-rack%252D1,127.0.0.73,gone,spare"
        self.assertEqual({self.seen(selection) for _ in range(6)}, {"127.0.0.72"})

    def test_a_session(self) -> None:
        """Stays where it is, as if it were said in the field or before the password; others go elsewhere."""
        places = {}
        for number in range(12):
            places[number] = self.seen(f"-country-us-session-s{number}")
            self.assertEqual(self.seen(f"-session-s{number}-Country-US"), places[number])
            self.assertEqual(self.seen("-country-us", "-H", f"X-ProxyMesh-Session: s{number}"), places[number])
            self.assertEqual(self.asked(f"anna-country-us:s{number}:{PASSWORD} of anna"), places[number])
        self.assertEqual({self.seen(f"-country-us-session-s{number}") for number in range(24)}, US)

    def test_a_session_that_ends(self) -> None:
        """With a ttl the same key means another exit after that time, sooner or later."""
        user = f"anna-country-us-session-short-ttl-1s:{PASSWORD} of anna"
        first = self.preview(user)
        until(lambda: self.preview(user) != first, "the session moves")
        lasting = f"anna-country-us-session-b-ttl-999d:{PASSWORD} of anna"
        self.assertEqual(len({self.preview(lasting) for _ in range(8)}), 1)

    def test_a_session_whose_exit_is_gone(self) -> None:
        """Strict fails and says why; soft moves and says so."""
        session = next(
            f"anna-country-fr-session-k{number}"
            for number in range(100)
            if self.preview(f"anna-country-fr-session-k{number}:{PASSWORD} of anna") == GONE
        )
        strict, soft = (f"{session}{end}:{PASSWORD} of anna" for end in ("-strict", ""))
        failed = curl(strict)
        self.assertEqual((failed.status, failed.fields["x-proxymesh-error"]), (502, "exit failed"))
        gone = until(
            lambda: (answer := curl(strict)).fields["x-proxymesh-error"] == "session exit gone" and answer,
            "the exit rests",
        )
        self.assertEqual(gone.status, 502)
        self.assertIn('details="session-exit-gone"', gone.fields["proxy-status"])
        moved = curl(soft, "-p")
        self.assertEqual((moved.status, moved.fields["x-proxymesh-ip"]), (200, "127.0.0.74"))
        self.assertIn('details="session-moved"', moved.fields["proxy-status"])

    def test_fields_win(self) -> None:
        """One by one; what both exclude is excluded."""
        self.assertEqual(self.seen("-country-us-session-a", "-H", "X-ProxyMesh-Country: DE"), "127.0.0.73")
        self.assertEqual(self.seen("-exit-rack%252D1", "-H", "X-ProxyMesh-IP: 127.0.0.73"), "127.0.0.73")
        self.assertEqual(self.seen("-exit-rack%252D1", "-H", "X-ProxyMesh-Prefer-IP: 127.0.0.73"), "127.0.0.73")
        fields = ("-H", "X-ProxyMesh-Not-IP: rack-1", "-H", "X-ProxyMesh-Country: US")
        self.assertEqual({self.seen("-not-rack%252D3,gone-country-de", *fields) for _ in range(4)}, {"127.0.0.72"})

    def test_a_tunnel(self) -> None:
        """The same for CONNECT."""
        answer = curl(f"anna-country-de-strict:{PASSWORD} of anna", "-p")
        self.assertEqual((answer.status, answer.fields["x-proxymesh-ip"]), (200, "127.0.0.73"))

    def test_the_page(self) -> None:
        """meshd.internal tells the exit that results, and whose account it is."""
        user = f"anna-exit-rack%252D2:{PASSWORD} of anna"
        self.assertEqual(self.preview(user), "rack-2")
        self.assertEqual(self.preview(user, "-H", "X-ProxyMesh-IP: rack-3"), "rack-3")
        answer = curl(user, url="http://meshd.internal/")
        self.assertEqual(json.loads(answer.body)["account"], "anna")


class NameTests(Live):
    def test_accounts_with_such_names(self) -> None:
        """The longest that exists is meant, with its own password and bill."""
        for user, expected in (
            (f"my-session-1:{PASSWORD} of my-session-1", "my-session-1"),
            (f"my-session-1-country-us:{PASSWORD} of my-session-1", "my-session-1"),
            (f"my-session-2:{PASSWORD} of my", "my"),
            (f"my-country-us-session-1:{PASSWORD} of my", "my"),
        ):
            answer = curl(user, url="http://meshd.internal/")
            self.assertEqual((answer.status, json.loads(answer.body)["account"]), (200, expected), user)
        answer = curl(f"my-session-1:{PASSWORD} of my")
        self.assertEqual((answer.status, answer.fields["x-proxymesh-error"]), (407, "invalid credentials"))

    def test_names_taken_in_advance(self) -> None:
        """Nobody can have a name that reads as another's with a selection, before that one is there or after."""
        daemon.account("greedy", PASSWORD)
        for name in ("later", "anna", "greedy"):
            told = f"This reads as the name {name} with a selection; leave out -session."
            words = "-u", f"greedy:{PASSWORD}", "-d", f"username={name}-session-1", f"{daemon.api}/api/sub/create/"
            self.assertEqual(json.loads(ran("-k", *words)), {"username": [told]})
            status, _, error = daemon.run_cli("account", "create", f"{name}-session-1", "--no-password")
            self.assertEqual((status, error), (1, f"meshd: username: {told}\n"))
        daemon.account("later", f"{PASSWORD} of later")
        for number in range(6):
            answer = curl(f"later-session-{number}:{PASSWORD} of later", url="http://meshd.internal/")
            self.assertEqual(json.loads(answer.body)["account"], "later")
        status, _, error = daemon.run_cli("account", "list")
        self.assertEqual((status, error.count("\n")), (0, 1))
        self.assertIn("my-session-1 reads as my with the selection session-1", error)

    def test_a_bad_selection(self) -> None:
        """400 with the key and its place, as often as one likes; without the password it is 407 like any other."""
        for _ in range(6):
            answer = curl(f"anna-session-a-country-usa:{PASSWORD} of anna")
            detail = "country at character 16: needs a country of two letters"
            self.assertEqual((answer.status, answer.fields["x-proxymesh-error"]), (400, "bad selection"))
            self.assertEqual(answer.body, f"{detail}\nbad selection\n")
            self.assertIn(f'details="bad-selection: {detail}"', answer.fields["proxy-status"])
        answer = curl("anna-session-a-country-usa:wrong", "--interface", "127.0.0.80")
        self.assertEqual((answer.status, answer.body), (407, "invalid credentials\n"))
        self.assertEqual(self.seen("-country-de"), "127.0.0.73")

    def test_bans(self) -> None:
        """Variants of a name are one name: four wrong ones ban all of them from there, at the API too."""
        for number in range(4):
            answer = curl(f"my-session-{number}:wrong {number}", "--interface", "127.0.0.81")
            self.assertEqual(answer.body, "invalid credentials\n")
        for user in (f"my:{PASSWORD} of my", f"my-ttl-5:{PASSWORD} of my", f"my-session-1:{PASSWORD} of my-session-1"):
            answer = curl(user, "--interface", "127.0.0.81")
            self.assertEqual((answer.status, answer.body), (407, "too many failures\n"), user)
        self.assertEqual(
            [("127.0.0.81", "my")], [(ban["address"], ban["username"]) for ban in daemon.cli("ban", "list")]
        )
        daemon.cli("ban", "lift", "127.0.0.81", "my-session-9")
        self.assertEqual(daemon.cli("ban", "list"), [])


class TokenTests(Live):
    def test_what_a_token_asks_for(self) -> None:
        """Where the user name and the fields are silent."""
        token = daemon.token("anna", select="country-us-not-rack%2D1")
        self.assertEqual({self.asked(f"x:{token}") for _ in range(4)}, {"127.0.0.72"})
        self.assertEqual(self.asked(f"{token}-country-de:"), "127.0.0.73")
        self.assertEqual(self.asked(f"x-country-de:{token}"), "127.0.0.73")
        self.assertEqual(self.asked(f"x:{token}", "-H", "X-ProxyMesh-Country: DE"), "127.0.0.73")
        self.assertEqual(self.asked(f"x-country-us:{token}", "-H", "X-ProxyMesh-Country: DE"), "127.0.0.73")
        answer = curl(f"x-country-us-not-rack%252D2:{token}")
        self.assertEqual((answer.status, answer.body), (503, "no exit available\n"))
        answer = curl(f"x-nots-strict-a:{token}")
        self.assertTrue(
            answer.body.startswith("a at character 15: not one of country, region, city, exit, not, "), answer.body
        )
        error = self.assertRaises(CommandError, daemon.token, "anna", select="country-us-ttl-x")
        self.assertIn("selection: ttl at character 12: ", error.err)

    def test_what_a_token_is_for(self) -> None:
        """Through other proxies it is refused, though its account is not."""
        open_ = free_port()
        other = LiveDaemon(self, CONFIG + PROXIES.format(open=open_))
        us = other.proxy_port
        other.account("anna", PASSWORD)
        token = other.token("anna", proxies="us", select="country-us")
        for proxy, user, status in (
            (us, f"x:{token}", 200),
            (open_, f"x:{token}", 402),
            (open_, f"x-session-1:{token}", 402),
            (open_, f"anna:{PASSWORD}", 200),
        ):
            answer = curl(user, proxy=f"127.0.0.1:{proxy}")
            self.assertEqual(answer.status, status, answer)
        listed = json.loads(ran("-k", "-H", f"Authorization: Bearer {token}", f"{other.api}/api/proxies/"))
        self.assertEqual([str(us)], [each.rpartition(":")[2] for each in listed["proxies"]])
