#!/usr/bin/env bash
# An authority of one's own may be held to names under internal.test: permitted DNS:internal.test.  Addresses are of another
# kind, and restrictions "apply only when the specified name form is present" (RFC 5280, 4.2.1.10).
#
# Guess: a server's certificate for 127.0.0.1 by subjectAltName alone is accepted, whatever its common name is: nobody looks
#   for the server's name there since RFC 6125.
# Seen with Go 1.19, OpenSSL 3.0, GnuTLS 3.7.9, OpenJDK 17 (Debian 12) and cryptography 50.0.2: with the common name gw GnuTLS
#   and Java refuse it, with gw.example.com OpenSSL does too; Go and cryptography accept both.  With an empty subject all
#   accept it, and so they do with a name of internal.test beside the address.  The same
#   gateway is trusted by some of its clients and not by others, and no message names the common name.
#
# Needs: root, for nothing but apt-get download; openssl, go, a JDK of 17, python3 with venv.  Takes a minute, without network
#   traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'cryptography==50.0.2' 2>/dev/null
apt-get download -qq 'gnutls-bin=3.7.9-2+deb12u7' 'libgnutls30=3.7.9-2+deb12u7' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
# shellcheck disable=SC2086
openssl req -x509 $key -keyout root.key -out root.pem -days 9 -subj /CN=root -addext keyUsage=critical,keyCertSign 2>/dev/null
issue() { # the authority that signs, what is made, its subject, its extensions
    # shellcheck disable=SC2086
    openssl req -new $key -keyout "$2.key" -out "$2.csr" -subj "$3" 2>/dev/null
    openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -out "$2.pem" -days 9 -extfile <(printf '%b' "$4") 2>/dev/null
}
cat > Judge.java <<'JAVA'
import java.io.*;
import java.security.cert.*;
import java.util.*;

public class Judge {
    static X509Certificate read(String name) throws Exception {
        try (var file = new FileInputStream(name + ".pem")) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(file);
        }
    }

    public static void main(String[] names) throws Exception {
        var parameters = new PKIXParameters(Set.of(new TrustAnchor(read("root"), null)));
        parameters.setRevocationEnabled(false);
        var path = CertificateFactory.getInstance("X.509").generateCertPath(List.of(read(names[1]), read(names[0])));
        try {
            CertPathValidator.getInstance("PKIX").validate(path, parameters);
            System.out.println("yes");
        } catch (CertPathValidatorException refusal) {
            System.out.println(refusal.getMessage());
        }
    }
}
JAVA
cat > judge.go <<'GO'
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func read(name string) *x509.Certificate {
	text, _ := os.ReadFile(name + ".pem")
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	return certificate
}

func main() {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(read("root"))
	between.AddCert(read(os.Args[1]))
	_, err := read(os.Args[2]).Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: os.Args[3]})
	if err != nil {
		fmt.Println("no")
	} else {
		fmt.Println("yes")
	}
}
GO
cat > judge.py <<'PYTHON'
import ipaddress, sys
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError


def read(name):
    with open(name + ".pem", "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


address = x509.IPAddress(ipaddress.ip_address(sys.argv[3]))
verifier = PolicyBuilder().store(Store([read("root")])).build_server_verifier(address)
try:
    verifier.verify(read(sys.argv[2]), [read(sys.argv[1])])
    print("yes")
except VerificationError:
    print("no")
PYTHON
javac Judge.java
GOCACHE=$folder/cache GOFLAGS=-mod=mod GO111MODULE=off go build -o judge judge.go

issue root between /CN=between "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n
authorityKeyIdentifier=keyid\nnameConstraints=critical,permitted;DNS:internal.test\n"

wrong=0
see() { # subject, the alternative names, what Go, cryptography, OpenSSL, GnuTLS and Java are expected to say
    local said
    issue between server "$1" "basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\n
extendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\nsubjectAltName=$2\n"
    said="$(./judge between server 127.0.0.1) $(venv/bin/python judge.py between server 127.0.0.1)"
    said+=" $(openssl verify -CAfile root.pem -untrusted between.pem -verify_ip 127.0.0.1 server.pem >/dev/null 2>&1 &&
        echo yes || echo no)"
    cat server.pem between.pem > chain
    said+=" $(LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu usr/bin/certtool --verify --load-ca-certificate root.pem \
        --infile chain 2>&1 | grep -q '^Chain verification output: Verified' && echo yes || echo no)"
    said+=" $(java Judge between server)"
    printf '%-21s%-42s%s\n' "$1" "$2" "$said"
    [ "$said" = "$3" ] || wrong=1
}
echo 'subject              alternative names                         Go, cryptography, OpenSSL, GnuTLS, Java'
see / critical,IP:127.0.0.1 'yes yes yes yes yes'
see /CN=gw IP:127.0.0.1 'yes yes yes no name constraints check failed'
see /CN=gw.example.com IP:127.0.0.1 'yes yes no no name constraints check failed'
see /CN=gw.internal.test IP:127.0.0.1 'yes yes yes yes yes'
see /CN=gw.example.com IP:127.0.0.1,DNS:a.internal.test 'yes yes yes yes yes'
exit "$wrong"
