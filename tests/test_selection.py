"""What a user name and a token may say of the exit."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.selection import (
    KEYS,
    LONGEST,
    NONE,
    Selection,
    SelectionError,
    Split,
    candidates,
    plain,
    read_selection,
    render,
    stem,
)
from meshd.values.slugs import slug

READ = {
    "nothing": ("", NONE),
    "a country": ("country-us", Selection(country="US")),
    "as people call it": ("country-UK", Selection(country="GB")),
    "an exit": ("exit-rack.1", Selection(exit="rack.1")),
    "with a hyphen in it": ("exit-rack%2D1", Selection(exit="rack-1")),
    "an address": ("exit-192.0.2.1", Selection(exit="192.0.2.1")),
    "a colon": ("exit-2001%3adb8%3A%3a1", Selection(exit="2001:db8::1")),
    "one to avoid": ("not-a", Selection(avoid=frozenset({"a"}))),
    "several": ("not-a,b%2Dc,a", Selection(avoid=frozenset({"a", "b-c"}))),
    "a session": ("session-ab12", Selection(session="ab12")),
    "whose case counts": ("session-AB~_.", Selection(session="AB~_.")),
    "beyond ASCII": ("session-%C3%A9", Selection(session="é")),
    "that is called like a key": ("session-country", Selection(session="country")),
    "seconds": ("ttl-90", Selection(ttl=90)),
    "a unit": ("ttl-90s", Selection(ttl=90)),
    "minutes": ("ttl-10m", Selection(ttl=600)),
    "hours": ("ttl-2H", Selection(ttl=7200)),
    "days": ("ttl-99999d", Selection(ttl=99_999 * 86_400)),
    "never": ("ttl-0", NONE),
    "strict": ("strict", Selection(strict=True)),
    "any country": ("country-any", NONE),
    "a region": ("country-us-region-new_york", Selection("US", region="new_york")),
    "with a hyphen": ("region-north_rhine-westphalia", Selection(region="north_rhine-westphalia")),
    "any region": ("country-us-region-Any-city-x", Selection("US", city="x")),
    "a city": ("city-Saint-Denis", Selection(city="saint-denis")),
    "with blanks, as people write it": ("city-%20New%20%09York ", Selection(city="new_york")),
    "beyond ASCII, in either way": (
        "city-s\u00e3o_paulo-region-%C3%8Ele",
        Selection(city="s\u00e3o_paulo", region="\u00eele"),
    ),
    "in pieces": ("city-sa\u0303o_paulo", Selection(city="s\u00e3o_paulo")),
    "with signs": ("city-coeur_d'alene_(id),_st.", Selection(city="coeur_d'alene_(id),_st.")),
    "a percent sign": ("city-100%25", Selection(city="100%")),
    "a key that was given, in a name": ("city-salt-lake-city-sid-a", Selection(city="salt-lake-city", session="a")),
    "another one": ("country-es-region-basque-country", Selection("ES", region="basque-country")),
    "a key, encoded": ("city-the%2Dfilter-x", Selection(city="the-filter-x")),
    "a name that is called like a key": ("city-filter-filter-high", Selection(city="filter", tier="high")),
    "any city": ("city-any", NONE),
    "a tier": ("filter-High-Speed-Fast", Selection(tier="high-speed-fast")),
    "a tier, said twice": ("filter-filter-high", Selection(tier="high")),
    "no tier": ("sid-a-filter-none", Selection(session="a")),
    "a session by its other name": ("sid-0123456789abcdef-ttl-30m", Selection(session="0123456789abcdef", ttl=1800)),
    "all that a program of ProxyHat's says": (
        "country-us-region-new_york-city-new_york-sid-0123456789abcdef-ttl-12h-filter-medium-speed-fast",
        Selection(
            "US", "", frozenset(), "0123456789abcdef", 43_200, False, "", "new_york", "new_york", "medium-speed-fast"
        ),
    ),
    "keys in any case and order": (
        "STRICT-Ttl-5m-SESSION-x-Not-y-EXIT-z-Country-De",
        Selection("DE", "z", frozenset({"y"}), "x", 300, True),
    ),
}

WRONG = {
    "no key": ("foo", "foo", 1),
    "nothing where a key is to be": ("country-us-", "nothing", 12),
    "a hyphen that was not encoded": ("exit-rack-1", "1", 11),
    "a key alone": ("country", "country", 1),
    "no value": ("country-us-session-", "session", 12),
    "three letters": ("country-usa", "country", 1),
    "a region without a name": ("country-us-region", "region", 12),
    "an empty one": ("city--sid-a", "city", 1),
    "blanks for a name": ("city-%20_-sid-%", "sid", 11),
    "blanks alone": ("city-%20", "city", 1),
    "what cannot be printed": ("city-a%00X", "city", 1),
    "a mark of direction": ("region-a\u202eb", "region", 1),
    "half a code in a name": ("city-10%", "city", 1),
    "no UTF-8 in a name": ("city-%ff", "city", 1),
    "no UTF-8 at all": ("city-\udcff", "city", 1),
    "a tier of nothing": ("filter-", "filter", 1),
    "a session by both names": ("session-a-sid-a", "sid", 11),
    "a duration of words": ("sid-a-ttl-yes", "ttl", 7),
    "no session": ("country-any-sid", "sid", 13),
    "a country in code": ("country-%75s", "country", 1),
    "a look-alike": ("country-u\u017f", "country", 1),
    "a key twice": ("session-a-ttl-5-SESSION-b", "session", 17),
    "strict twice": ("strict-strict", "strict", 8),
    "a space": ("session-a b", "session", 1),
    "half a code": ("session-%4", "session", 1),
    "no UTF-8": ("session-%ff", "session", 1),
    "beyond ASCII, unencoded": ("session-é", "session", 1),
    "a line's end": ("exit-a\n", "exit", 1),
    "one that is encoded": ("exit-a%0d%0aX", "exit", 1),
    "a name with a comma": ("exit-a,b", "exit", 1),
    "an empty name in a list": ("not-a,,b", "not", 1),
    "a name that is too long": (f"exit-{'a' * 65}", "exit", 1),
    "six digits": ("ttl-100000", "ttl", 1),
    "another unit": ("ttl-5w", "ttl", 1),
    "a fraction": ("ttl-1.5h", "ttl", 1),
    "digits of another script": ("ttl-\u0661", "ttl", 1),
    "a key in another alphabet": ("\u017fession-a", "\\u017fession", 1),
    "one that is long": ("z" * 90, "z" * 20, 1),
    "too much": ("session-" + "a" * LONGEST, "", 256),
}

CANDIDATES = {
    "a name": ("alice", [("alice", "")]),
    "with hyphens": ("al-ice-2", [("al-ice-2", "")]),
    "a selection": ("alice-country-us", [("alice-country-us", ""), ("alice", "country-us")]),
    "two keys": (
        "a-Session-1-STRICT",
        [("a-Session-1-STRICT", ""), ("a-Session-1", "STRICT"), ("a", "Session-1-STRICT")],
    ),
    "a name of ProxyHat's": (
        "ph-8f2a1c-country-any-sid-a",
        [
            ("ph-8f2a1c-country-any-sid-a", ""),
            ("ph-8f2a1c-country-any", "sid-a"),
            ("ph-8f2a1c", "country-any-sid-a"),
        ],
    ),
    "an underscore is no hyphen": ("user_abc123_city-x", [("user_abc123_city-x", "")]),
    "a key in a word": ("alice-countryside-us", [("alice-countryside-us", "")]),
    "a word before a key": ("alice-mycountry-us", [("alice-mycountry-us", "")]),
    "a key at the end": ("alice-ttl", [("alice-ttl", ""), ("alice", "ttl")]),
    "a key at the beginning": ("-country-us", [("-country-us", "")]),
    "a look-alike": ("alice-\u017fession-1", [("alice-\u017fession-1", "")]),
    "nothing": ("", [("", "")]),
    "more keys than a name has room for": (
        "a" + "-not" * 60,
        [("a" + "-not" * 60, ""), *((f"a{'-not' * n}", f"not{'-not' * (59 - n)}") for n in range(7, -1, -1))],
    ),
    "one that is too long": ("a-strict" + "-strict" * 40, [("a-strict" + "-strict" * 40, "")]),
}

NAMES = st.from_regex(r"[A-Za-z0-9.:_-]{1,64}", fullmatch=True)
PLACES = st.one_of(
    st.just(""),
    st.text(max_size=8).map(slug),
    st.lists(st.sampled_from([*KEYS, "", "x", "%2D"]), min_size=1, max_size=4).map("-".join),
).filter(lambda name: name.isprintable() and name == slug(name) != "any")
SELECTIONS = st.builds(
    Selection,
    country=st.sampled_from(["", "US", "GB", "DE"]),
    exit=st.just("") | NAMES.map(lambda name: name[:20]),
    avoid=st.frozensets(NAMES.map(lambda name: name[:10]), max_size=2),
    session=st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
    ttl=st.builds(lambda number, unit: number * unit, st.integers(0, 99_999), st.sampled_from([1, 60, 3600, 86_400])),
    strict=st.booleans(),
    region=PLACES,
    city=PLACES,
    tier=PLACES.filter(lambda name: name != "none" and not name.startswith("filter-")),
)


OVER = {
    "below there is nothing": (Selection(exit="a"), NONE, Selection(exit="a")),
    "above there is nothing": (
        NONE,
        Selection("US", "a", frozenset({"b"}), "s", 60, True),
        Selection("US", "a", frozenset({"b"}), "s", 60, True),
    ),
    "the upper one wins": (
        Selection(exit="b", country="DE", session="t"),
        Selection("US", "a", session="s"),
        Selection(exit="b", country="DE", session="t"),
    ),
    "in what it says": (Selection(session="t"), Selection("US", ttl=5), Selection(session="t", country="US", ttl=5)),
    "one that prefers wins over one that pins": (Selection(prefer="b"), Selection(exit="a"), Selection(prefer="b")),
    "a place below a country of here is not that of there": (
        Selection("DE", tier="high"),
        Selection("US", region="ny", city="albany", tier="low", session="s"),
        Selection("DE", tier="high", session="s"),
    ),
    "a city below a region of here neither": (
        Selection(region="bavaria"),
        Selection("DE", region="saxony", city="leipzig"),
        Selection("DE", region="bavaria"),
    ),
    "a city of here is in the country of there": (
        Selection(city="albany"),
        Selection("US", region="ny", city="buffalo"),
        Selection("US", region="ny", city="albany"),
    ),
    "what either avoids is avoided": (
        Selection(avoid=frozenset("a")),
        Selection(avoid=frozenset("b")),
        Selection(avoid=frozenset("ab")),
    ),
    "a key, and that it is strict": (
        Selection(session="t"),
        Selection(strict=True),
        Selection(session="t", strict=True),
    ),
}


class ReadingTests(SynchronousTestCase):
    def test_reading(self) -> None:
        """Each key, its values, and how values are written."""
        for sentence, (text, expected) in READ.items():
            self.assertEqual(read_selection(text), expected, sentence)

    def test_errors(self) -> None:
        """Name the key and where it stands, also behind a user name, in ASCII."""
        for sentence, (text, key, position) in WRONG.items():
            for before in (0, 6):
                error = self.assertRaises(SelectionError, read_selection, text, before)
                self.assertEqual((error.key, error.position), (key, position + before), sentence)
                self.assertIn(f"character {position + before}: {error.reason}", str(error))
                self.assertTrue(str(error).isascii() and "\n" not in str(error), sentence)

    def test_candidates(self) -> None:
        """Every way to cut a name, the longest base first; the last is its stem."""
        for sentence, (username, expected) in CANDIDATES.items():
            self.assertEqual(candidates(username), expected, sentence)
            self.assertEqual(stem(username), expected[-1][0], sentence)

    def test_one_over_another(self) -> None:
        """Field by field."""
        for sentence, (upper, lower, expected) in OVER.items():
            self.assertEqual(upper.over(lower), expected, sentence)
        for one in (NONE, Selection(country="US")):
            self.assertIs(one.over(NONE), one)
            self.assertIs(NONE.over(one), one)

    def test_spellings(self) -> None:
        """An IPv6 address has one, and what is no address stays as it is."""
        for name, expected in (
            ("2001:DB8:0:0::5", "2001:db8::5"),
            ("2001:db8::5", "2001:db8::5"),
            ("192.0.2.1", "192.0.2.1"),
            ("Rack-1", "Rack-1"),
            ("a:b", "a:b"),
        ):
            self.assertEqual(plain(name), expected)


class AnyTextTests(SynchronousTestCase):
    @given(st.text() | st.lists(st.sampled_from(["country", "not", "-", "us", "%2D", ",", "ttl", "5m"])).map("".join))
    @example("-")
    def test_any_text(self, text: str) -> None:
        """Is a selection, which its own text says again, or an error that names a place in it."""
        try:
            found = read_selection(text)
        except SelectionError as error:
            self.assertTrue(1 <= error.position <= min(len(text), LONGEST) + 1, error)
        else:
            self.assertEqual(read_selection(render(found)), found)

    @given(st.text() | st.lists(st.sampled_from(["country", "strict", "NOT", "-", "a"])).map("".join))
    def test_any_name(self, username: str) -> None:
        """Every candidate is the name, its rest begins with a key, and all have one stem."""
        found = candidates(username)
        self.assertEqual(found[0], Split(username, ""))
        for base, rest in found[1:]:
            self.assertEqual(f"{base}-{rest}", username)
            self.assertTrue(base)
            self.assertEqual(stem(base), stem(username))
        self.assertEqual(found, sorted(found, key=lambda split: -len(split.base)))

    @given(SELECTIONS)
    def test_round_trip(self, selection: Selection) -> None:
        """What is rendered reads as it was, and stands behind a name as well."""
        text = render(selection)
        if len(text) <= LONGEST - 6:
            self.assertEqual(read_selection(text), selection)
            if text:
                self.assertEqual(candidates(f"alice-{text}")[-1], Split("alice", text))
