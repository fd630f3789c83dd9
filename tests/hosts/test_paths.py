"""Paths as loosely as an upstream may read them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.paths import loosely


class LooselyTests(SynchronousTestCase):
    def test_a_path_is_found_by(self) -> None:
        for sentence, target, read in (
            ("itself", b"/a/b", b"/a/b"),
            ("no query", b"/a?b=%2e%2e/../c", b"/a"),
            ("what its escapes stand for", b"/%61%2Fb%20", b"/a/b "),
            ("one slash for several", b"//a///b/", b"/a/b/"),
            ("a slash for a backslash", b"/a%5Cb%5c/c", b"/a/b/c"),
            ("no parameters", b"/a;b=c/d;e", b"/a/d"),
            ("escapes that are read once", b"/%252e%252e/a", b"/%2e%2e/a"),
            ("escapes that are none", b"/%zz/%", b"/%zz/%"),
            ("dots that are no whole segment", b"/.a/..b/.../c.", b"/.a/..b/.../c."),
            ("an asterisk", b"*", b"*"),
        ):
            self.assertEqual(loosely(target), read, sentence)

    def test_segments_of_dots_are_not_read(self) -> None:
        for target in (
            b"/..",
            b"/.",
            b"/../",
            b"/a/../b",
            b"/a/./b",
            b"/%2e%2E/",
            b"/a%2f..",
            b"/a/..%5cb",
            b"/a/..;x/b",
        ):
            self.assertIsNone(loosely(target), target)
            self.assertIsNone(loosely(target + b"?q"), target)
