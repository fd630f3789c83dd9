#!/usr/bin/env bash
# An exporter tells by IPFIX how many octets a flow had, in octetDeltaCount, an unsigned64.  It may write the number in fewer
# bytes where it fits, and its template says in how many (reduced-size encoding, RFC 7011, 6.2): five bytes reach a terabyte.
#
# Guess: whoever reads IPFIX reads a counter of any width from one byte to eight, since the template names the width anyway.
# Seen with nfacctd of pmacct 1.7.7, nfcapd of nfdump 1.7.1 (Debian 12) and netflow 0.12.2 (Python), with 9000000 octets in 3 and
#   4 bytes and 5000000000 in 5 to 8: nfcapd reads them all.  nfacctd reads 4 and 8; in 3, 5, 6 and 7 it counts the flow and its
#   packets and 0 octets, without a word.  netflow fails at such a template, and with it at the whole message.  A router
#   whose firmware saves three bytes a flow has customers who owe nothing.
#
# Needs: root, for nothing but apt-get download; the libraries of PostgreSQL's and SQLite's clients (libpq5, libsqlite3-0);
#   python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done
    wait 2>/dev/null
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'netflow==0.12.2' 2>/dev/null
apt-get download -qq 'pmacct=1.7.7-1+b1' 'nfdump=1.7.1-2+deb12u1' 'libmaxminddb0=1.7.1-1' 'libmariadb3=1:10.11.19-0+deb12u1' \
    'librabbitmq4=0.11.0-1+deb12u3' 'libzmq5=4.3.4-6' 'librdkafka1=2.0.2-1' 'libsodium23=1.0.18-1+deb12u1' \
    'libpgm-5.3-0=5.3.128~dfsg-2' 'libnorm1=1.5.9+dfsg-2' 'libjansson4=2.14-2' 'libpcap0.8=1.10.3-1' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done
export LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu

cat > flows.py <<'PYTHON'
"""Flows of 192.0.2.WIDTH, whose octets stand in WIDTH bytes, by IPFIX to the port in the arguments, or read by netflow."""

import socket, struct, sys, time

FLOWS = {3: 9_000_000, 4: 9_000_000, 5: 5_000_000_000, 6: 5_000_000_000, 7: 5_000_000_000, 8: 5_000_000_000}
SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, PROTOCOL, OCTETS, PACKETS, BEGAN, ENDED = 8, 12, 7, 11, 4, 1, 2, 150, 151


def message(width):
    fields = [(SOURCE, 4), (DESTINATION, 4), (SOURCE_PORT, 2), (DESTINATION_PORT, 2), (PROTOCOL, 1), (OCTETS, width)]
    fields += [(PACKETS, 4), (BEGAN, 4), (ENDED, 4)]
    template = struct.pack("!HH", 250 + width * 10, len(fields)) + b"".join(struct.pack("!HH", *field) for field in fields)
    now = int(time.time())
    flow = socket.inet_aton(f"192.0.2.{width}") + socket.inet_aton("198.51.100.7") + struct.pack("!HHB", 4000, 443, 6)
    flow += FLOWS[width].to_bytes(width, "big") + struct.pack("!III", 3, now - 20, now - 10)
    sets = struct.pack("!HH", 2, 4 + len(template)) + template
    sets += struct.pack("!HH", 250 + width * 10, 4 + len(flow)) + flow
    return struct.pack("!HHIII", 10, 16 + len(sets), now, width - min(FLOWS), 1) + sets


if len(sys.argv) > 1:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for width in FLOWS:
            sender.sendto(message(width), ("127.0.0.1", int(sys.argv[1])))
            time.sleep(0.3)
else:
    import netflow

    for width in FLOWS:
        try:
            (flow,) = netflow.parse_packet(message(width), {"netflow": {}, "ipfix": {}}).flows
            print(f"netflow: 192.0.2.{width} 3 {flow.data['octetDeltaCount']}")
        except netflow.ipfix.IPFIXTemplateError as error:
            print(f"netflow: 192.0.2.{width} {error}")
PYTHON
cat > nfacctd.conf <<CONFIGURATION
daemonize: false
nfacctd_ip: 127.0.0.1
nfacctd_port: 28951
plugins: print
aggregate: src_host
print_output: csv
print_refresh_time: 2
print_output_file: $folder/nfacctd.csv
print_output_file_append: true
CONFIGURATION
mkdir nfcapd

setsid usr/sbin/nfacctd -f nfacctd.conf >said 2>&1 & pids+=($!)
setsid usr/bin/nfcapd -b 127.0.0.1 -p 28952 -w nfcapd -t 60 >>said 2>&1 & pids+=($!)
listens() {
    grep -qi ":$(printf %04X "$1") " /proc/net/udp
}
until listens 28951 && listens 28952 && grep -q 'START' said; do sleep 0.1; done
waited=0
python3 flows.py 28951
python3 flows.py 28952
until [ "$(grep -c '^192' nfacctd.csv 2>/dev/null)" = 6 ]; do [ $((waited += 1)) -lt 100 ]; sleep 0.2; done
sleep 1
kill "${pids[1]}"
wait "${pids[1]}" || true
{
    sed -n 's/^\(192[^,]*\),\([0-9]*\),/nfacctd: \1 \2 /p' nfacctd.csv
    usr/bin/nfdump -q -N -o 'fmt:%sa %pkt %byt' -R nfcapd | awk 'NF == 3 { print "nfcapd:", $1, $2, $3 }'
    venv/bin/python flows.py
} | sort | tee seen
cat > expected <<'TEXT'
netflow: 192.0.2.3 Template field_length 3 not handled in unpacker
netflow: 192.0.2.4 3 9000000
netflow: 192.0.2.5 Template field_length 5 not handled in unpacker
netflow: 192.0.2.6 Template field_length 6 not handled in unpacker
netflow: 192.0.2.7 Template field_length 7 not handled in unpacker
netflow: 192.0.2.8 3 5000000000
nfacctd: 192.0.2.3 3 0
nfacctd: 192.0.2.4 3 9000000
nfacctd: 192.0.2.5 3 0
nfacctd: 192.0.2.6 3 0
nfacctd: 192.0.2.7 3 0
nfacctd: 192.0.2.8 3 5000000000
nfcapd: 192.0.2.3 3 9000000
nfcapd: 192.0.2.4 3 9000000
nfcapd: 192.0.2.5 3 5000000000
nfcapd: 192.0.2.6 3 5000000000
nfcapd: 192.0.2.7 3 5000000000
nfcapd: 192.0.2.8 3 5000000000
TEXT
diff expected seen
