"""Exits as the settings and lists describe them."""
