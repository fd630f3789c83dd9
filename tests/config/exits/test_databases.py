"""Files of databases: read when they change, refused when damaged, and what was read last stays."""

from __future__ import annotations

import os
import pickle

from meshd.config import Config, with_lists
from tests.config.support import ConfigTestCase
from tests.support.places import CITY, write_places

SETTINGS = """
places_from = ["places.mmdb"]
[[exits]]
name = "one"
kind = "local"
address = "8.8.8.8"
[[exits]]
name = "two"
kind = "local"
address = "2001:4860::1"
country = "fr"
[[exits]]
name = "three"
kind = "http"
upstream = "[::ffff:9.9.9.9]:3128"
[proxies.de]
exits = { country = ["DE"] }
"""


class DatabaseTests(ConfigTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.folder / "places.mmdb"
        self.put({"8.8.8.0/24": CITY, "2001:4860::/32": CITY, "9.9.9.0/24": {"country_code": "DE"}})

    def put(self, records: dict[str, object], **how: int) -> None:
        write_places(self.path, records, **how)

    def places(self, config: Config) -> list[str]:
        return [f"{each.name} {each.country} {each.city}".strip() for each in config.topology.exits]

    def test_exits_get_their_places(self) -> None:
        """And proxies choose by them."""
        config = self.load(SETTINGS)
        self.assertEqual(self.places(config), ["one DE Berlin", "two FR", "three DE"])
        self.assertEqual([each.name for each in config.topology.proxies["de"].exits], ["one", "three"])
        self.assertEqual(config.problems, ())

    def test_a_new_database_is_read(self) -> None:
        """Renamed over the old one, whose content stays in use until then."""
        config = self.load(SETTINGS)
        self.put({"8.8.8.0/24": {"country_code": "JP"}, "9.9.9.0/24": {"country_code": "DE"}})
        self.assertNotEqual(config.places.stamps[self.path], None)
        again = with_lists(config)
        self.assertEqual(self.places(again), ["one JP", "two FR", "three DE"])
        self.assertIs(with_lists(again).places.databases[0], again.places.databases[0])

    def test_a_damaged_database_is_refused(self) -> None:
        """In one line, whatever is wrong with it."""
        whole = self.path.read_bytes()
        for damage in (b"", b"junk", whole[:100], whole[: len(whole) // 2], b"\xff" * len(whole)):
            self.path.write_bytes(damage)
            self.assertRegex(
                self.refusal(SETTINGS),
                r"^meshd\.toml line 2: places_from: /\S+/places\.mmdb is no database of places \(mmdb\), or is damaged",
            )
        self.path.unlink()
        self.assertIn("places.mmdb cannot be read: there is no such file", self.refusal(SETTINGS))
        os.mkfifo(self.path)
        self.assertIn("places.mmdb cannot be read: there is no such file", self.refusal(SETTINGS))

    def test_the_last_good_one_stays(self) -> None:
        """However it is spoilt, in its place too; and it serves exits that come meanwhile."""
        self.write("bought.txt", "8.8.8.9 name=n")
        config = self.load('exits_from = ["bought.txt"]\n' + SETTINGS)
        for spoil in (lambda: self.path.write_bytes(b"junk" * 50), self.path.unlink):
            spoil()
            self.write("bought.txt", "8.8.8.9 name=n\n8.8.8.10 name=m\n")
            config = with_lists(config)
            self.assertEqual(self.places(config), ["one DE Berlin", "two FR", "three DE", "n DE Berlin", "m DE Berlin"])
            (problem,) = config.problems
            self.assertRegex(problem, r"^places_from: \S+ (is no|cannot be).*; what was read of it before is in use$")
        self.put({"8.8.8.0/24": {"country_code": "JP"}, "9.9.9.0/24": {"country_code": "DE"}})
        self.assertEqual(self.places(with_lists(config))[0], "one JP")

    def test_ipv4_alone(self) -> None:
        """Such a database says nothing of IPv6."""
        self.put({"8.8.8.0/24": CITY, "9.9.9.0/24": CITY}, ip_version=4)
        self.assertEqual(self.places(self.load(SETTINGS)), ["one DE Berlin", "two FR", "three DE Berlin"])

    def test_the_first_database_counts(self) -> None:
        """Another adds what the first does not say."""
        write_places(self.folder / "asn.mmdb", {"8.8.8.0/24": {"asn": 15169, "country_code": "US"}})
        config = self.load(SETTINGS.replace('["places.mmdb"]', '["places.mmdb", "asn.mmdb"]'))
        self.assertEqual((config.own_exits[0].asn, config.topology.exits[0].asn), (0, 15169))
        self.assertEqual(config.topology.exits[0].country, "DE")

    def test_another_process_reads_for_itself(self) -> None:
        """What is handed to a worker has no reader in it."""
        config = self.load(SETTINGS)
        again = pickle.loads(pickle.dumps(config.places))
        self.assertEqual(again.stamps, config.places.stamps)
        self.assertIsNot(again.databases[0].reader, config.places.databases[0].reader)
        self.path.write_bytes(b"junk")
        spoilt = pickle.loads(pickle.dumps(config.places))
        self.assertEqual((spoilt.databases, spoilt.stamps), ((), config.places.stamps))
