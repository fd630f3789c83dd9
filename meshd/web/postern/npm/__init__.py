"""Paths and shapes of Nginx Proxy Manager's API over the same resources, for the clients that were written for that."""
