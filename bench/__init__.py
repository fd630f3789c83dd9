"""Measurements beside the peers, and of the daemon alone.  Nothing here is installed with the package."""
