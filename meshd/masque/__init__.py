"""What is asked for by an upgrade of HTTP (RFC 9298), and the capsules that come then (RFC 9297).  Pure."""
