"""Certificates obtained and renewed by ACME (RFC 8555), with HTTP-01 challenges and renewal information (RFC 9773)."""
