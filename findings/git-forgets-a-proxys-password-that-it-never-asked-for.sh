#!/usr/bin/env bash
# Git keeps passwords in a credential helper, here git-credential-store, an origin's as well as a proxy's.  A proxy may be named
# with a user, http.proxy=http://us@proxy:3128, or without one, as http_proxy in an environment mostly is.
#
# Guess: after a 407 git asks the helper for the proxy's credential, as it does for an origin's after a 401; a password is erased
#   from the helper only after it was tried and refused.
# Seen with git 2.39.5 (Debian 12): with "us@" it is asked for and sent.  Without a user the helper is not asked: git fails with
#   "CONNECT tunnel failed, response 407", and has the helper erase whatever it has of this proxy: the right password, which
#   nobody tried, is gone from the store.  From then on the first form fails too.  An origin's password,
#   without a user in the URL, is asked for and kept.  One command in another environment logs a machine's builds out of
#   their proxy.
#
# Needs: git, python3.  Takes a few seconds, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

cat > server.py <<'PYTHON'
import base64, http.server

RIGHT = "Basic " + base64.b64encode(b"us:right").decode()


class Server(http.server.BaseHTTPRequestHandler):
    """A proxy that asks who it is and then reaches nothing, and an origin that asks and then has nothing."""

    protocol_version = "HTTP/1.1"

    def answer(self, asked, challenge, field, then):
        known = self.headers.get(field)
        with open("came", "a") as file:
            print(known and base64.b64decode(known.split()[1]).decode(), file=file)
        self.send_response(then if known == RIGHT else asked)
        if known != RIGHT:
            self.send_header(challenge, 'Basic realm="m"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_CONNECT(self):
        self.answer(407, "Proxy-Authenticate", "Proxy-Authorization", 502)

    def do_GET(self):
        self.answer(401, "WWW-Authenticate", "Authorization", 404)

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
PYTHON
python3 server.py > port & server=$!
until [ -s port ]; do sleep 0.1; done
at=127.0.0.1:$(cat port)
for name in $(env | grep -io '^[a-z]*_proxy' || true); do unset "$name"; done
export HOME=$folder GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1
unset GIT_ASKPASS SSH_ASKPASS
git config --global credential.helper "store --file=$folder/kept"

see() { # what it is, then the arguments of git
    local what=$1
    shift
    : > came
    git "$@" >said 2>&1 && return 1
    [ -s came ] || echo nothing > came
    [ -s kept ] || echo nothing > kept
    echo "$what: came with $(paste -sd, came); kept: $(sed 's/%3a[0-9]*$//' kept)"
}
keep() {
    printf 'http://us:right@%s\n' "${at/:/%3a}" > kept
}
{
    keep
    see "an origin without a user" ls-remote "http://$at/x.git"
    see "a proxy with a user" -c http.proxy="http://us@$at" ls-remote https://a.test/x.git
    see "a proxy without one" -c http.proxy="http://$at" ls-remote https://a.test/x.git
    see "a proxy with a user" -c http.proxy="http://us@$at" ls-remote https://a.test/x.git
} | tee seen
cat > expected <<'TEXT'
an origin without a user: came with None,us:right; kept: http://us:right@127.0.0.1
a proxy with a user: came with None,us:right; kept: http://us:right@127.0.0.1
a proxy without one: came with None; kept: nothing
a proxy with a user: came with nothing; kept: nothing
TEXT
diff expected seen
