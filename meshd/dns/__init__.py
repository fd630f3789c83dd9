"""Names to addresses: asked of name servers or of the system, cached, merged and bounded."""
