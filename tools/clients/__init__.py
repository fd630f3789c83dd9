"""Each client, run through a live daemon with each credential: the tables in docs/clients.md.

    python -m tools.clients                   # installs, runs, prints the tables
    python -m tools.clients --write           # and puts them into docs/clients.md
    python -m tools.clients --in FOLDER       # installs into this folder, and uses what an earlier run left there
    python -m tools.clients curl requests     # these alone, and nothing is written

Libraries come from PyPI and npm, in the versions that are pinned here; programs and browsers are those of this machine.
Origins and proxy are on loopback.  What a row says is what was seen in that run, but for its note, which stands first
in its last cell.
"""
