#!/bin/sh
# libcurl, asked for HTTP/3 alone through a proxy of type 3 (HTTPS2), has the datagrams carried by CONNECT-UDP (RFC 9298):
# an extended CONNECT (RFC 8441), whose pseudo-header field :protocol says so.
#
# Guess: all pseudo-header fields stand before the regular ones, as RFC 9113 (8.3) has it of every request.
# Seen with libcurl 8.23 in pycurl's wheel 7.49.0: :method, :scheme, :authority and :path, then proxy-authorization, and
#   behind that :protocol and capsule-protocol.  A proxy that takes such a request for malformed, as RFC 9113 says, serves
#   no such client that has a credential.
#
# Needs: python3 with venv.  Takes half a minute, on loopback alone.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q pycurl==7.49.0 h2==4.4.1 trustme==1.2.1
cat >"$here/look.py" <<'END'
import socket
import ssl
import threading

import pycurl
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.settings import SettingCodes

authority = trustme.CA()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("localhost").configure_cert(context)
context.set_alpn_protocols(["h2"])
listener = socket.create_server(("127.0.0.1", 0))
seen = []


def look():
    """Take one request, whatever is wrong with it, and hang up."""
    with context.wrap_socket(listener.accept()[0], server_side=True) as client:
        client.settimeout(20)
        session = H2Connection(H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False))
        session.local_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
        session.initiate_connection()
        client.sendall(session.data_to_send())
        while not seen and (data := client.recv(65536)):
            for event in session.receive_data(data):
                if isinstance(event, RequestReceived):
                    seen.extend(name.decode() for name, _ in event.headers)
            client.sendall(session.data_to_send())


thread = threading.Thread(target=look)
thread.start()
authority.cert_pem.write_to_path("ca.pem")
curl = pycurl.Curl()
curl.setopt(pycurl.URL, "https://origin.example/")
curl.setopt(pycurl.HTTP_VERSION, 31)
curl.setopt(pycurl.PROXY, f"https://localhost:{listener.getsockname()[1]}")
curl.setopt(pycurl.PROXYTYPE, 3)
curl.setopt(pycurl.PROXYUSERPWD, "name:password")
curl.setopt(pycurl.PROXY_CAINFO, "ca.pem")
curl.setopt(pycurl.TIMEOUT, 20)
try:
    curl.perform()
except pycurl.error:
    pass
thread.join()
print(pycurl.version.split()[1], *seen)
END
cd "$here"
said=$("$here/env/bin/python" look.py)
echo "$said"
case $said in
*" proxy-authorization"*" :protocol"*) ;;
*) echo "this has changed" >&2; exit 1 ;;
esac
