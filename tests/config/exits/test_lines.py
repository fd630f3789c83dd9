"""Lists of exits: every spelling, every mistake, and no secret in anything that is said of them."""

from __future__ import annotations

from hashlib import blake2b
from ipaddress import IPv6Network
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.exits.lines import Lines, Source, read
from meshd.config.kinds import NAME
from meshd.topology import Exit, UpstreamProxy
from tests.config.support import ConfigTestCase

GW = UpstreamProxy("gw.test", 8080)
USER = UpstreamProxy("gw.test", 8080, "us3r", "s3cret")
SIX = UpstreamProxy("2001:db8::1", 1080, "us3r", "s3cret")

SPELLINGS = {
    "gw.test:8080": ("http", GW),
    "GW.Test:08080": ("http", GW),
    "10.0.0.1:80": ("http", UpstreamProxy("10.0.0.1", 80)),
    "gw.test:8080:us3r:s3cret": ("http", USER),
    "gw.test:8080:us3r:s3:cr@et#": ("http", UpstreamProxy("gw.test", 8080, "us3r", "s3:cr@et#")),
    "gw.test:8080:us3r:": ("http", UpstreamProxy("gw.test", 8080, "us3r")),
    "us3r:s3cret@gw.test:8080": ("http", USER),
    "us3r:s3:cr@et%20@gw.test:8080": ("http", UpstreamProxy("gw.test", 8080, "us3r", "s3:cr@et%20")),
    "us3r@gw.test:8080": ("http", UpstreamProxy("gw.test", 8080, "us3r")),
    "http://gw.test:8080": ("http", GW),
    "http://us3r:s3cret@gw.test:8080/": ("http", USER),
    "HTTP://us3r:s3%63ret@gw.test:8080": ("http", USER),
    "http://us3r:p%40s%3As%C3%A9@gw.test:8080": ("http", UpstreamProxy("gw.test", 8080, "us3r", "p@s:s\u00e9")),
    "http://us3r:p/s?s#100%@gw.test:8080": ("http", UpstreamProxy("gw.test", 8080, "us3r", "p/s?s#100%")),
    "https://gw.test:8080": ("https", GW),
    "socks5://us3r:s3cret@gw.test:8080": ("socks5", USER),
    "socks5h://us3r:s3cret@gw.test:8080": ("socks5", USER),
    "socks5://us%3Aer:x@gw.test:8080": ("socks5", UpstreamProxy("gw.test", 8080, "us:er", "x")),
    "[2001:db8::1]:1080:us3r:s3cret": ("http", SIX),
    "us3r:s3cret@[2001:DB8:0::1]:1080 kind=socks5": ("socks5", SIX),
    "socks5://us3r:s3cret@[2001:db8::1]:1080": ("socks5", SIX),
    "us3r:s3cret:gw.test:8080": ("http", USER),
    "us3r:s3:cr@et#:gw.test:8080": ("http", UpstreamProxy("gw.test", 8080, "us3r", "s3:cr@et#")),
    "us3r:12345:gw.test:8080": ("http", UpstreamProxy("gw.test", 8080, "us3r", "12345")),
    "gw.test:8080:us3r:12345": ("http", UpstreamProxy("gw.test", 8080, "us3r", "12345")),
    "us3r:s3cret:10.0.0.1:80": ("http", UpstreamProxy("10.0.0.1", 80, "us3r", "s3cret")),
    "us3r:s3cret:[2001:db8::1]:1080": ("http", SIX),
    "gw.test:8080@us3r:s3cret": ("http", USER),
    "[2001:db8::1]:1080@us3r:s3cret": ("http", SIX),
    "http://gw.test:8080:us3r:s3cret": ("http", USER),
    "socks5://gw.test:8080:us3r:s3cret": ("socks5", USER),
    "socks5://us3r:s3cret:gw.test:8080/": ("socks5", USER),
    "http://gw.test:8080@us3r:s3cret": ("http", USER),
    "http://[2001:db8::1]:1080:us3r:s3cret": ("http", SIX),
    "gw.test,8080": ("http", GW),
    "gw.test;8080;us3r;s3cret": ("http", USER),
    "gw.test,8080,us3r,s3cret": ("http", USER),
    "gw.test, 8080, us3r, s3cret": ("http", USER),
    "gw.test|8080|us3r|s3cret": ("http", USER),
    "gw.test\t8080\tus3r\ts3cret": ("http", USER),
    "gw.test\t8080\tus3r\ts3cret\tkind=socks5": ("socks5", USER),
    "gw.test 8080 us3r s3cret": ("http", USER),
    "us3r,s3cret,gw.test,8080": ("http", USER),
    "us3r;s3cret;gw.test;8080 kind=socks5": ("socks5", USER),
    "gw.test:8080,us3r,s3cret": ("http", USER),
    "gw.test:8080;us3r;s3cret;": ("http", USER),
    '"gw.test","8080","us3r","s3cret"': ("http", USER),
    '"gw.test","8080","us3r","s3,""cret"': ("http", UpstreamProxy("gw.test", 8080, "us3r", 's3,"cret')),
    "2001:db8::1,1080,us3r,s3cret": ("http", SIX),
    "2001:db8:1:2:3:4:5:6:8080": ("http", UpstreamProxy("2001:db8:1:2:3:4:5:6", 8080)),
    "http gw.test 8080 us3r s3cret": ("http", USER),
    "socks5,gw.test,8080": ("socks5", GW),
    "gw.test,8080,us3r,s3cret,socks5": ("socks5", USER),
    "gw.test:8080:us3r:s3,cr;e|t": ("http", UpstreamProxy("gw.test", 8080, "us3r", "s3,cr;e|t")),
    "gw.test:8080 kind=https": ("https", GW),
    "https://gw.test:8080 kind=https": ("https", GW),
}

LOCAL = {
    "192.0.2.1": Exit("", "local", "192.0.2.1"),
    "2001:DB8::1": Exit("", "local", "2001:db8::1"),
    "2001:db8::1:8080 kind=local": Exit("", "local", "2001:db8::1:8080"),
    "2001:db8::1:fade": Exit("", "local", "2001:db8::1:fade"),
    "2001:db8:1:2:3:4:5:8080": Exit("", "local", "2001:db8:1:2:3:4:5:8080"),
    "2001:db8:1::/64": Exit("", "local", prefix=IPv6Network("2001:db8:1::/64")),
    "192.0.2.1 kind=local": Exit("", "local", "192.0.2.1"),
}

WRONG = {
    "gw.test": "it is none of host:port, host:port:user:password, user:password@host:port, a URL, an address",
    "gw.test:8080:us3r": "it is none of host:port",
    "s3cret": "it is none of host:port",
    "gw.test:0": "a port is a number from 1 to 65535",
    "gw.test:65536:us3r:s3cret": "a port is a number from 1 to 65535",
    "2001:db8::1:8080": "an IPv6 address before a port has brackets",
    "2001:db8::1:8080 kind=http": "an IPv6 address before a port has brackets",
    "gw.test:8080:other.test:9090": "each of its ends could be the proxy: write it as user:password@host:port",
    "10.0.0.1,8080,10.0.0.2,9090": "each of its ends could be the proxy",
    "http://gw.test:8080:us3r:s3%63ret": "a password may be percent-encoded here or not",
    "gw.test,80,us3r,s3cret kind=local": "an exit of this machine is an address alone",
    "gw.test,0,us3r,s3cret": "a port is a number from 1 to 65535",
    "gw.test,80,us3r": "it is none of host:port",
    "gw..test:80": "its host is neither an address nor a name",
    "10.0.0.256:80": "its host is neither an address nor a name",
    "0x7f.1:80": "its host is neither an address nor a name",
    "[192.0.2.1]:80": "what stands in its brackets is no IPv6 address",
    "us3r:s3cret@[::g]:80": "what stands in its brackets is no IPv6 address",
    "http://us3r:s3cret@gw.test": "it is no host:port, with an IPv6 address in brackets",
    "http://gw.test:80/s3cret": "it is no host:port, with an IPv6 address in brackets",
    "ftp://us3r:s3cret@gw.test:80": "its scheme is none of http, https, socks5 and socks5h",
    "http://%ff:s3cret@gw.test:80": "its percent-encoding is not of UTF-8",
    "http://us%3Aer:s3cret@gw.test:80": "a user name has no colon in HTTP (RFC 7617)",
    "http://us3r:s3cret%0A@gw.test:80": "its user name or password has a character that cannot be printed",
    f"gw.test:80:us3r:{'s' * 256}": "its user name or password has more than 255 bytes",
    "gw.test:80:us3r:s3cret\x00": "it has a character that cannot be printed",
    "gw.test:80:us3r:s3cret\ufffd": "it is not UTF-8",
    "10.0.0.0/8": "a prefix is one of IPv6; of IPv4 write each address",
    "2001:db8::1/64": "did you mean 2001:db8::/64?",
    "2001:db8::/16": "a prefix has from 32 to 126 bits",
    "256.0.0.1": "it is no address",
    "0.0.0.0": "nothing can be sent from it",
    "::ffff:192.0.2.1": "write it as 192.0.2.1",
    "192.0.2.1 kind=http": "an address alone is an exit of this machine: a proxy's has a port",
    "192.0.2.1 address=192.0.2.2": "an exit of this machine has no second address",
    "gw.test:80 kind=local": "an exit of this machine is an address alone",
    "socks5://gw.test:80 kind=http": "its kind is not that of its URL",
    "gw.test:80 kind=s3cret": 'kind must be "local", "http", "https" or "socks5"',
    "gw.test:80 s3cret": "word 2 is no attribute: they are name, kind, address, country, tags, weight, reuse, visible,",
    "gw.test:80 country=US s3cret=s3cret": "word 3 is no attribute",
    "gw.test:80 country=s3cret": "country must be a country's two letters (ISO 3166)",
    "gw.test:80 reuse=s3cret": "reuse must be true or false",
    "gw.test:80 kind=socks5 reuse=yes": "only an http or https proxy can be said to reuse",
    "socks5://gw.test:80 tunnel=yes": "only an http or https proxy can be said to be asked for tunnels alone",
    "192.0.2.1 tunnel=yes": "only an http or https proxy can be said to be asked for tunnels alone",
    "gw.test:80 city=": "city must be a text of up to 64 characters that can be printed, _ for a blank",
    "gw.test:80 city=___": "city must be a text",
    "gw.test:80 zip=s3c\u202eret": "zip must be a text",
    "gw.test:80 weight=0": "weight must be a whole number from 1 to 100",
    "gw.test:80 weight=s3cret": "weight must be a whole number from 1 to 100",
    "gw.test:80 name=s3cret:": "name must be a name of up to 64 letters, digits and .-_",
    "gw.test:80 tags=a,b,a": "tags must be a list, each item a name",
    "gw.test:80 tag=a tags=b": "tags is given twice",
    "gw.test:80 address=10.0.0.0/8": "address must be a single IPv4 or IPv6 address",
}


def lines(text: str, stem: str = "bought") -> Lines:
    return read(text, stem, {})


class SpellingTests(SynchronousTestCase):
    """Tables."""

    def test_upstream_proxies(self) -> None:
        """Nothing but a URL is percent-encoded."""
        for text, (kind, upstream) in SPELLINGS.items():
            found = lines(text)
            self.assertEqual(found.problems, (), text)
            self.assertEqual([(each.kind, each.upstream) for each in found.exits], [(kind, upstream)], text)

    def test_exits_of_this_machine(self) -> None:
        """An address alone, or a prefix."""
        for text, wanted in LOCAL.items():
            found = lines(text)
            self.assertEqual(found.problems, (), text)
            self.assertEqual([(each.kind, each.address, each.prefix) for each in found.exits], [
                (wanted.kind, wanted.address, wanted.prefix)
            ])  # fmt: skip

    def test_attributes(self) -> None:
        """In any order, after any blanks; what begins with # is a comment."""
        text = "gw.test:80\tname=gb-1  tags=fast,dc country=uk weight=3 address=2001:DB8::9 # mine: country=US\r\n"
        (found,) = lines(text).exits
        self.assertEqual((found.name, found.country, found.weight), ("gb-1", "GB", 3))
        self.assertEqual((found.tags, found.address), (frozenset({"fast", "dc"}), "2001:db8::9"))
        self.assertEqual((found.region, found.city), ("", ""))
        self.assertEqual(lines("gw.test:80 tag=x").exits[0].tags, frozenset({"x"}))
        self.assertEqual(
            [lines(f"gw.test:80 reuse={text}").exits[0].upstream.reuse for text in ("yes", "false")],  # type: ignore[union-attr]
            [True, False],
        )

    def test_places_are_written_without_blanks(self) -> None:
        """A hyphen is a letter of theirs, and `_` a blank."""
        text = "gw.test:80 region=Île-de-France city=Saint_Denis isp=AS64500_Example,_Inc. zip=93_200"
        (found,) = read(text, "x", {}).exits
        self.assertEqual(
            (found.region, found.city, found.isp, found.zip),
            ("Île-de-France", "Saint Denis", "AS64500 Example, Inc.", "93 200"),
        )

    def test_lines_without_an_exit(self) -> None:
        """Are no mistakes."""
        self.assertEqual(lines("\n  \n# gw.test:80\n\t#\r\n"), Lines((), ()))

    def test_headings(self) -> None:
        """A first line that calls the columns by their names is no mistake; further down it is."""
        for heading in ("ip,port,username,password", "Host;Port;User;Pass", "host:port:user:pass", "IP Address\tport"):
            found = lines(f"{heading}\ngw.test:8080\n")
            self.assertEqual((found.problems, len(found.exits)), ((), 1), heading)
        self.assertEqual([each.line for each in lines("gw.test:8080\nip,port\n").problems], [2])

    def test_wrong_lines(self) -> None:
        """Each has its reason and its number, and costs nobody else."""
        for text, reason in WRONG.items():
            found = lines(f"\n{text}\nother.test:80")
            self.assertEqual([each.line for each in found.problems], [2], text)
            self.assertIn(reason, found.problems[0].reason, text)
            self.assertEqual(len(found.exits), 1, text)
            self.assertNotIn("s3cret", repr(found))

    def test_lines_are_counted_as_editors_count_them(self) -> None:
        """A form feed or a line separator of Unicode ends none."""
        self.assertEqual([each.line for each in lines("#\x0c\n#\u2028\r\n\x85\nx").problems], [4])


class SamenessTests(SynchronousTestCase):
    """One upstream, one name and one address are one exit's only."""

    def reasons(self, *text: str) -> list[str]:
        found = lines("\n".join(text))
        self.assertEqual(len(found.exits), 1)
        return [reason for _, reason in found.problems]

    def test_the_same_upstream(self) -> None:
        """However it is spelled; the password does not tell one from another, the user name does."""
        same = ["gw.test:80:us3r:s3cret", "us3r:other@GW.test:80 country=US", "http://us3r:x@gw.test:080"]
        self.assertEqual(self.reasons(*same), ["same as line 1"] * 2)
        self.assertEqual(self.reasons("2001:db8::1", "2001:DB8:0::1"), ["same as line 1"])
        self.assertEqual(len(lines("gw.test:80\ngw.test:80 kind=socks5\ngw.test:80:a:\ngw.test:80:b:").exits), 4)

    def test_the_same_name_or_address(self) -> None:
        """Requests ask by these."""
        self.assertEqual(self.reasons("a.test:80 name=a", "b.test:80 name=a"), ["its name is that of line 1"])
        two = ["a.test:80 address=192.0.2.1", "b.test:80 address=192.0.2.1"]
        self.assertEqual(self.reasons(*two), ["its address is that of line 1"])
        self.assertEqual(self.reasons("a.test:80 address=192.0.2.1", "192.0.2.1"), ["its address is that of line 1"])

    def test_what_others_have(self) -> None:
        """The settings' exits, and those of lists before."""
        taken = {"a": Source("", 0), "192.0.2.1": Source("first.txt", 7)}
        found = read("a.test:80 name=a\n192.0.2.1\nb.test:80 name=b", "x", taken, "second.txt")
        self.assertEqual(
            [reason for _, reason in found.problems],
            ["its name is that of an exit in the settings", "its address is that of first.txt line 7"],
        )
        self.assertEqual(taken["b"], Source("second.txt", 3))


class NameTests(SynchronousTestCase):
    """Names that a list does not give."""

    def test_they_depend_on_nothing_but_the_exit(self) -> None:
        """Not on the order, the password, or attributes; and they do not tell the host."""
        one = {each.upstream: each.name for each in lines("a.test:80:u:p\nb.test:80\n10.1.2.3").exits}
        two = {each.upstream: each.name for each in lines("10.1.2.3\nb.test:80 country=US\n#\na.test:80:u:p").exits}
        self.assertEqual(one, two)
        for name in one.values():
            self.assertRegex(name, r"\Abought-[0-9a-f]{8}\Z")
        self.assertEqual(lines("a.test:80:u:p").exits[0].name, lines("a.test:80:u:q").exits[0].name)

    def test_any_file_name_makes_a_name(self) -> None:
        """Of the kind that requests can ask for."""
        for stem in ("", "..", "-x", "two words", "\u00e9t\u00e9", "x" * 300):
            name = lines("a.test:80", stem).exits[0].name
            self.assertEqual(NAME(name, None), name)  # type: ignore[arg-type]

    def test_two_of_one_hash_are_told_apart(self) -> None:
        """Both of them by a longer one, whichever comes first."""
        one, two = clashing()
        found = [lines(text).exits for text in (f"{one}\n{two}\nx.test:80", f"{two}\n{one}\nx.test:80")]
        names = [{(each.address, each.upstream): each.name for each in exits} for exits in found]
        self.assertEqual(names[0], names[1])
        self.assertEqual(sorted(map(len, names[0].values())), [len("bought-") + size for size in (8, 16, 16)])


def clashing() -> tuple[str, str]:
    """Two addresses whose names would be one."""
    seen: dict[bytes, str] = {}
    for number in count():
        text = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        digest = blake2b(f"local\0{text}".encode(), digest_size=8).digest()[:4]
        if digest in seen:
            return seen[digest], text
        seen[digest] = text
    raise AssertionError


PIECES = st.sampled_from(
    [
        "http://", "socks5://", "gw.test", "10.0.0.1", "[2001:db8::1]", "2001:db8::", "/64", ":", "@", "80", "%", " ",
        "\t", "\n", "#", "=", "country=US", "kind=", "http", "name=", "tags=", "weight=", "address=", "a,b", "\ud800",
    ]
)  # fmt: skip
SECRET = "Zq7Zq7"


class AnyTextTests(SynchronousTestCase):
    """Whatever a file holds."""

    @given(st.lists(PIECES | st.text(max_size=4) | st.just(SECRET), max_size=30).map("".join))
    @settings(max_examples=500, deadline=None)
    def test_any_text(self, text: str) -> None:
        """Exits, or problems with the number of a line that is there; nothing of a line is repeated."""
        found = lines(text)
        rows = text.split("\n")
        for line, reason in found.problems:
            self.assertTrue(rows[line - 1].strip())
            self.assertTrue(reason.isprintable())
            self.assertNotIn(SECRET, reason)
        told = [line for line, _ in found.problems]
        self.assertEqual(told, sorted(set(told)))
        wanted = [row for row in rows if row.split() and not row.split()[0].startswith("#")]
        self.assertEqual(len(found.exits) + len(told), len(wanted))
        self.assertEqual(len({each.name for each in found.exits}), len(found.exits))

    @given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20))
    @settings(max_examples=200, deadline=None)
    def test_any_password(self, password: str) -> None:
        """Is read as it stands, and seen in no repr."""
        secret = f"{SECRET}{password}"
        for text in (f"gw.test:80:u:{secret}", f"u:{secret}@gw.test:80"):
            found = lines(text)
            if found.exits and found.exits[0].upstream and found.exits[0].upstream.host == "gw.test":
                self.assertEqual(found.exits[0].upstream.password, secret)
            self.assertNotIn(SECRET, repr(found))


LISTS = 'exits_from = ["lists/bought.txt", "lists/own.txt"]\n'


class FileTests(ConfigTestCase):
    """`exits_from`."""

    def setUp(self) -> None:
        super().setUp()
        self.write("lists/bought.txt", "a.test:80:u:s3cret name=a country=US\nb.test:80 name=b tags=x\n")
        self.write("lists/own.txt", "192.0.2.1 country=GB\n")

    def names(self, text: str, proxy: str = "local") -> list[str]:
        return [each.name for each in self.load(text).topology.proxies[proxy].exits]

    def test_exits_of_lists_serve_as_any(self) -> None:
        """After those of the settings; selected by name, tag and country."""
        own = '[[exits]]\nname = "z"\nkind = "direct"\n'
        self.assertEqual(self.names(LISTS)[:2], ["a", "b"])
        self.assertEqual(self.names(LISTS + own)[:3], ["z", "a", "b"])
        rules = {'name = ["b", "z"]': ["z", "b"], 'tag = ["x"]': ["b"], 'country = ["US"]': ["a"]}
        for rule, wanted in rules.items():
            self.assertEqual(self.names(f"{LISTS}{own}[proxies.p]\nexits = {{ {rule} }}\n", "p"), wanted)

    def test_one_rule_has_one_tuple(self) -> None:
        """So that many proxies with fifty thousand exits have one pool."""
        text = "".join(f'[proxies.p{n}]\nlisten = ["tcp:{n}"]\nexits = {{ tag = ["x"] }}\n' for n in (1, 2))
        one, two = self.load(LISTS + text).topology.proxies.values()
        self.assertIs(one.exits, two.exits)

    def test_wrong_lines_are_told_and_the_others_stay(self) -> None:
        """With the list's name, over all lists."""
        self.write("lists/own.txt", "nonsense\n192.0.2.1\nc.test:80 name=a\n")
        config = self.load(LISTS)
        self.assertEqual(len(config.topology.exits), 3)
        self.assertIn("own.txt line 1: it is none of host:port", config.problems[0])
        self.assertEqual(config.problems[1:], ("own.txt line 3: its name is that of bought.txt line 1",))

    def test_lists_that_cannot_be_used(self) -> None:
        """Missing, empty, or wrong in each line: nothing starts."""
        self.write("lists/own.txt", "nonsense\nnonsense\n")
        self.assertRegex(
            self.refusal(LISTS),
            r"^meshd.toml line 1: exits_from: \S+/lists/own.txt has no line that is an exit \(own.txt line 1: it is ",
        )
        self.write("lists/own.txt", "# none\n")
        self.assertTrue(self.refusal(LISTS).endswith("/lists/own.txt has no line that is an exit"))
        (self.folder / "lists/own.txt").unlink()
        self.assertTrue(self.refusal(LISTS).endswith("/lists/own.txt cannot be read: there is no such file"))

    def test_a_rule_that_nothing_meets_any_more_stops_nobody(self) -> None:
        """A list is a seller's; what it lost is no reason not to start."""
        rules = '[proxies.p]\nexits = { country = ["FR"] }\n[proxies.q]\nlisten = ["tcp:1"]\nexits = { name = ["c"] }\n'
        config = self.load(LISTS + rules)
        self.assertEqual(config.topology.proxies["p"].exits, ())
        self.assertEqual(
            config.problems,
            (
                "meshd.toml line 3: [proxies.p] exits: no exit is selected by this",
                "meshd.toml line 6: [proxies.q] exits: no exit is named 'c'",
                "meshd.toml line 6: [proxies.q] exits: no exit is selected by this",
            ),
        )

    def test_a_list_with_passwords_that_others_can_read(self) -> None:
        """Is told; its exits work."""
        self.write("lists/bought.txt", "a.test:80:u:s3cret\n", 0o644)
        self.assertEqual(
            self.load(LISTS).problems,
            ("bought.txt holds passwords and is open to others (mode 0644): chmod 640 or 600",),
        )
        self.write("lists/bought.txt", "a.test:80\n", 0o644)
        self.assertEqual(self.load(LISTS).problems, ())

    def test_bytes_of_another_encoding(self) -> None:
        """Cost their own lines; a byte order mark costs none."""
        self.write("lists/own.txt", b"\xef\xbb\xbf192.0.2.1\r\nc.test:80:u:\xe9t\xe9\r\n")
        config = self.load(LISTS)
        self.assertEqual(config.problems, ("own.txt line 2: it is not UTF-8",))
        self.assertEqual(config.topology.exits[-1].address, "192.0.2.1")

    def test_nothing_of_a_password_in_any_repr(self) -> None:
        """Config and topology are what ends in tracebacks."""
        config = self.load(LISTS)
        self.assertNotIn("s3cret", repr(config))
        self.assertNotIn("s3cret", repr(config.topology))
