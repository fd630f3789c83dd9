#!/usr/bin/env bash
# A proxy that knows two schemes offers both in its 407.  Proxy-Authenticate is a list: the challenges may stand in a field
# each, or in one with a comma between them, and which is first says nothing (RFC 9110, 11.6.1 and 5.3).
#
# Guess: a client with a name and a password finds Basic in 'Bearer realm="m", Basic realm="m"' as it does in two fields.
# Seen with java.net.http.HttpClient and HttpURLConnection of OpenJDK 17, lftp 4.9.2, svn 1.14.2 (serf 1.3.9), curl 7.88.1
#   (--proxy-anyauth), ncat 7.93 (Debian 12): of two fields, Bearer first, all answer with Basic.  Of one field HttpClient,
#   lftp and svn read the first scheme alone: HttpClient hands the 407 to the program, in spite of its Authenticator; lftp
#   and svn fail.  HttpURLConnection, curl and ncat answer.  Basic in front serves all six; a balancer that joins fields
#   changes who gets in.
#
# Needs: a JDK of 17, lftp, svn, curl, ncat, python3.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

cat > proxy.py <<'PYTHON'
"""Three proxies: two fields, one field with Bearer first, and one with Basic first.  A client that answers is noted."""
import socketserver, threading

FORMS = (["Bearer realm=\"m\"", "Basic realm=\"m\""], ["Bearer realm=\"m\", Basic realm=\"m\""],
         ["Basic realm=\"m\", Bearer realm=\"m\""])


def server(challenges):
    class Proxy(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline():
                answered = False
                while line := self.rfile.readline().strip():
                    answered |= line.lower().startswith(b"proxy-authorization: basic ")
                if answered:
                    open("answered", "w").close()
                head = "HTTP/1.1 200 OK\r\n" if answered else "HTTP/1.1 407 Who?\r\n"
                fields = "" if answered else "".join(f"Proxy-Authenticate: {each}\r\n" for each in challenges)
                self.wfile.write(f"{head}{fields}Content-Length: 5\r\n\r\npage\n".encode())

    socketserver.ThreadingTCPServer.daemon_threads = True
    made = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=made.serve_forever).start()
    return made.server_address[1]


print(*map(server, FORMS), flush=True)
PYTHON
cat > Ask.java <<'JAVA'
import java.net.*;
import java.net.http.*;

class Ask {
    public static void main(String[] words) throws Exception {
        var who = new Authenticator() {
            protected PasswordAuthentication getPasswordAuthentication() {
                return new PasswordAuthentication("us", "s3cret".toCharArray());
            }
        };
        var at = new InetSocketAddress("127.0.0.1", Integer.parseInt(words[1]));
        var page = URI.create("http://origin.test/");
        if (words[0].equals("HttpClient")) {
            var client = HttpClient.newBuilder().authenticator(who).proxy(ProxySelector.of(at)).build();
            client.send(HttpRequest.newBuilder(page).build(), HttpResponse.BodyHandlers.discarding());
        } else {
            Authenticator.setDefault(who);
            ((HttpURLConnection) page.toURL().openConnection(new Proxy(Proxy.Type.HTTP, at))).getResponseCode();
        }
        System.exit(0);
    }
}
JAVA
javac Ask.java
python3 proxy.py > ports & proxy=$!
until [ -s ports ]; do sleep 0.1; done
read -r -a ports < ports
unset all_proxy ALL_PROXY https_proxy HTTPS_PROXY HTTP_PROXY no_proxy NO_PROXY
export HOME=$folder

ask() { # name, port
    case $1 in
        Http*) java -cp . Ask "$1" "$2" ;;
        lftp) http_proxy=http://us:s3cret@127.0.0.1:$2 lftp -c 'set net:max-retries 1; cat http://origin.test/' ;;
        svn) svn --non-interactive --config-option servers:global:http-proxy-host=127.0.0.1 \
            --config-option "servers:global:http-proxy-port=$2" --config-option servers:global:http-proxy-username=us \
            --config-option servers:global:http-proxy-password=s3cret ls http://origin.test/ ;;
        curl) curl -sS --proxy-anyauth -x "http://us:s3cret@127.0.0.1:$2" http://origin.test/ ;;
        ncat) ncat -w 5 --proxy-auth us:s3cret --proxy "127.0.0.1:$2" --proxy-type http origin.test 80 ;;
    esac
}
export -f ask
wrong=0
see() { # name, whether it is expected (+ or -) to answer each proxy
    local seen='' port
    for port in "${ports[@]}"; do
        rm -f answered
        timeout 20 bash -c 'ask "$@"' _ "$1" "$port" </dev/null >out 2>&1 || true
        if [ -e answered ]; then seen+=+; else seen+=-; fi
    done
    printf '%-20stwo fields: %s   Bearer, Basic: %s   Basic, Bearer: %s\n' "$1" "${seen:0:1}" "${seen:1:1}" "${seen:2:1}"
    [ "$seen" = "$2" ] || wrong=1
}
see HttpClient +-+
see HttpURLConnection +++
see lftp +-+
see svn +-+
see curl +++
see ncat +++
exit "$wrong"
