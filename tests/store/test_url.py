"""Store URLs."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.interface import StoreError
from meshd.store.url import PostgresURL, SQLiteURL, masked, of_file, read

FILES = {
    "a relative path": ("sqlite:///data/meshd.db", "data/meshd.db"),
    "an absolute path": ("sqlite:////var/lib/meshd.db", "/var/lib/meshd.db"),
    "a space": ("sqlite:////var/my%20data.db", "/var/my data.db"),
    "a space as it is": ("sqlite:////var/my data.db", "/var/my data.db"),
    "a percent sign that is one": ("sqlite:////var/%2541.db", "/var/%41.db"),
    "what else ends a path": ("sqlite:////var/%3F%23.db", "/var/?#.db"),
    "bytes that are no UTF-8": ("sqlite:////var/%ff.db", "/var/\udcff.db"),
}

SERVERS = {
    "everything": (
        "postgresql://bob:s%40cret@db.example:5433/meshd",
        {"user": "bob", "password": "s@cret", "host": "db.example", "port": "5433", "dbname": "meshd"},
    ),
    "a socket folder": (
        "postgresql://bob@/meshd?host=/run/postgresql",
        {"user": "bob", "host": "/run/postgresql", "dbname": "meshd"},
    ),
    "an IPv6 address": ("postgresql://[::1]/meshd", {"host": "::1", "dbname": "meshd"}),
    "the short scheme": ("postgres:///meshd", {"dbname": "meshd"}),
    "TLS": ("postgresql://h/meshd?sslmode=verify-full", {"host": "h", "dbname": "meshd", "sslmode": "verify-full"}),
}

WRONG = {
    "no scheme": ("meshd.db", "scheme"),
    "an unknown scheme": ("mysql://h/d", "scheme"),
    "two slashes before a path": ("sqlite://meshd.db", "three slashes"),
    "no file": ("sqlite:///", "no file"),
    "a folder": ("sqlite:///data/", "no file"),
    "a store in memory": ("sqlite:///:memory:", "no file"),
    "a home that is not": ("sqlite:///~nobody-of-that-name/a", "home folder"),
    "a NUL": ("sqlite:////a%00b", "no file"),
    "one slash of a server": ("postgresql:/bob:hunter2@h/d", "two slashes"),
    "a password with an unescaped slash after digits": ("postgresql://bob:12/hunter2@h/d", "password"),
    "a password with an unescaped question mark": ("postgresql://bob:12?hunter2@h/d", "password"),
    "a password with an unescaped hash": ("postgresql://bob:hun#ter2@h/d", "password"),
    "an option of a file": ("sqlite:///a.db?mode=ro", "nothing more"),
    "no database": ("postgresql://h", "no database"),
    "a port that is none": ("postgresql://bob:hunter2@h:port/d", "port"),
    "a password with an unescaped slash": ("postgresql://bob:hun/ter2@h/d", "password"),
    "an unknown option": ("postgresql://h/d?sslmoed=x", "sslmoed"),
    "a bracket left open": ("postgresql://bob:hunter2@[::1/d", "not a URL"),
}

MASKED = {
    "a password": ("postgresql://bob:hunter2@h:1/d", "postgresql://bob:***@h:1/d"),
    "no password": ("postgresql://bob@h/d", "postgresql://bob@h/d"),
    "a password among the options": ("postgresql://h/d?password=hunter2", "postgresql://h/d?password=***"),
    "a password with an @ and a slash": ("postgresql://bob:hu@n/ter2@h:1/d", "postgresql://bob:***@h:1/d"),
    "a file": ("sqlite:////a/b", "sqlite:////a/b"),
}


class URLTests(SynchronousTestCase):
    """The tables above."""

    def test_files(self) -> None:
        """A path is made absolute at once."""
        for case, (url, path) in FILES.items():
            self.assertEqual(read(url), SQLiteURL(os.path.abspath(path)), case)

    def test_relative_to_a_folder(self) -> None:
        """As the place where it was written has it."""
        self.assertEqual(read("sqlite:///a.db", "/srv"), SQLiteURL("/srv/a.db"))
        self.assertEqual(read("sqlite:////a.db", "/srv"), SQLiteURL("/a.db"))
        self.assertEqual(read("sqlite:///~/a.db", "/srv"), SQLiteURL(os.path.expanduser("~/a.db")))

    def test_of_a_file(self) -> None:
        """Whatever its name holds, it is read as that name."""
        for path in ("/a", "/a b", "/%41", "/a?b", "/a#b", "/a;b&c=d", "/\u00fc", "/\udcff", "/[x]", "/a%"):
            self.assertEqual(read(of_file(path)), SQLiteURL(path))

    def test_servers(self) -> None:
        """A server's settings go by libpq's names, escapes undone."""
        for case, (url, settings) in SERVERS.items():
            self.assertEqual(read(url), PostgresURL(settings), case)

    def test_wrong(self) -> None:
        """An error says what is wrong, and never the password."""
        for case, (url, word) in WRONG.items():
            error = self.assertRaises(StoreError, read, url)
            self.assertIn(word, str(error), case)
            self.assertNotIn("hun", str(error), case)
            self.assertIsNone(error.__cause__, case)

    def test_no_password_in_repr(self) -> None:
        """What is read shows no password."""
        self.assertNotIn("hunter2", repr(read("postgresql://bob:hunter2@h/d")))

    def test_masked(self) -> None:
        """For people the password is left out."""
        for case, (url, shown) in MASKED.items():
            self.assertEqual(masked(url), shown, case)
