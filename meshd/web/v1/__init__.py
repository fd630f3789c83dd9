"""ProxyHat's API, for programs that were written for it."""
