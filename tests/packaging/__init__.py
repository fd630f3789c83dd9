"""What meshd is installed from, as far as it can be looked at without installing it."""
