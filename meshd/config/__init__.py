"""The operator's settings: flags, environment, a TOML file and defaults become one frozen Config.

Settings that cannot be used are refused in one line that says why.  Files are only read here: nothing is made, opened
for good or connected to.
"""

from meshd.config.build import load, needs_restart, with_lists
from meshd.config.errors import ConfigError
from meshd.config.settings import Config
from meshd.config.show import rows
from meshd.config.sources import Daemons, folder_of, outside

__all__ = [
    "Config",
    "ConfigError",
    "Daemons",
    "folder_of",
    "load",
    "needs_restart",
    "outside",
    "rows",
    "with_lists",
]
