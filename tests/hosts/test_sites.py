"""Hosts made ready: what stays over changes, and where paths go."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.book import HostBook
from meshd.hosts.sites import NOBODY, Place, Sites
from meshd.hosts.windows import KEYS
from meshd.values.published import AccessList, Location, ProxyHost, Published, RateLimit, Upstream

A, B = Upstream("10.0.0.1", 80), Upstream("10.0.0.2", 80)
HOST = ProxyHost(1, ("a.example",), "http", (A, B), rate=RateLimit(5, 60))
OTHER = ProxyHost(2, ("b.example",), "http", (A,))


class SitesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sites = Sites()
        self.sites.take(Published(hosts=(HOST, OTHER)))

    def test_what_has_not_changed_stays(self) -> None:
        """The very same site, also where its host was read anew."""
        before = self.sites.find("b.example")
        self.sites.take(Published(hosts=(replace(HOST, policy="first"), replace(OTHER))))
        self.assertIs(self.sites.find("b.example"), before)

    def test_what_is_known_outlives_a_change(self) -> None:
        """Of upstreams, and of clients while their bound is the same."""
        before = self.sites.find("a.example")
        assert before is not None
        self.sites.take(Published(hosts=(replace(HOST, upstreams=(B, A)), OTHER)))
        after = self.sites.find("a.example")
        assert after is not None
        self.assertIsNot(after, before)
        self.assertEqual(after.place.vitals, before.place.vitals[::-1])
        self.assertIs(after.rate, before.rate)
        self.sites.take(Published(hosts=(replace(HOST, rate=RateLimit(6, 60)), OTHER)))
        changed = self.sites.find("a.example")
        assert changed is not None
        self.assertIsNot(changed.rate, before.rate)

    def test_rates_have_one_memory(self) -> None:
        """However many hosts hold their clients to a rate, what is remembered of clients has one bound."""
        hosts = [replace(HOST, id=number, names=(f"{number}.example",)) for number in range(1, 101)]
        self.sites.take(Published(hosts=tuple(hosts)))
        rates = [each.rate for each in self.sites if each.rate is not None]
        for client in range(KEYS // 50):
            for rate in rates:
                self.assertEqual(rate.take(client, 0.0), 0)
        self.assertEqual(len(self.sites.rates), KEYS)

    def test_what_is_gone_is_forgotten(self) -> None:
        self.sites.take(Published(hosts=(OTHER,)))
        self.assertEqual((self.sites.find("a.example"), len(self.sites), len(self.sites.vitals)), (None, 1, 1))

    def test_lists_that_change_change_their_hosts(self) -> None:
        """One that is not there is one that lets nobody in."""
        guarded = replace(OTHER, access_list=5)
        for given in ((), (AccessList(5, "a"),), (AccessList(5, "b"),)):
            self.sites.take(Published(hosts=(guarded,), lists=given))
            site = self.sites.find("b.example")
            assert site is not None
            self.assertEqual(site.access, given[0] if given else NOBODY)

    def test_a_location_takes_whole_segments(self) -> None:
        places = (Location("/a", "http", B), Location("/a/b", "https", B), Location("/c/", "http", B))
        self.sites.take(Published(hosts=(replace(OTHER, locations=places),)))
        site = self.sites.find("b.example")
        assert site is not None
        for path, place in (
            (b"/", b""),
            (b"/a", b"/a"),
            (b"/a?q", b"/a"),
            (b"/a/x", b"/a"),
            (b"/ab", b""),
            (b"/a/b", b"/a/b"),
            (b"/a/bc", b"/a"),
            (b"/c", b""),
            (b"/c/x", b"/c/"),
            (b"*", b""),
        ):
            self.assertEqual(site.find(path).path, place, path)

    def test_a_path_is_written_anew(self) -> None:
        for path, forward, asked, sent in (
            (b"/a", b"", b"/a/x", b"/a/x"),
            (b"/a", b"/v", b"/a", b"/v"),
            (b"/a", b"/v", b"/a/x?q", b"/v/x?q"),
            (b"/a", b"/v", b"/a?q", b"/v?q"),
            (b"/a", b"/v/", b"/a/x", b"/v/x"),
            (b"/a/", b"/v", b"/a/x", b"/v/x"),
            (b"/a/", b"/v/", b"/a/", b"/v/"),
            (b"/a", b"/", b"/a/x", b"/x"),
            (b"/a", b"/", b"/a?q", b"/?q"),
        ):
            self.assertEqual(Place((), path, forward).sent(asked), sent, (path, forward, asked))


class BookTests(SynchronousTestCase):
    def test_listeners_hear_what_was_and_what_is(self) -> None:
        """And nothing where nothing is new."""
        first = Published(hosts=(HOST,), challenges=(("t", "x"),))
        heard: list[tuple[Published, Published]] = []

        async def newer(known: Published) -> Published:
            return known if known is first else first

        book = HostBook(newer)
        book.on_change(lambda before, after: heard.append((before, after)))
        for _ in range(2):
            coroutine = book.refresh()
            self.assertRaises(StopIteration, coroutine.send, None)
        self.assertEqual(heard, [(Published(), first)])
        self.assertEqual((book.challenge("t"), book.challenge("u")), ("x", None))
