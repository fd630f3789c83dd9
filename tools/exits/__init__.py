"""Other makers' proxies as exits of a live daemon: what docs/exits.md says of each is what was seen."""
