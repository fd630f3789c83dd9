#!/usr/bin/env bash
# A table of networks tells which country an address is in, what it pays and by which exit it goes.  Networks of both families
# stand in it, since clients and destinations come by both.
#
# Guess: 42.1.0.0/16 and 2a01::/16 are two places, though their first 16 bits are the same; an IPv6 address is in no IPv4
#   network, but for a mapped one at most.
# Seen with pytricia 1.3.0 and ip-cidr 4.0.2 (npm): the bits alone are compared.  2a01:100::1 is found in 42.1.0.0/16, and
#   42.1.1.1 in 2a01:100::/24.  In PyTricia(128) the network that was set last is both: one value is lost, without an error;
#   PyTricia(), which is for 32 bits, takes IPv6 networks too.  With 0.0.0.0/0 as the rest of the world IPv6 is in it.
#   py-radix 1.1.0, ipaddress and Node's BlockList keep the families apart.  2a00::/12 is Europe's, 42.0.0.0/8 is Asia's:
#   such a table sends an IPv6 client of the one to the prices and exits of the other.
#
# Needs: node 20 with npm, python3 with venv, a C compiler where there is no wheel.  Takes half a minute, without
#   network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'pytricia==1.3.0' 'py-radix==1.1.0' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . ip-cidr@4.0.2 >/dev/null

cat > find.py <<'PYTHON'
import ipaddress
import pytricia, radix

NETWORKS = {"42.1.0.0/16": "Asia", "2a01:100::/24": "Europe"}
for name, tree in (("PyTricia(128)", pytricia.PyTricia(128)), ("PyTricia()", pytricia.PyTricia())):
    for network, place in NETWORKS.items():
        tree[network] = place
    tree["2a01::/16"] = "all of 2a01"
    print(name, *(tree.get(address) for address in ("42.1.0.1", "42.1.1.1", "2a01:100::1", "2a01:200::1")), sep=", ")
tree = radix.Radix()
for network, place in NETWORKS.items():
    tree.add(network).data["place"] = place
found = [tree.search_best(address) for address in ("42.1.0.1", "42.1.1.1", "2a01:100::1", "2a01:200::1")]
print("py-radix", *(each and each.data["place"] for each in found), sep=", ")
print("ipaddress", ipaddress.ip_address("2a01:100::1") in ipaddress.ip_network("42.1.0.0/16"), sep=", ")
PYTHON
cat > find.mjs <<'JAVASCRIPT'
import { BlockList } from "node:net";
import IPCIDR from "ip-cidr";

const asked = [
  ["42.1.0.0/16", "2a01:100::1"],
  ["2a01:100::/24", "42.1.1.1"],
  ["0.0.0.0/0", "2a01:100::1"],
  ["10.0.0.0/8", "2a01:100::1"],
];
console.log(["ip-cidr", ...asked.map(([network, address]) => new IPCIDR(network).contains(address))].join(", "));
const list = new BlockList();
list.addSubnet("42.1.0.0", 16, "ipv4");
console.log(["BlockList", list.check("2a01:100::1", "ipv6")].join(", "));
JAVASCRIPT
{ venv/bin/python find.py; node find.mjs; } | tee found
cat > expected <<'TEXT'
PyTricia(128), all of 2a01, Europe, Europe, all of 2a01
PyTricia(), all of 2a01, Europe, Europe, all of 2a01
py-radix, Asia, Asia, Europe, None
ipaddress, False
ip-cidr, true, true, true, false
BlockList, false
TEXT
diff expected found
