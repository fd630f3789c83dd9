"""All rows of the table."""

from __future__ import annotations

from tools.clients.browsers import BROWSERS
from tools.clients.libraries import LIBRARIES
from tools.clients.programs import DEBIAN

CLIENTS = (*DEBIAN, *LIBRARIES, *BROWSERS)
