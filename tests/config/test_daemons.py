"""What a daemon was started with, for a command that is given less."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meshd.config import Config, ConfigError, Daemons, folder_of, load, outside, rows
from meshd.config.sources import Said
from tests.config.support import ConfigTestCase

FLAGS = {
    "store": "sqlite:///x.sqlite3",
    "proxy": ["tcp:1", "unix:/a,b"],
    "api": [],
    "data_dir": "d",
    "config": "c.toml",
}
EMPTY: Mapping[str, Any] = MappingProxyType({})
ENVIRON = {"MESHD_TIMEOUTS_HEAD": "7", "MESHD_API_LISTEN": "tcp:2,tcp:3", "MESHD_STORE_URL": "sqlite:///y", "PATH": "/"}


class SaidTests(ConfigTestCase):
    """Flags and variables, written down."""

    def test_what_was_said(self) -> None:
        """By setting, a flag before a variable; neither the folder, nor the file, nor what is no setting."""
        self.assertEqual(
            outside(FLAGS, ENVIRON),
            {
                "store.url": ("sqlite:///x.sqlite3", "flag --store"),
                "proxy.listen": (["tcp:1", "unix:/a,b"], "flag --proxy"),
                "api.listen": ("tcp:2,tcp:3", "environment MESHD_API_LISTEN"),
                "timeouts.head": ("7", "environment MESHD_TIMEOUTS_HEAD"),
            },
        )

    def test_a_password_is_not_written_down(self) -> None:
        """Only that there is one."""
        for url in (
            "postgresql://u:s3cret@h/d",
            "postgresql:///d?password=s3cret",
            "postgresql:///d?sslpassword=s3cret",
        ):
            for flags, environ, origin in (
                ({"store": url}, {}, "flag --store"),
                ({}, {"MESHD_STORE_URL": url}, "environment MESHD_STORE_URL"),
            ):
                self.assertEqual(outside(flags, environ), {"store.url": (None, origin)})
        kept = {"store.url": ("postgresql://u@h/d", "flag --store")}
        self.assertEqual(outside({"store": "postgresql://u@h/d"}, {}), kept)

    def test_the_folder(self) -> None:
        """Found as ever, and nothing else is looked at."""
        self.write("a.toml", 'data_dir = "of-file"\n[store]\nurl = "nonsense"\n')
        for flags, environ, name in (
            ({}, {}, "meshd-data"),
            ({"config": "a.toml"}, {}, "of-file"),
            ({"config": "a.toml"}, {"MESHD_DATA_DIR": "of-environment"}, "of-environment"),
            ({"config": "a.toml", "data_dir": "of-flag"}, {"MESHD_DATA_DIR": "x"}, "of-flag"),
        ):
            self.assertEqual(folder_of(flags, environ, self.folder), self.folder / name)


class FoundTests(ConfigTestCase):
    """The same, read again."""

    def found(
        self, flags: Mapping[str, object] = EMPTY, environ: Mapping[str, str] = EMPTY, said: Said | None = None
    ) -> Config:
        daemons = Daemons(outside(FLAGS, ENVIRON) if said is None else said, Path("/srv/daemons"))
        return load(flags, environ, cwd=self.folder, daemons=daemons)

    def test_it_stands_in_for_what_is_not_given(self) -> None:
        """Relative paths start where the daemon was started; each says where it is from."""
        config = self.found()
        self.assertEqual(config.store_url, "sqlite:////srv/daemons/x.sqlite3")
        self.assertEqual(config.first.listen, ("tcp:1", "unix:/a,b"))
        self.assertEqual((config.api_listen, config.topology.timeouts.head), (("tcp:2", "tcp:3"), 7))
        origins = {key: origin for key, _, origin in rows(config)}
        self.assertEqual(origins["store.url"], "flag --store of the daemon")
        self.assertEqual(origins["timeouts.head"], "environment MESHD_TIMEOUTS_HEAD of the daemon")

    def test_what_the_command_is_given_goes_before_it(self) -> None:
        """Its flags and its variables; the file comes after it, as for the daemon."""
        self.write("a.toml", '[store]\nurl = "sqlite:///z"\n[timeouts]\nhead = 8\nidle = 9\n')
        config = self.found({"config": "a.toml", "store": "sqlite:///mine"}, {"MESHD_TIMEOUTS_HEAD": "3"})
        self.assertEqual(config.store_url, f"sqlite:///{self.folder}/mine")
        self.assertEqual((config.topology.timeouts.head, config.topology.timeouts.idle), (3, 9))
        self.assertEqual(self.found({"config": "a.toml"}).topology.timeouts.head, 7)

    def test_a_secret_has_to_be_given_again(self) -> None:
        """Rather than another store be taken for the daemon's."""
        said: Said = {"store.url": (None, "flag --store")}
        refusal = self.assertRaises(ConfigError, self.found, said=said)
        self.assertEqual(
            str(refusal),
            "store.url: the daemon has it with a password, by flag --store, which is kept nowhere: set MESHD_STORE_URL",
        )
        self.assertEqual(self.found({}, {"MESHD_STORE_URL": "postgresql://u:p@h/d"}, said).store_url[:10], "postgresql")
