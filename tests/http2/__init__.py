"""Tests of HTTP/2 without a socket."""
