#!/usr/bin/env bash
# Pebble, Let's Encrypt's ACME server for tests, is told how often a valid authorization is used again for a later
# order of the same account: PEBBLE_AUTHZREUSE, a percentage.
#
# Guess: with 0 it never is, so that each order of a name has a challenge to answer, and a test of a renewal whose
#   challenge fails sees it fail.
# Seen with Pebble 2.4.0 (Debian 2.4.0+ds1-2+b4) and acme 5.9.0: about one order in a hundred is ready at once, and no
#   challenge is asked for.  A test that counts on the challenge fails about once in a hundred runs.
#
# Needs: root, for nothing but apt-get download; python3 with venv.  Takes about a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

apt-get download -qq 'pebble=2.4.0+ds1-2+b4' 2>/dev/null
dpkg -x pebble_*.deb .
python3 -m venv venv
venv/bin/pip install --quiet 'acme==5.9.0' 'josepy==2.2.0' 'cryptography==50.0.2' 'pyopenssl==26.4.0' 2>/dev/null

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null
cat > pebble.json <<'JSON'
{"pebble": {"listenAddress": "127.0.0.1:14980", "managementListenAddress": "127.0.0.1:14981",
            "certificate": "cert.pem", "privateKey": "key.pem", "httpPort": 14982, "tlsPort": 14983}}
JSON

PEBBLE_AUTHZREUSE=0 PEBBLE_VA_ALWAYS_VALID=1 PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 \
    usr/bin/pebble -config pebble.json >said 2>&1 &
pids+=($!)

cat > orders.py <<'PYTHON'
import sys, time
import josepy
from acme import challenges, client, messages
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from cryptography.hazmat.primitives import hashes

ORDERS = 800
account = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
network = client.ClientNetwork(account, verify_ssl="cert.pem")
for _ in range(100):
    try:
        directory = client.ClientV2.get_directory("https://localhost:14980/dir", network)
        break
    except Exception:
        time.sleep(0.1)
acme = client.ClientV2(directory, network)
acme.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
request = request.add_extension(x509.SubjectAlternativeName([x509.DNSName("a.test")]), False)
csr = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)
again = 0
for number in range(ORDERS):
    order = acme.new_order(csr)
    (authorization,) = order.authorizations
    if authorization.body.status == messages.STATUS_VALID:
        again += 1
        continue
    body = next(each for each in authorization.body.challenges if isinstance(each.chall, challenges.HTTP01))
    acme.answer_challenge(body, body.response(account))
    while acme.poll(authorization)[0].body.status == messages.STATUS_PENDING:
        time.sleep(0.005)
print(f"{again} of {ORDERS} orders used an authorization again, with PEBBLE_AUTHZREUSE=0")
sys.exit(0 if 1 <= again <= 40 else 1)
PYTHON
venv/bin/python orders.py
