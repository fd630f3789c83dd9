#!/usr/bin/env bash
# A private authority marks the subjectAltName of its certificates critical, and still gives them a subject of the old
# kind, CN=a.example.test.  RFC 5280 says that such a name SHOULD then not be critical, so the certificate is allowed.
#
# Guess: whoever verifies a server's certificate knows subjectAltName, so it makes no difference whether it is critical:
#   OpenSSL and the verifier of the cryptography package both accept the certificate.
# Seen with cryptography 50.0.2 and OpenSSL 3 (Debian 12): OpenSSL accepts it; cryptography refuses it: "EE
#   subjectAltName MUST NOT be critical when subject is nonempty".  With an empty subject and the same critical name
#   both accept, and so they do with the subject and the name not critical.  A certificate that OpenSSL's clients take
#   is refused once a program verifies it by cryptography.
#
# Needs: python3 with venv, openssl.  Takes half a minute, without network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'cryptography==50.0.2' 2>/dev/null

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=authority \
    -addext keyUsage=critical,keyCertSign -keyout authority.key -out authority.pem 2>/dev/null
issue() { # file, subject, the alternative name
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout key.pem -out request.pem \
        2>/dev/null
    printf 'subjectAltName=%s\nauthorityKeyIdentifier=keyid\n' "$3" >extensions
    openssl x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial -days 8 \
        -extfile extensions -out "$1" 2>/dev/null
    openssl verify -purpose sslserver -verify_hostname a.example.test -CAfile authority.pem "$1"
}
issue subject-and-critical.pem /CN=a.example.test critical,DNS:a.example.test
issue subject-alone.pem /CN=a.example.test DNS:a.example.test
issue critical-alone.pem / critical,DNS:a.example.test

cat > verify.py <<'PYTHON'
import sys
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError


def load(name):
    with open(name, "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


builder = PolicyBuilder().store(Store([load("authority.pem")]))
results = {}
for name in ("subject-and-critical.pem", "subject-alone.pem", "critical-alone.pem"):
    try:
        builder.build_server_verifier(x509.DNSName("a.example.test")).verify(load(name), [])
        results[name] = "accepted"
    except VerificationError as error:
        results[name] = str(error).split(" (encountered")[0]
    print(f"cryptography: {name}: {results[name]}")
refused, *others = results.values()
sys.exit("MUST NOT be critical" not in refused or others != ["accepted", "accepted"])
PYTHON
venv/bin/python verify.py
