"""Orders and separators in which sellers write a proxy; `test_lines.py` has the tables of whole lines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.exits import spelling
from meshd.topology import UpstreamProxy

USER = UpstreamProxy("gw.test", 8080, "us3r", "s3cret")


class SpellingTests(SynchronousTestCase):
    def test_one_way_or_none(self) -> None:
        """Of two ends that could both be the proxy none is taken, and the text repeats neither."""
        self.assertEqual(spelling.proxy("http", "us3r:s3cret:gw.test:8080"), USER)
        for word in ("gw.test:80:other.test:81", "10.0.0.1:80:10.0.0.2:81", "gw.test:80:[2001:db8::1]:81"):
            error = self.assertRaises(ValueError, spelling.proxy, "http", word)
            self.assertEqual(str(error), spelling.TWO_ENDS)

    def test_columns(self) -> None:
        """What has a host and a port among its cells, and nothing else."""
        for text in ("gw.test,8080", "gw.test;8080;us3r;s3cret", "gw.test\t8080", "us3r s3cret gw.test 8080"):
            self.assertTrue(spelling.columns(text), text)
        for text in ("gw.test", "gw.test:8080", "a,b", "gw.test,8080,us3r", "gw.test:8080:a:b,c", "", ",,,"):
            self.assertFalse(spelling.columns(text), text)

    def test_headings(self) -> None:
        for text in ("ip,port", "Host;Port;Username;Password", '"ip","port"'):
            self.assertTrue(spelling.is_heading(text), text)
        for text in ("gw.test,80", "ip", "", "password"):
            self.assertFalse(spelling.is_heading(text), text)
