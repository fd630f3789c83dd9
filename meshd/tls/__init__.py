"""Certificates and what is spoken with them, for the API and the proxies' clients."""
