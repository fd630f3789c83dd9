"""Files that settings name: missing, unreadable, or open to others."""

from __future__ import annotations

import os
from unittest import skipIf

from meshd.config import Config
from tests.config.support import ConfigTestCase

PAIR = '[api]\ncertificate = "c.pem"\nkey = "k.pem"\n'


class PairTests(ConfigTestCase):
    """Certificate and key."""

    def test_a_pair_that_is_there(self) -> None:
        """Modes up to 0640: services read keys by their group."""
        self.write("c.pem", mode=0o644)
        for mode in (0o400, 0o600, 0o640):
            self.write("k.pem", mode=mode)
            self.assertFalse(self.load(PAIR).self_signed)

    def test_one_without_the_other(self) -> None:
        """They belong together; a generated key would not fit a given certificate."""
        self.write("c.pem")
        self.assertEqual(
            self.refusal('[api]\ncertificate = "c.pem"'),
            "meshd.toml line 2: api.certificate and api.key belong together: give both",
        )
        self.assertIn("environment MESHD_API_KEY: ", self.refusal(None, {}, {"MESHD_API_KEY": "c.pem"}))

    def test_a_missing_one(self) -> None:
        """One that was given must be there; meshd makes only its own."""
        self.write("c.pem")
        self.assertEqual(
            self.refusal(PAIR),
            f"meshd.toml line 3: api.key: {self.folder}/k.pem cannot be read: there is no such file",
        )

    def test_a_pipe_is_not_waited_for(self) -> None:
        """Opening one would hang."""
        self.write("c.pem")
        os.mkfifo(self.folder / "k.pem", 0o600)
        self.assertIn("there is no such file", self.refusal(PAIR))

    @skipIf(os.geteuid() == 0, "root reads everything")
    def test_an_unreadable_key(self) -> None:
        """Before anything starts."""
        self.write("c.pem")
        self.write("k.pem", mode=0o000)
        self.assertIn("k.pem cannot be read: Permission denied", self.refusal(PAIR))

    def test_a_key_open_to_others(self) -> None:
        """A key that everybody has read is none."""
        self.write("c.pem")
        for mode in (0o644, 0o604, 0o660, 0o601):
            self.write("k.pem", mode=mode)
            refusal = self.refusal(PAIR)
            self.assertTrue(refusal.startswith(f"meshd.toml line 3: api.key: {self.folder}/k.pem is open"), refusal)
            self.assertTrue(refusal.endswith(f"(mode {mode:04o}): chmod 640 or 600"), refusal)

    def test_meshds_own_pair_is_held_to_the_same(self) -> None:
        """Once it has been made."""
        self.write("meshd-data/key.pem", mode=0o644)
        self.assertIn("default: api.key: ", self.refusal())

    def test_without_tls_nobody_asks(self) -> None:
        """A front of the operator's own has the certificate."""
        self.assertFalse(self.load("[api]\ntls = false").api_tls)
        self.assertIsInstance(self.load(PAIR + "tls = false\n[proxy]\ntls = false"), Config)

    def test_the_proxies_need_one_too(self) -> None:
        """Where the API has none."""
        self.assertIn("api.certificate: ", self.refusal(PAIR + "tls = false"))


class OtherFileTests(ConfigTestCase):
    """Data folder and settings file."""

    def test_a_data_folder_that_is_a_file(self) -> None:
        """Said before anything is made in it."""
        self.write("data")
        self.assertEqual(
            self.refusal(None, {"data_dir": "data"}), f"flag --data-dir: data_dir: {self.folder}/data is not a folder"
        )

    def test_a_path_that_no_system_takes(self) -> None:
        """One line, not a traceback."""
        self.assertIn("File name too long", self.refusal(None, {"data_dir": "x" * 5000}))

    def test_a_settings_file_with_a_password_must_be_private(self) -> None:
        """One without may be read by all."""
        for url, mode, right in (
            ("postgresql://u:s3cret@h/d", 0o644, False),
            ("postgresql://h/d?user=u&password=s3cret", 0o644, False),
            ("postgresql://u:s3cret@h/d", 0o640, True),
            ("postgresql://u@h/d", 0o644, True),
        ):
            self.write("open.toml", f'[store]\nurl = "{url}"', mode)
            if right:
                self.assertEqual(self.load(None, {"config": "open.toml"}).store_url, url)
            else:
                refusal = self.refusal(None, {"config": "open.toml"})
                self.assertIn("open.toml holds a password and is open to others (mode 0644)", refusal)
                self.assertTrue(refusal.startswith("open.toml line 2: store.url: "), refusal)

    def test_a_password_on_the_command_line_is_refused(self) -> None:
        """Everybody on the machine reads it there; what to do is said, and the password is not said again."""
        for url in (
            "postgresql://u:s3cret@h/d",
            "postgres://u:s3c@ret@h/d",
            "postgresql://u:s3cret%20@[::1]:5432/d",
            "postgresql:///d?user=u&password=s3cret",
            "postgresql:///d?pass%77ord=s3cret",
            "postgresql://u@h/d?sslkey=k&sslpassword=s3cret",
        ):
            for environ in ({}, {"MESHD_STORE_URL": url}):
                refusal = self.refusal(None, {"store": url}, environ)
                self.assertTrue(refusal.startswith("flag --store: it holds a password"), refusal)
                self.assertNotIn("s3c", refusal)
                for way in ("MESHD_STORE_URL", "settings file", "PGPASSFILE"):
                    self.assertIn(way, refusal)
            self.assertEqual(self.load(None, {}, {"MESHD_STORE_URL": url}).store_url, url)
        for url in ("postgresql://u@h/d", "postgresql://u:@h/d", "postgresql:///d?passfile=/f"):
            self.assertEqual(self.load(None, {"store": url}).store_url, url)

    def test_so_must_one_with_an_upstream_proxys_password(self) -> None:
        """In either of its places."""
        for text in (
            'kind = "http"\nupstream = "gw.test:80"\nusername = "u"\npassword = "s3cret"',
            'url = "http://u:s3cret@gw.test:80"',
        ):
            self.write("open.toml", f'[[exits]]\nname = "a"\n{text}', 0o644)
            refusal = self.refusal(None, {"config": "open.toml"})
            self.assertIn("exits.a.password: ", refusal)
            self.assertIn("open.toml holds a password and is open to others (mode 0644)", refusal)
            os.chmod(self.folder / "open.toml", 0o640)
            self.load(None, {"config": "open.toml"})
        self.write("open.toml", '[[exits]]\nname = "a"\nurl = "http://gw.test:80"', 0o644)
        self.load(None, {"config": "open.toml"})

    def test_a_password_from_elsewhere_asks_nothing_of_the_file(self) -> None:
        """The environment keeps it out."""
        self.write("open.toml", "[timeouts]\nhead = 1", 0o644)
        self.load(None, {"config": "open.toml"}, {"MESHD_STORE_URL": "postgresql://u:s3cret@h/d"})
