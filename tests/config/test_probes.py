from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.network import probe_url

GOOD = (
    "",
    "http://probe.example/",
    "https://probe.example",
    "http://probe.example:8080/a/b?c=d&e=%20",
    "http://127.0.0.1:8080/",
    "https://[2001:db8::1]:8443/ok",
)
BAD = (
    "probe.example",
    "ftp://probe.example/",
    "http://",
    "http:///ok",
    "http://user:secret@probe.example/",
    "http://probe.example/#here",
    "http://probe.example/a b",
    "http://probe.example/\n",
    "http://probe.example:0/",
    "http://probe.example:99999/",
    "http://prüfung.example/",
    "http://-.example/",
    "http://[::1/",
    "http://a_b..c/",
)


class ProbeURLTests(SynchronousTestCase):
    def test_taken_as_it_is(self) -> None:
        for url in GOOD:
            self.assertEqual(url, probe_url(url))

    def test_refused(self) -> None:
        """What no client could ask for, and what would put a credential into a log."""
        for url in BAD:
            with self.assertRaises(ValueError, msg=url):
                probe_url(url)
