"""Store URLs."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.interface import StoreError
from meshd.store.url import PostgresURL, SQLiteURL, masked, read

FILES = {
    "a relative path": ("sqlite:///data/meshd.db", "data/meshd.db"),
    "an absolute path": ("sqlite:////var/lib/meshd.db", "/var/lib/meshd.db"),
    "a space": ("sqlite:////var/my%20data.db", "/var/my data.db"),
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
    "no scheme": ("meshd.db", "no scheme"),
    "an unknown scheme": ("mysql://h/d", "mysql"),
    "two slashes before a path": ("sqlite://meshd.db", "three slashes"),
    "no file": ("sqlite:///", "no file"),
    "a folder": ("sqlite:///data/", "no file"),
    "an option of a file": ("sqlite:///a.db?mode=ro", "nothing more"),
    "no database": ("postgresql://h", "no database"),
    "a port that is none": ("postgresql://bob:hunter2@h:port/d", "port"),
    "a password with an unescaped slash": ("postgresql://bob:hun/ter2@h/d", "port"),
    "an unknown option": ("postgresql://h/d?sslmoed=x", "sslmoed"),
    "a bracket left open": ("postgresql://bob:hunter2@[::1/d", "not a URL"),
}

MASKED = {
    "a password": ("postgresql://bob:hunter2@h:1/d", "postgresql://bob:…@h:1/d"),
    "no password": ("postgresql://bob@h/d", "postgresql://bob@h/d"),
    "a password among the options": ("postgresql://h/d?password=hunter2", "postgresql://h/d?password=…"),
    "a password with an @ and a slash": ("postgresql://bob:hu@n/ter2@h:1/d", "postgresql://bob:…@h:1/d"),
    "a file": ("sqlite:////a/b", "sqlite:////a/b"),
}


class URLTests(SynchronousTestCase):
    """The tables above."""

    def test_files(self) -> None:
        """A path is made absolute at once."""
        for case, (url, path) in FILES.items():
            self.assertEqual(read(url), SQLiteURL(os.path.abspath(path)), case)

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
