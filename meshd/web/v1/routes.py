"""All routes of ProxyHat's API."""

from __future__ import annotations

from meshd.web.v1.keys import KeyRoutes
from meshd.web.v1.presets import PresetRoutes
from meshd.web.v1.signin import SignInRoutes

PROXYHAT = (SignInRoutes, KeyRoutes, PresetRoutes)
