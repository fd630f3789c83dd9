"""Threats 1, 8 to 12, 28 to 30 and 42: who gets in, and who keeps trying."""

from __future__ import annotations

import sqlite3
import statistics
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import CommandError, LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.support.succession import descendants
from tests.threats.support import LISTED, PASSWORD, Answer, Names, Talk, ask, basic, get, world

CONFIG = """
[limits]
names_per_address = 6
[dns]
servers = ["{servers}"]
[hostnames]
allow_private = {private}
"""

names: Names
daemon: LiveDaemon
origin: RecordingOrigin


def setUpModule() -> None:
    global names, daemon, origin  # noqa: PLW0603
    names = Names()
    daemon = LiveDaemon(config=CONFIG.format(servers=names.address, private="true"))
    for name in ("alice", "bob", "carol", "dave"):
        daemon.account(name, PASSWORD)
    origin = RecordingOrigin()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


def tried(source: str, name: str, password: str = PASSWORD) -> Answer:
    return ask(daemon, get(origin.url(), basic(name, password)), source)


def fail(source: str, name: str, times: int = 4) -> list[int]:
    """So many different wrong passwords."""
    return [tried(source, name, f"wrong {time.monotonic_ns()}").status for _ in range(times)]


def spent() -> float:
    """Seconds of the processor that the daemon and its workers have had, to the nanosecond
    (`clock_getcpuclockid(3)`).
    """
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in (daemon.pid, *descendants(daemon.pid)))


class OpenRelayTest(SynchronousTestCase):
    def test_threat_01_open_relay(self) -> None:
        """Nobody gets through without being somebody: 407 with both challenges, and nothing is dialled."""
        for what in (
            b"",
            b"Proxy-Authorization: \r\n",
            b"Proxy-Authorization: Basic\r\n",
            b"Proxy-Authorization: Basic !!!\r\n",
            b"Proxy-Authorization: Basic Og==\r\n",
            b"Proxy-Authorization: Digest username=alice\r\n",
            b"Proxy-Authorization: Bearer x\r\n",
            b"Authorization: Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==\r\n",
            b"Proxy-Authentication: Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==\r\n",
        ):
            for head in (get(origin.url(), what), f"CONNECT {origin.authority} HTTP/1.1\r\n".encode() + what + b"\r\n"):
                answer = ask(daemon, head, "127.0.0.20")
                self.assertEqual(answer.status, 407, head)
                challenges = [value for name, value in answer.fields if name.lower() == "proxy-authenticate"]
                self.assertEqual(challenges, ['Basic realm="meshd", charset="UTF-8"', 'Bearer realm="meshd"'])
        self.assertEqual(origin.accepted, 0)

    def test_threat_01_fresh_install(self) -> None:
        """A daemon that was started without a file lets nobody through but its one account."""
        fresh = LiveDaemon(self, None)
        for who, status in ((b"", 407), (basic("admin", "admin"), 407), (basic("admin", ""), 407)):
            self.assertEqual(ask(fresh, get("http://meshd.internal/", who)).status, status)
        answer = ask(fresh, get("http://meshd.internal/", basic("admin", fresh.root_password)))
        self.assertEqual(answer.status, 200)
        self.assertGreaterEqual(len(fresh.root_password), 16)
        self.assertEqual(fresh.data_dir.stat().st_mode & 0o777, 0o700)
        for path in fresh.data_dir.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077 if path.name != "cert.pem" else 0, 0, path)

    def test_threat_29_forwarded_for(self) -> None:
        """What a client says of its address counts for nothing, neither to get in nor to get out of a ban."""
        lie = f"X-Forwarded-For: {LISTED}\r\nForwarded: for={LISTED}\r\nX-Real-IP: {LISTED}\r\n".encode()
        answer = ask(world().daemon, get(world().url(), lie), "127.0.0.21")
        self.assertEqual(answer.status, 407)
        fail("127.0.0.22", "carol")
        lie = b"X-Forwarded-For: 127.0.0.23\r\n"
        answer = ask(daemon, get(origin.url(), lie, basic("carol")), "127.0.0.22")
        self.assertEqual(answer.why, "auth-banned")

    def test_threat_29_proxy_protocol(self) -> None:
        """A PROXY line on a listener that was not declared so is a malformed request."""
        answer = ask(daemon, b"PROXY TCP4 127.0.0.66 127.0.0.1 1 2\r\n" + get(origin.url()), "127.0.0.24")
        self.assertEqual(answer.status, 400)
        answer = ask(daemon, b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12) + get(origin.url()), "127.0.0.24")
        self.assertEqual(answer.status, 400)


class BansTest(SynchronousTestCase):
    def test_threat_08_brute_force(self) -> None:
        """After four wrong ones the fifth is refused for three hours, right or wrong."""
        self.assertEqual(fail("127.0.0.30", "alice"), [407] * 4)
        for password in ("wrong again", PASSWORD):
            answer = tried("127.0.0.30", "alice", password)
            self.assertEqual((answer.status, answer.why, answer.reason), (407, "auth-banned", "too many failures"))
            self.assertTrue(10_700 < int(answer.field("retry-after") or 0) <= 10_800)

    def test_threat_08_no_hash_for_the_banned(self) -> None:
        """Who is banned costs no slow hash: of the processor, a thousand tries take less than two hundred hashes do."""
        fail("127.0.0.31", "alice")
        begun = spent()
        fail("127.0.0.32", "nobody")
        hashes = spent()
        with Talk(daemon, "127.0.0.31") as talk:
            for number in range(1000):
                self.assertEqual(talk.ask(get(origin.url(), basic("alice", f"try {number}"))).why, "auth-banned")
        self.assertLess(spent() - hashes, (hashes - begun) / 4 * 200)

    def test_threat_08_survives_restart(self) -> None:
        """A ban is in the store: it holds after the daemon was killed and started again, and can be lifted."""
        fail("127.0.0.33", "dave")
        self.assertEqual(tried("127.0.0.33", "dave").why, "auth-banned")
        daemon.kill()
        daemon.start()
        self.assertEqual(tried("127.0.0.33", "dave").why, "auth-banned")
        listed = daemon.cli("ban", "list")
        self.assertIn(("127.0.0.33", "dave"), {(ban["address"], ban["username"]) for ban in listed})
        daemon.cli("ban", "lift", "127.0.0.33", "dave")
        until(lambda: tried("127.0.0.33", "dave").status == 200, "the ban is lifted")

    def test_threat_08_the_same_wrong_one(self) -> None:
        """One typing error that a client repeats within seconds counts once."""
        statuses = [tried("127.0.0.34", "alice", "a typing error").why for _ in range(8)]
        self.assertEqual(statuses, ["auth-invalid"] * 8)
        self.assertEqual(tried("127.0.0.34", "alice").status, 200)

    def test_threat_08_without_credentials(self) -> None:
        """Requests without a credential are no failures."""
        for _ in range(20):
            self.assertEqual(ask(daemon, get(origin.url()), "127.0.0.35").why, "auth-required")
        self.assertEqual(tried("127.0.0.35", "alice").status, 200)

    def test_threat_08_pipelined(self) -> None:
        """Guesses that come all at once on one connection meet the ban all the same."""
        with Talk(daemon, "127.0.0.36") as talk:
            talk.send(b"".join(get(origin.url(), basic("bob", f"guess {number}")) for number in range(10)))
            whys = [talk.answer().why for _ in range(10)]
        self.assertEqual(whys, ["auth-invalid"] * 4 + ["auth-banned"] * 6)

    def test_threat_09_many_names(self) -> None:
        """An address that tries many names is refused for all of them, the right ones too; another address is not."""
        for number in range(6):
            fail("127.0.0.37", f"name{number}", 1)
        answer = tried("127.0.0.37", "alice")
        self.assertEqual((answer.status, answer.why), (407, "auth-banned"))
        self.assertEqual(tried("127.0.0.38", "alice").status, 200)

    def test_threat_09_mapped(self) -> None:
        """A ban holds for the address in its other family's clothes: the listener sees it mapped already."""
        fail("127.0.0.39", "alice")
        self.assertIn("127.0.0.39", {ban["address"] for ban in daemon.cli("ban", "list")})

    def test_threat_09_six(self) -> None:
        """IPv6 is banned by its /64."""
        fail("::1", "carol")
        self.assertEqual(tried("::1", "carol").why, "auth-banned")
        self.assertIn("::/64", {ban["address"] for ban in daemon.cli("ban", "list")})

    def test_threat_10_ban_as_denial(self) -> None:
        """The pair is banned: other names from there, that name from elsewhere and a token from there go on."""
        token = daemon.token("bob")
        self.assertEqual(tried("127.0.0.40", "bob").status, 200)
        fail("127.0.0.40", "alice")
        self.assertEqual(tried("127.0.0.40", "alice").why, "auth-banned")
        self.assertEqual(tried("127.0.0.40", "ALICE").why, "auth-banned")
        self.assertEqual(tried("127.0.0.40", "bob").status, 200)
        self.assertEqual(tried("127.0.0.41", "alice").status, 200)
        bearer = f"Proxy-Authorization: Bearer {token}\r\n".encode()
        self.assertEqual(ask(daemon, get(origin.url(), bearer), "127.0.0.40").status, 200)

    def test_threat_10_a_strangers_names(self) -> None:
        """They ban an address, but for who was right there before, by password and by token, and go on being right."""
        bearer = f"Proxy-Authorization: Bearer {daemon.token('bob')}\r\n".encode()
        self.assertEqual(tried("127.0.0.44", "alice").status, 200)
        self.assertEqual(ask(daemon, get(origin.url(), bearer), "127.0.0.44").status, 200)
        for number in range(6):
            fail("127.0.0.44", f"name{number}", 1)
        self.assertEqual(tried("127.0.0.44", "carol").why, "auth-banned")
        daemon.restart()
        for _ in range(2):
            self.assertEqual(tried("127.0.0.44", "carol").why, "auth-banned")
            self.assertEqual(tried("127.0.0.44", "alice").status, 200)
            self.assertEqual(ask(daemon, get(origin.url(), bearer), "127.0.0.44").status, 200)

    def test_threat_10_an_old_password(self) -> None:
        """However often it is repeated, over restarts too, nobody is banned; and the log tells in whose name."""
        for _ in range(2):
            with Talk(daemon, "127.0.0.45") as talk:
                for number in range(20):
                    name = f"dave-session-{number}" if number % 2 else "dave"
                    self.assertEqual(talk.ask(get(origin.url(), basic(name, "old"))).why, "auth-invalid")
            daemon.restart()
        self.assertEqual(tried("127.0.0.45", "dave").status, 200)

        def found() -> list[tuple[int, str, int]]:
            lines = [line for line in daemon.exchanges() if line.get("client") == "127.0.0.45"]
            return [(line["status"], line["username"], line["account"]) for line in lines]

        until(lambda: len(found()) == 41, "every line is written")
        account = daemon.cli("account", "show", "dave")["id"]
        self.assertEqual(set(found()), {(407, "dave", account), (200, "dave", account)})
        moved = sum(line["up"] + line["down"] for line in daemon.exchanges() if line["account"] == account)
        until(lambda: daemon.total("dave") == moved, f"{moved} bytes are billed")

    def test_threat_10_listed_address(self) -> None:
        """Who is admitted by the address is not touched by the failures of others behind it."""
        daemon.cli("ip", "add", "bob", "127.0.0.42")
        until(lambda: ask(daemon, get(origin.url()), "127.0.0.42").status == 200, "the address is known")
        fail("127.0.0.42", "alice")
        self.assertEqual(ask(daemon, get(origin.url()), "127.0.0.42").status, 200)

    def test_threat_10_wrong_never_falls_through(self) -> None:
        """A wrong credential from a listed address is wrong, not the address's."""
        daemon.cli("ip", "add", "carol", "127.0.0.43")
        until(lambda: ask(daemon, get(origin.url()), "127.0.0.43").status == 200, "the address is known")
        self.assertEqual(fail("127.0.0.43", "alice", 1), [407])


class EnumerationTest(SynchronousTestCase):
    TRIES = 24

    def test_threat_11_timing(self) -> None:
        """Unknown name, wrong password and inactive token: the same answer to the byte, but for the id."""
        daemon.account("eve", PASSWORD)
        made = daemon.new_token("eve")
        daemon.cli("token", "deactivate", "eve", str(made["id"]))
        fields = {
            "an unknown name": lambda n: basic(f"nobody{n}", f"wrong {n}"),
            "a wrong password": lambda n: basic("eve", f"wrong {n}"),
            "an inactive token": lambda n: f"Proxy-Authorization: Bearer {made['token']}\r\n".encode(),
            "an unknown token": lambda n: basic("x", made["token"][:-8] + "AAAAAAAA"),
        }
        answers, medians = set(), {}
        for place, (what, field) in enumerate(fields.items()):
            seconds = []
            for number in range(self.TRIES):
                # Each address fails but twice, so that nobody is banned.
                with Talk(daemon, f"127.0.{place + 1}.{number // 2 + 1}") as talk:
                    begun = time.perf_counter()
                    talk.send(get(origin.url(), field(number), b"Connection: close\r\n"))
                    answer = talk.rest()
                    seconds.append(time.perf_counter() - begun)
                before, _, after = answer.partition(b'request-id="')
                answers.add(before + after.partition(b'"')[2])
            medians[what] = statistics.median(seconds) * 1000
        self.assertEqual(len(answers), 1, answers)
        print({what: f"{median:.2f} ms" for what, median in medians.items()})


class StorageTest(SynchronousTestCase):
    def test_threat_12_storage(self) -> None:
        """Neither the store nor the log nor any file of the data folder holds a password or a token."""
        daemon.account("frank", "a very secret password")
        token = daemon.token("frank", label="printed once")
        self.assertEqual(tried("127.0.0.50", "frank", "a very secret password").status, 200)
        bearer = f"Proxy-Authorization: Bearer {token}\r\n".encode()
        self.assertEqual(ask(daemon, get(origin.url(), bearer), "127.0.0.50").status, 200)
        daemon.terminate()
        secrets = (b"a very secret password", token.encode(), token[3:].encode(), basic("x", token).split()[-1])
        for path in daemon.data_dir.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                for secret in secrets:
                    self.assertNotIn(secret, content, path)
        for secret in secrets:
            self.assertNotIn(secret.decode(), daemon.log_text())
        with sqlite3.connect(daemon.data_dir / "meshd.sqlite3") as store:
            hashes = [row[0] for row in store.execute("select password_hash from accounts where password_hash <> ''")]
            digests = [bytes(row[0]) for row in store.execute("select digest from tokens")]
        self.assertTrue(all(each.startswith("$argon2id$") for each in hashes), hashes)
        self.assertEqual({len(digest) for digest in digests}, {32})
        daemon.start()

    def test_threat_12_revoked(self) -> None:
        """A revoked token and a changed password are forgotten."""
        daemon.account("grace", PASSWORD)
        made = daemon.new_token("grace")
        bearer = f"Proxy-Authorization: Bearer {made['token']}\r\n".encode()
        self.assertEqual(ask(daemon, get(origin.url(), bearer), "127.0.0.51").status, 200)
        self.assertEqual(tried("127.0.0.51", "grace").status, 200)
        daemon.cli("token", "delete", "grace", str(made["id"]))
        until(lambda: ask(daemon, get(origin.url(), bearer), "127.0.0.51").status == 407, "revoked")
        daemon.cli("account", "passwd", "grace", "--password-stdin", input="another one\n")
        until(lambda: tried("127.0.0.51", "grace").status == 407, "changed")
        self.assertEqual(tried("127.0.0.51", "grace", "another one").status, 200)

    def test_threat_41_secrets(self) -> None:
        """A password in the settings is shown to nobody, and a key that others can read starts nothing."""
        config = '[store]\nurl = "postgresql://meshd:hidden-word@127.0.0.1:1/x"\n'
        other = LiveDaemon(self, config, start=False)
        status, out, err = other.run_cli("config", "show")
        self.assertEqual(status, 0)
        self.assertNotIn("hidden-word", out + err)
        key = other.folder / "key.pem"
        key.write_text("-----BEGIN PRIVATE KEY-----\n")
        key.chmod(0o644)
        other.configure(f'[api]\ncertificate = "{key}"\nkey = "{key}"\n')
        status, text = other.failed_start()
        self.assertEqual(status, 1, text)
        self.assertIn("key.pem", text)

    def test_threat_42_usernames(self) -> None:
        """Look-alikes, colons, blanks and the same name in another case are refused."""
        bad = ["al\u0131ce", "\u0430lice", "ali\uff43e", "a:b", "a\xadb", "\u0661", "a/b", "a,b", "a\\b", "a\x00b"]
        for name in (*bad, "", " ", "a b", "a\nb", "a" * 31, "ALICE", "Alice"):
            self.assertRaises(CommandError, daemon.account, name, PASSWORD)
        self.assertEqual(tried("127.0.0.52", "ALICE").status, 200)
        for name in ("al\u0131ce", "\uff41lice", "alice\x00", " alice"):
            self.assertEqual(tried("127.0.0.53", name).why, "auth-invalid", name)


class AllowlistTest(SynchronousTestCase):
    def admitted(self, source: str, which: LiveDaemon | None = None) -> str:
        """Whom meshd takes the address for; "" for nobody."""
        answer = ask(which or daemon, get("http://meshd.internal/"), source)
        return answer.body.decode().partition('"account": "')[2].partition('"')[0]

    def test_threat_30_spellings(self) -> None:
        """What is no single public address is refused when it is written, however it is spelled."""
        for address in [
            "0.0.0.0",
            "::",
            "1.2.3.0/24",
            "::/0",
            "1.2.3.4-9",
            "1.2.3.4,1.2.3.5",
            "01.2.3.4",
            "1.2.3",
            "0x1020304",
            "16909060",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "*",
            "1.2.3.4/32",
            "1.2.3.4:80",
            "[::1]",
        ]:
            self.assertRaises(CommandError, daemon.cli, "ip", "add", "alice", address)

    def test_threat_30_mapped(self) -> None:
        """An IPv4-mapped address is the IPv4 one: it matches it, and a later claim of it is disputed."""
        daemon.cli("ip", "add", "alice", "::ffff:127.0.0.60")
        until(lambda: self.admitted("127.0.0.60") == "alice", "the address is known")
        self.assertTrue(daemon.cli("ip", "add", "bob", "127.0.0.60")["disputed"])
        self.assertRaises(CommandError, daemon.cli, "ip", "add", "bob", "::ffff:7f00:3c")
        self.assertEqual(self.admitted("127.0.0.60"), "alice")

    def test_threat_28_hostnames(self) -> None:
        """A name admits what it resolves to, sixteen addresses at most; one that two claim stays the first's."""
        names.say("home.test", ("127.0.0.70",))
        names.say("mine.test", ("127.0.0.71", "127.0.0.72"))
        names.say("theirs.test", ("127.0.0.72",))
        names.say("many.test", tuple(f"127.1.0.{number}" for number in range(1, 41)))
        daemon.cli("hostname", "add", "alice", "mine.test")
        until(lambda: self.admitted("127.0.0.72") == "alice", "the first claim")
        for account, name in (("alice", "home"), ("bob", "theirs"), ("carol", "many")):
            daemon.cli("hostname", "add", account, f"{name}.test")
        for source, account in (("127.0.0.70", "alice"), ("127.0.0.71", "alice"), ("127.1.0.1", "carol")):
            until(lambda source=source, account=account: self.admitted(source) == account, source)
        self.assertEqual(self.admitted("127.0.0.72"), "alice")
        count = sum(self.admitted(f"127.1.0.{number}") == "carol" for number in range(1, 41))
        self.assertLessEqual(count, 16)

    def test_threat_28_private(self) -> None:
        """By default a name that points at a private or loopback address admits nobody."""
        shut = world()
        shut.names.say("inside.test", ("127.0.0.80",))
        shut.daemon.cli("hostname", "add", "alice", "inside.test")
        until(lambda: "inside.test" in shut.names.asked, "the name is looked up")
        self.assertEqual(self.admitted("127.0.0.80", shut.daemon), "")
