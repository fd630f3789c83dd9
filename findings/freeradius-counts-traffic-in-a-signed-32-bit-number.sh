#!/usr/bin/env bash
# RADIUS reports a session's traffic as octets and, beyond 4 GiB, gigawords: Acct-Output-Octets wraps, and Acct-Output-Gigawords
# says how often (RFC 2869, 5.2).  FreeRADIUS' rlm_counter adds an attribute up for each user and rejects who is over check_name.
#
# Guess: with count_attribute = Acct-Output-Octets and a limit of 3 GB, a customer of 5 GB is rejected, whether they came in one
#   session or in two; where the module could not count so far, it would say so.
# Seen with FreeRADIUS 3.2.1 (Debian 3.2.1+dfsg-4+deb12u1): one session of 3.1 GB is rejected.  One of 5 GB, which is 705032704
#   octets and a gigaword, is counted as 0.7 GB, and two of 2 and 2.4 GB as 0.1 GB: both users are let in.  The
#   gigawords are not read, and the sum itself has 32 bits.  Who sells traffic by it gives away each 4.3 GB.
#
# Needs: root, for nothing but apt-get download.  Takes about ten seconds, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq 'freeradius=3.2.1+dfsg-4+deb12u1' 'freeradius-common=3.2.1+dfsg-4+deb12u1' \
    'freeradius-utils=3.2.1+dfsg-4+deb12u1' 'libfreeradius3=3.2.1+dfsg-4+deb12u1' 'libtalloc2=2.4.0-f2' \
    'libpcre3=2:8.39-15' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

mkdir raddb
: > raddb/dictionary
cat > raddb/radiusd.conf <<CONFIGURATION
prefix = $folder/usr
libdir = $folder/usr/lib/freeradius
raddbdir = $folder/raddb
logdir = $folder
run_dir = $folder
security {
  allow_vulnerable_openssl = yes
}
client here {
  ipaddr = 127.0.0.1
  secret = testing123
}
modules {
  counter octets {
    filename = $folder/octets.db
    key = User-Name
    count_attribute = Acct-Output-Octets
    counter_name = Octets-So-Far
    check_name = Max-Octets
    reply_name = Session-Timeout
    reset = never
    cache_size = 50
  }
  pap {
  }
  always well {
    rcode = ok
  }
}
instantiate {
  octets
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = 14911
  }
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = 14912
  }
  authorize {
    update control {
      Cleartext-Password := "pw"
      Max-Octets := 3000000000
    }
    octets
    pap
  }
  authenticate {
    pap
  }
  accounting {
    octets
    well
  }
}
CONFIGURATION

export LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu:$folder/usr/lib/freeradius:$folder/lib/x86_64-linux-gnu
usr/sbin/freeradius -X -d raddb -D usr/share/freeradius > said 2>&1 & server=$!
until grep -q 'Ready to process requests' said; do kill -0 "$server"; sleep 0.1; done

ask() { # port, kind; attributes on standard input
    usr/bin/radclient -d raddb -D usr/share/freeradius -r 2 -t 5 "127.0.0.1:$1" "$2" testing123 2>/dev/null
}
session() { # user, octets, gigawords
    printf 'User-Name=%s\nAcct-Status-Type=Stop\nAcct-Session-Id=%s-%s\nAcct-Session-Time=60\n%s\n' "$1" "$1" "$2" \
        "Acct-Output-Octets=$2,Acct-Output-Gigawords=$3" | ask 14912 acct >/dev/null
}
session ann 3100000000 0
session bob 705032704 1
session cid 2000000000 0
session cid 2400000000 0
for user in new ann bob cid; do
    answer=$(printf 'User-Name=%s\nUser-Password=pw\n' "$user" | ask 14911 auth || true)
    echo "$user: $(grep -oE 'Access-(Accept|Reject)' <<<"$answer" | tail -n 1)"
done | tee seen
grep -E 'New Counter=' said | sed 's/rlm_counter: //' | tee -a seen
cat > expected <<'TEXT'
new: Access-Accept
ann: Access-Reject
bob: Access-Accept
cid: Access-Accept
User=ann, New Counter=-1194967296.
User=bob, New Counter=705032704.
User=cid, New Counter=2000000000.
User=cid, New Counter=105032704.
TEXT
diff expected seen
