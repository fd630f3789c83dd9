"""Which version of a package is installed."""

from __future__ import annotations

from importlib import metadata


def version(package: str = "meshd") -> str:
    """As its maker calls it; "not installed" of one that runs from its source."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
