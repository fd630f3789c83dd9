"""Wiring: one process from its settings, listeners and reloads to its end."""
