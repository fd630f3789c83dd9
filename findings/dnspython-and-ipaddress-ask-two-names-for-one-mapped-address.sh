#!/usr/bin/env bash
# A look-up of who stands behind an address asks for the PTR record of its reverse name.  On a dual-stack socket the
# address of an IPv4 client is "::ffff:192.0.2.1".
#
# Guess: dnspython's reverse name of an IPv6 address is always one under ip6.arpa, as with ipaddress and netaddr:
#   no library changes the family of the address it was given.
# Seen with dnspython 2.9.2 and netaddr 1.3.0: dnspython gives 1.2.0.192.in-addr.arpa., the name of the IPv4 address;
#   ipaddress and netaddr give 32 nibbles under ip6.arpa, another name.  dnspython takes both names back, to "192.0.2.1"
#   and "::ffff:192.0.2.1".  A cache keyed by the reverse name of one library never meets the question of the other.
#
# Needs: python3 with venv.  Takes half a minute, without network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'dnspython==2.9.2' 'netaddr==1.3.0' 2>/dev/null

cat > reverse.py <<'PYTHON'
import ipaddress, sys
import dns.name, dns.reversename
import netaddr

MAPPED = "::ffff:192.0.2.1"
names = {
    "dnspython": dns.reversename.from_address(MAPPED).to_text(),
    "netaddr": netaddr.IPAddress(MAPPED).reverse_dns,
    "ipaddress": ipaddress.ip_address(MAPPED).reverse_pointer + ".",
}
for library, name in names.items():
    print(f"{library:10}{name}")
back = [dns.reversename.to_address(dns.name.from_text(names[library])) for library in ("dnspython", "ipaddress")]
print("dnspython takes them back to", *back)
sys.exit(
    names["dnspython"] != "1.2.0.192.in-addr.arpa."
    or names["netaddr"] != names["ipaddress"]
    or not names["ipaddress"].endswith(".ip6.arpa.")
    or back != ["192.0.2.1", MAPPED]
)
PYTHON
venv/bin/python reverse.py
