"""Small databases of places (mmdb), made for a test."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

CITY = {
    "country": {"iso_code": "DE"},
    "registered_country": {"iso_code": "US"},
    "subdivisions": [{"iso_code": "BE", "names": {"en": "Land Berlin", "de": "Berlin"}}],
    "city": {"names": {"en": "Berlin"}},
    "postal": {"code": "10115"},
}
"""A record as MaxMind has it."""


def write_places(path: Path, records: Mapping[str, Any], *, ip_version: int = 6) -> Path:
    """A database in the place of that file, renamed over it.  records: by network in CIDR notation."""
    writer = MMDBWriter(ip_version, ipv4_compatible=ip_version == 6, languages=["en"])
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    draft = path.with_name(f"{path.name}.new")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer.to_db_file(str(draft))
    draft.rename(path)
    return path
