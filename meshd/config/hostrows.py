"""The rows of `[hosts]` in the table of settings."""

from __future__ import annotations

from collections.abc import Mapping

from meshd.config.endpoints import ENDPOINT
from meshd.config.kinds import NAME, PATH, TRUTH, Kind, list_of
from meshd.config.network import ACME_URL, MAILBOX, NETWORK, USER
from meshd.values.hosting import Acme

ROWS: Mapping[str, tuple[Kind, str] | tuple[Kind, str, object]] = {
    "listen": (list_of(ENDPOINT, empty=False), "endpoints of the API that manages what is published"),
    "tls": (TRUTH, "whether those speak TLS, with the certificate of `api.certificate`"),
    "http": (list_of(ENDPOINT), "endpoints where hosts are served by HTTP; `[]` for none"),
    "https": (list_of(ENDPOINT), "endpoints where hosts are served by HTTPS; `[]` for none"),
    "trusted_proxies": (list_of(NETWORK), "proxies before meshd whose X-Forwarded-* fields are believed", []),
    "upstreams_loopback": (TRUTH, "whether hosts may lead to loopback addresses of this machine", False),
    "acme_directory": (ACME_URL, "where certificates are obtained, by ACME", Acme().directory),
    "acme_email": (MAILBOX, "where the authority writes to", None),
    "acme_ca": (PATH, "a PEM file that the authority's own certificate is verified by, in place of the system's", None),
    "acme_eab_kid": (USER, "the key id of an external account binding, if the authority wants one", None),
    "acme_eab_key_file": (PATH, "a file with the key of that binding, in base64url", None),
    "acme_profile": (NAME, "the profile of certificates that is asked for", None),
}
"""By name the kind, what the setting does, and perhaps the default; without one it is that of a Hosting."""
