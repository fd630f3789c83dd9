"""What meshd is installed from, made from the source tree: wheels, a Debian package, manual pages, completion."""
