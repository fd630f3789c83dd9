#!/usr/bin/env bash
# The MMDB format tells an integer, a double and a boolean apart, and mmdb-writer takes the type of a field from the
# Python value: 1, 1.0 or True.
#
# Guess: each record reads back as it was written; a record {"hosting": True} stays a boolean whatever else is in the
#   file, since a reader in a typed language asks for a boolean.
# Seen with mmdb-writer 0.2.7 and maxminddb 3.2.0: values equal in Python share one place in the file, with the type of
#   the one written first.  After {"score": 1}, {"hosting": True} reads back as {"hosting": 1} and {"share": 1.0} as 1;
#   alone each is right.  0, 0.0 and False likewise.  The order of the networks decides the types of the file, so that a
#   file made from the same records in another order has other types.
#
# Needs: python3 with venv.  Takes half a minute, without network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'mmdb-writer==0.2.7' 'maxminddb==3.2.0' 'netaddr==1.3.0' 2>/dev/null

cat > kinds.py <<'PYTHON'
import sys
import maxminddb
from mmdb_writer import MMDBWriter
from netaddr import IPSet


def read_back(*records):
    writer = MMDBWriter()
    for number, record in enumerate(records):
        writer.insert_network(IPSet([f"10.{number}.0.0/16"]), record)
    writer.to_db_file("made.mmdb")
    with maxminddb.open_database("made.mmdb") as reader:
        return [repr(value) for number in range(len(records)) for value in reader.get(f"10.{number}.0.1").values()]


alone = [*read_back({"hosting": True}), *read_back({"share": 1.0}), *read_back({"score": 1})]
score_first = read_back({"score": 1}, {"share": 1.0}, {"hosting": True})
hosting_first = read_back({"hosting": True}, {"share": 1.0}, {"score": 1})
noughts = read_back({"score": 0}, {"share": 0.0}, {"hosting": False})
print("each alone in its file:", *alone)
print("1, then 1.0, then True:", *score_first)
print("True, then 1.0, then 1:", *hosting_first)
print("0, then 0.0, then False:", *noughts)
sys.exit(
    alone != ["True", "1.0", "1"]
    or score_first != ["1", "1", "1"]
    or hosting_first != ["True", "True", "True"]
    or noughts != ["0", "0", "0"]
)
PYTHON
venv/bin/python kinds.py
