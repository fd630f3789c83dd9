"""`[exit_lists.NAME]`: what may be said, what is shown, what is kept, and what a stranger's list may not have."""

from __future__ import annotations

import base64
import gzip
import os
import stat
from dataclasses import replace

from meshd.config import rows
from meshd.config.exits import lists
from meshd.config.exits.kept import Fetched, State, Unusable, fail, state_of, take
from meshd.config.exits.lists import decoded, read_fetched
from meshd.config.exits.remote import RemoteList, list_file
from tests.config.support import ConfigTestCase

URL = "https://us:p%40ss@lists.example:8443/v1/s3cret/list?token=s3cret"
SETTINGS = f"""
[exit_lists.seller]
url = "{URL}"
"""


class SettingTests(ConfigTestCase):
    def test_the_url_is_shown_to_nobody(self) -> None:
        """Not by `config show`, not in a repr, not in an error."""
        config = self.load(SETTINGS + "every = 3600\nleast = 5\n")
        (source,) = config.exit_lists
        self.assertEqual((source.every, source.least, source.private), (3600, 5, False))
        self.assertEqual((source.server, source.login), (("lists.example", 8443), ("us", "p@ss")))
        self.assertEqual(source.bare, "https://lists.example:8443/v1/s3cret/list?token=s3cret")
        shown = {key: value for key, value, _ in rows(config)}
        self.assertEqual(shown["exit_lists.seller.url"], "https://lists.example:8443/…")
        for text in (repr(config), repr(source), source.digest, str(shown)):
            for secret in ("s3cret", "p@ss", "p%40ss"):
                self.assertNotIn(secret, text)

    def test_refused(self) -> None:
        """In one line that does not repeat the URL."""
        for url in (
            "http://lists.example/s3cret",
            "ftp://s3cret",
            "https://",
            "https://lists.example:99999/s3cret",
            "https://lists.example/s3cret#name",
            "https://lists.example/s3cret with blanks",
            "https://a:b@/s3cret",
            "https://lists.ä.example/s3cret",
            "https://lists.example/" + "s3cret" * 1000,
        ):
            said = self.refusal(f'[exit_lists.seller]\nurl = "{url}"\n')
            self.assertIn("meshd.toml line 2: [exit_lists.seller] url must be an https:// URL, not '***' (", said)
            self.assertNotIn("s3cret", said)
        self.assertIn("[exit_lists.seller] url is missing", self.refusal("[exit_lists.seller]\nevery = 60\n"))
        self.assertIn("unknown key 'ulr'", self.refusal('[exit_lists.seller]\nulr = "x"\n'))
        self.write("meshd.toml", SETTINGS, 0o644)
        self.assertIn("is open to others (mode 0644): chmod 640 or 600", self.refusal(None, {"config": "meshd.toml"}))
        said = self.refusal(f'{SETTINGS}ca = "none.pem"\n')
        self.assertIn("exit_lists.seller.ca", said)

    def test_a_list_that_has_not_come(self) -> None:
        """Keeps nothing from starting, and there is no exit in its place."""
        config = self.load(SETTINGS + "[proxies.de]\nexits = { country = ['DE'] }\n")
        self.assertEqual(config.topology.exits, ())
        self.assertEqual(config.problems[0], "seller: it was not fetched yet")
        self.assertIn("no exit is selected by this", config.problems[1])


class KeptTests(ConfigTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.source = RemoteList("seller", URL)
        self.data = self.folder / "meshd-data"
        self.data.mkdir(mode=0o700)

    def take(self, body: bytes | None, now: int = 1000, etag: str = "") -> State:
        return take(self.data, self.source, Fetched(body, etag), now)

    def test_taken(self) -> None:
        """Its exits are those of the settings from then on; nobody else can read the files."""
        state = self.take(b"gw.example:1:us:open country=DE\ngw.example:2\n", etag='"1"')
        self.assertEqual((state.exits, state.changed, state.checked, state.etag), (2, 1000, 1000, '"1"'))
        self.assertEqual(state_of(self.data, self.source), state)
        config = self.load(SETTINGS)
        self.assertEqual([each.country for each in config.topology.exits], ["DE", ""])
        self.assertTrue(all(each.name.startswith("seller-") for each in config.topology.exits))
        self.assertIn(list_file(self.data, "seller"), config.stamps)
        for path in (self.data / "lists").iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertNotIn("s3cret", path.name + path.read_text())
        self.assertEqual(stat.S_IMODE((self.data / "lists").stat().st_mode), 0o700)

    def test_the_same_again(self) -> None:
        """Is put in no file's place, so that nothing is read anew."""
        self.take(b"gw.example:1\n")
        file = list_file(self.data, "seller")
        before = os.stat(file)
        again = self.take(b"gw.example:1\n", 2000)
        self.assertEqual((again.changed, again.checked), (1000, 2000))
        unchanged = self.take(None, 3000)
        self.assertEqual((unchanged.changed, unchanged.checked, unchanged.exits), (1000, 3000, 1))
        self.assertEqual(os.stat(file).st_ino, before.st_ino)

    def test_what_cannot_be_used_changes_nothing(self) -> None:
        """Empty, a page, too few: the list stays, and the state says why."""
        self.take(b"gw.example:1\ngw.example:2\n")
        self.source = replace(self.source, least=2)
        for body, wanted in (
            (b"", "the list is empty"),
            (b" \n\n", "the list is empty"),
            (b"<html><body>s3cret</body></html>\n", "the list has no line that is an exit (line 1: "),
            (b"\xff\xfe\x00", "the list has no line that is an exit"),
            (b"gw.example:1\n", "the list has 1 exits, fewer than the 2 of `least`"),
            (b"# sold out\n", "the list has no line that is an exit"),
        ):
            error = self.assertRaises(Unusable, self.take, body)
            self.assertIn(wanted, str(error))
            self.assertNotIn("s3cret", str(error))
            state = fail(self.data, self.source, str(error), 5000)
            self.assertEqual((state.exits, state.checked, state.tried, state.error), (2, 1000, 5000, str(error)))
            self.assertEqual(len(self.load(SETTINGS).topology.exits), 2)
        self.assertEqual(state_of(self.data, self.source).failures, 6)
        self.assertEqual((self.take(b"gw.example:3\ngw.example:4\n").failures), 0)

    def test_packed(self) -> None:
        """Unpacked within the bound, whole or not at all."""
        packed = gzip.compress(b"gw.example:1\n" * 50 + b"gw.example:2\n")
        state = take(self.data, self.source, Fetched(packed, packed=True), 1000)
        self.assertEqual(state.exits, 2)
        for body, wanted in (
            (packed[:-9], "the list is packed, and breaks off"),
            (packed[:9], "the list is packed, and breaks off"),
            (b"gw.example:3\n", "the list is packed, and damaged"),
            (gzip.compress(bytes(65 * 1024 * 1024)), "the list has more than 64 MiB"),
        ):
            error = self.assertRaises(Unusable, take, self.data, self.source, Fetched(body, packed=True), 1000)
            self.assertEqual(str(error), wanted)

    def test_what_a_strangers_list_may_not_have(self) -> None:
        """Exits of this machine, and proxies inside: each such line is told, unless the list is the operator's own."""
        text = (
            b"gw.example:1\n198.51.100.7\n2001:db8::/64\n10.0.0.1:3128\n127.0.0.1:1\n[::ffff:192.168.0.1]:80\n8.8.8.8:1"
        )
        self.assertEqual(self.take(text).exits, 2)
        config = self.load(SETTINGS)
        self.assertEqual(len(config.topology.exits), 2)
        self.assertEqual(len(config.problems), 5)
        self.assertIn(
            "seller line 2: an exit of this machine, which a list that is fetched cannot have", config.problems
        )
        self.assertEqual(len(self.load(SETTINGS + "private = true\n").topology.exits), 7)

    def test_private_addresses_in_every_spelling(self) -> None:
        """As the rules for destinations have them; a name that is to be looked up is judged at each connection."""
        hosts = (
            *("localhost", "a.localhost", "[::7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]"),
            *("192.0.0.192", "192.88.99.1", "[fec0::1]", "[::ffff:0:7f00:1]", "100.100.100.200", "127.1", "0x7f.1"),
        )
        found = read_fetched("".join(f"{host}:9090\n" for host in hosts).encode(), self.source, {})
        self.assertEqual((found.exits, len(found.problems)), ((), len(hosts)))
        lines = b"metadata.internal:80\n8.8.8.8:1\nhttp://[64:ff9b::808:808]:80 reuse=true\n"
        for private in (False, True):
            found = read_fetched(lines, replace(self.source, private=private), {})
            self.assertEqual([each.upstream.strange for each in found.exits if each.upstream], [not private] * 3)

    def test_more_lines_than_are_read(self) -> None:
        """Exits or not, whatever ends them, and wrapped: the list stays that there is."""
        self.take(b"gw.example:1\n")
        self.patch(lists, "MOST", 3)
        text = b"".join(b"gw.example:%d\n" % port for port in range(1, 5))
        self.assertEqual(self.take(text[: text.rindex(b"gw")]).exits, 3)
        for body in (text, text.replace(b"\n", b"\r"), b"\n" * 4, b"#\n" * 4, text.rstrip(), base64.b64encode(text)):
            error = self.assertRaises(Unusable, self.take, body)
            self.assertEqual(str(error), "the list has more than 3 lines")
        self.assertEqual(len(self.load(SETTINGS).topology.exits), 3)

    def test_more_exits_than_all_lists_may_have(self) -> None:
        """What is over is left out and told: no list of others keeps meshd from starting."""
        self.write("rack.txt", "192.0.2.1\n")
        self.take(b"gw.example:1\ngw.example:2\ngw.example:3\n")
        self.patch(lists, "MOST", 3)
        config = self.load('exits_from = ["rack.txt"]\n' + SETTINGS)
        self.assertEqual([each.kind for each in config.topology.exits], ["local", "http", "http"])
        self.assertIn("seller: its last 1 exits are left out, as all lists have over 3", config.problems)
        self.patch(lists, "MOST", 2)
        config = self.load('exits_from = ["rack.txt"]\n' + SETTINGS)
        self.assertEqual([each.kind for each in config.topology.exits], ["local"])
        self.assertIn("seller: the list has more than 2 lines", config.problems)

    def test_names_that_others_have(self) -> None:
        """A list takes no other exit's name away, and cannot keep meshd from starting."""
        self.write("rack.txt", "192.0.2.1 name=mine\n")
        self.take(b"gw.example:1 name=mine\n")
        config = self.load('exits_from = ["rack.txt"]\n' + SETTINGS)
        self.assertEqual([each.kind for each in config.topology.exits], ["local"])
        self.assertIn("seller line 1: its name is that of rack.txt line 1", config.problems)

    def test_files_that_are_spoilt(self) -> None:
        """Are as none: the list is fetched anew, and what is kept of it is told."""
        self.take(b"gw.example:1\n", etag='"1"')
        state = self.data / "lists" / "seller.json"
        for junk in (b"", b"[]", b"{}", b'{"source": 1}', b"[" * 60_000):
            state.write_bytes(junk)
            self.assertEqual(state_of(self.data, self.source), State())
        self.take(b"gw.example:1\n", etag='"1"')
        list_file(self.data, "seller").write_bytes(b"junk")
        self.assertIn("seller: what is kept of it has no line that is an exit", self.load(SETTINGS).problems)
        list_file(self.data, "seller").unlink()
        self.assertEqual(state_of(self.data, self.source).etag, "")


class WrappedTests(ConfigTestCase):
    def test_base64(self) -> None:
        """A list of share links as one text, in either alphabet, with line ends and padding or without."""
        text = "socks5://us:p%40ss@gw.example:1080#Berlin%20%31\nhttp://gw.example:8080#>>>???\n"
        for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes):
            packed = encode(text.encode())
            self.assertEqual(decoded(packed), text)
            self.assertEqual(decoded(packed.rstrip(b"=\n")), text)
        self.write("bought.txt", base64.b64encode(text.encode()))
        config = self.load('exits_from = ["bought.txt"]\n')
        self.assertEqual([each.kind for each in config.topology.exits], ["socks5", "http"])

    def test_what_is_no_base64(self) -> None:
        for raw in (
            b"gw.example:80\n",
            b"198.51.100.7\n",
            b"nonsense\n",
            b"a\n",
            b"",
            b"YWJj\n",
            b"A" * 5000 + b"\ngw.example:80\n",
        ):
            self.assertEqual(decoded(raw), raw.decode())

    def test_other_lists_are_not_searched_whole(self) -> None:
        """Whether it is base64 is seen by the beginning: a list of 64 MiB costs no more."""
        seen: list[int] = []

        class Looked:
            def fullmatch(self, raw: bytes) -> None:
                seen.append(len(raw))

        self.patch(lists, "_BASE64", Looked())
        decoded(b"gw.example:80\n" * 10_000)
        (size,) = seen
        self.assertLessEqual(size, 4096)

    def test_a_name_behind_a_url(self) -> None:
        """Is no part of it; a password with that sign is not cut."""
        self.write("a.txt", "http://gw.example:80#x\nhttp://u:1#2@gw.example:81\nsocks5://gw.example:82:u:p:12#x\n")
        exits = self.load('exits_from = ["a.txt"]\n').topology.exits
        found = [(each.upstream.port, each.upstream.password) for each in exits if each.upstream]
        self.assertEqual(found, [(80, ""), (81, "1#2"), (82, "p:12#x")])
