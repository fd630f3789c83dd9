"""Browsers with many tabs by the default settings: every page loads, with all that belongs to it."""

from __future__ import annotations

import ssl
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from meshd.topology import Limits
from tests.live.test_browser import trusted
from tests.support import browser
from tests.support.daemon import LiveDaemon
from tests.support.figures import FULL, figure, sized
from tests.support.pages import Pages
from tests.support.tabs import Tabs

BROWSERS = sized(2, 10)
TABS = sized(4, 30)
TIMES = sized(1, 2)
PATIENCE = 300.0
YIELDING = 19
"""Browsers are on machines of their own, and not to take the proxy's and the origin's time: Chromium gives up on an
HTTPS proxy whose handshake takes some seconds, which says nothing about what the proxy allows.
"""
THRIFT = ("--renderer-process-limit=2", "--disable-site-isolation-trials", "--in-process-gpu")
"""Few processes that draw, which ten browsers would have three hundred of; what goes over the network is the same."""
NAMES_TAKE = 0.5
"""Seconds that a name server takes, far from here."""
RESOURCES = 20
HOSTS = [f"host{number}.test" for number in range(5)]
MANY = [f"many{number}.test" for number in range(40)]
SITES = [f"site{number}.test" for number in range(30)]
PASSWORD = "correct horse"
CUT = {408, 429, 503}
"""What the defaults answer to too much."""


class BrowsersTests(SynchronousTestCase):
    def setUp(self) -> None:
        try:
            browser.program()
        except browser.Missing as error:
            raise SkipTest(str(error)) from None
        self.pages = Pages(self, NAMES_TAKE)
        defaults = Limits()
        rates = {"new_tunnels_per_second": defaults.new_tunnels_per_second}
        rates["requests_per_second"] = defaults.requests_per_second
        limits = "".join(f"{name} = {value}\n" for name, value in rates.items())
        self.daemon = LiveDaemon(self, f'[dns]\nservers = ["{self.pages.names}"]\n[limits]\n{limits}')
        self.daemon.account("anna", PASSWORD)
        self.patch(browser, "TIMEOUT", PATIENCE)
        self.whole = self.asked = 0
        self.others: Counter[str] = Counter()

    def chromium(self, scheme: str) -> Tabs:
        shown = ssl.get_server_certificate(("127.0.0.1", self.pages.port)).encode()
        trust = trusted(shown, self.daemon.certificate.read_bytes())
        proxy = f"--proxy-server={scheme}://{self.daemon.proxy}"
        return Tabs(self, proxy, trust, *THRIFT, credentials=("anna", PASSWORD), niceness=YIELDING)

    def load(self, scheme: str, count: int, urls: list[str], expected: str) -> None:
        """So many browsers with a tab for each URL, all at once."""
        browsers = [self.chromium(scheme) for _ in range(count)]
        together = Barrier(count)
        begun = time.monotonic()
        with ThreadPoolExecutor(count) as pool:
            titles = list(pool.map(lambda each: each.load_all(urls, PATIENCE, together.wait), browsers))
        took = time.monotonic() - begun
        for each in browsers:
            each.close()
        told = Counter(title for of_one in titles for title in of_one)
        whole, asked = told.pop(expected, 0), count * len(urls)
        figure(f"pages by {scheme}", browsers=count, tabs=len(urls), whole=f"{whole}/{asked}", seconds=took)
        self.whole += whole
        self.asked += asked
        self.others += told

    def assert_all_of_it(self) -> None:
        """Nothing was refused for being too much, as the exchange log has it once all of it is there."""
        self.assertEqual(self.daemon.terminate(), 0)
        theirs = self.daemon.exchanges()
        lines = [line for line in theirs if not line["host"] or line["host"].endswith(".test")]
        said = Counter(f"{line['status']} {line['reason']}" for line in lines)
        figure("exchanges", said=dict(said))
        self.assertEqual((self.whole, self.others), (self.asked, Counter()))
        self.assertEqual({line["status"] for line in lines} & CUT, set())
        self.assertNotIn("Traceback", self.daemon.log_text())

    def farm(self, scheme: str, sites: list[str]) -> None:
        for _ in range(TIMES):
            urls = [f"{self.pages.url(sites[tab % len(sites)], RESOURCES, HOSTS)}&tab={tab}" for tab in range(TABS)]
            self.load(scheme, BROWSERS, urls, str(RESOURCES))
        self.assert_all_of_it()

    def test_by_an_http_proxy(self) -> None:
        """Tabs of as many sites, of which each has connections of its own, to the same hosts too."""
        self.farm("http", SITES)

    def test_by_an_https_proxy(self) -> None:
        """Likewise."""
        self.farm("https", SITES)

    def test_tabs_of_one_site(self) -> None:
        """Which share their connections."""
        if not FULL:
            raise SkipTest("of less interest: in full size only")
        self.farm("http", SITES[:1])
        self.daemon.start()
        self.farm("https", SITES[:1])

    def test_a_page_of_many_hosts(self) -> None:
        """All of them new to the proxy."""
        self.load("http", 1, [self.pages.url(SITES[0], len(MANY), MANY)], str(len(MANY)))
        self.assert_all_of_it()
