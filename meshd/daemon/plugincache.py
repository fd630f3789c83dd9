"""`python -m meshd.daemon.plugincache`: write Twisted's plugin cache, as the owner of the installation.

A user who may not write there would otherwise get a warning at every start of twistd.
"""

from __future__ import annotations

from twisted.plugin import IPlugin, getPlugins


def main() -> None:
    """Look at every plugin, which writes the cache where it is out of date."""
    list(getPlugins(IPlugin))


if __name__ == "__main__":
    main()
