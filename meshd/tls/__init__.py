"""Certificates and TLS settings, for the API and the proxies' clients."""
