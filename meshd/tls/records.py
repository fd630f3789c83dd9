"""The outermost layer of TLS: records (RFC 8446, 5.1)."""

from __future__ import annotations

HANDSHAKE = 0x16
"""The content type of a handshake record, the first byte of a client's TLS."""
