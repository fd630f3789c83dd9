#!/usr/bin/env bash
# An authority of one's own may be held to a network: permitted 127.0.0.0/8, and no IPv6 at all, excluded ::/0.  In a name
# constraint the length of an address tells its family, 8 bytes or 32 with the mask (RFC 5280, 4.2.1.10).
#
# Guess: a server's certificate for 127.0.0.1 is accepted, and one for 10.0.0.1 refused: no IPv4 address is within ::/0.
# Seen with OpenJDK 17, OpenSSL 3.0, Go 1.19, GnuTLS 3.7.9 (Debian 12) and cryptography 50.0.2: all refuse 10.0.0.1, and all but
#   Java accept 127.0.0.1.  Java ends with "Index 4 out of bounds for length 4", which says nothing of certificates.  The
#   other way round, excluded 0.0.0.0/0 and a server at ::1, it says "name constraints check failed"; the others accept.
#   Without the excluded family Java accepts both.  What is to keep an authority to one family shuts Java out of it.
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
issue() { # the authority that signs, what is made, its extensions
    # shellcheck disable=SC2086
    openssl req -new $key -keyout "$2.key" -out "$2.csr" -subj "/CN=$2" 2>/dev/null
    openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -out "$2.pem" -days 9 -extfile <(printf '%b' "$3") 2>/dev/null
}
authority() { # name, its constraint
    issue root "$1" "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n
authorityKeyIdentifier=keyid\nnameConstraints=critical,$2\n"
}
server() { # its authority, its name, its address
    issue "$1" "$2" "basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n
authorityKeyIdentifier=keyid\nsubjectAltName=IP:$3\n"
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
        } catch (CertPathValidatorException | ArrayIndexOutOfBoundsException refusal) {
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

wrong=0
see() { # authority, server, its address, what Java is expected to say, what the others are
    local java others
    java=$(java Judge "$1" "$2")
    others="$(openssl verify -CAfile root.pem -untrusted "$1.pem" -verify_ip "$3" "$2.pem" >/dev/null 2>&1 && echo yes || echo no)"
    others+=" $(./judge "$1" "$2" "$3") $(venv/bin/python judge.py "$1" "$2" "$3")"
    cat "$2.pem" "$1.pem" > chain
    others+=" $(LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu usr/bin/certtool --verify --load-ca-certificate root.pem \
        --infile chain 2>&1 | grep -q '^Chain verification output: Verified' && echo yes || echo no)"
    printf '%-10s%-11sJava: %-38sOpenSSL, Go, cryptography, GnuTLS: %s\n' "$1" "$3" "$java" "$others"
    [ "$java" = "$4" ] && [ "$others" = "$5" ] || wrong=1
}
four_net=permitted\;IP:127.0.0.0/255.0.0.0 no_six=excluded\;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0
six_net=permitted\;IP:0:0:0:0:0:0:0:1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff no_four=excluded\;IP:0.0.0.0/0.0.0.0
authority four-open "$four_net"
authority four "$four_net,$no_six"
authority six-open "$six_net"
authority six "$six_net,$no_four"
for each in four-open four; do
    server $each $each-in 127.0.0.1
    server $each $each-out 10.0.0.1
done
for each in six-open six; do server $each $each-in ::1; done
see four-open four-open-in 127.0.0.1 yes 'yes yes yes yes'
see four-open four-open-out 10.0.0.1 'name constraints check failed' 'no no no no'
see four four-out 10.0.0.1 'Index 4 out of bounds for length 4' 'no no no no'
see four four-in 127.0.0.1 'Index 4 out of bounds for length 4' 'yes yes yes yes'
see six-open six-open-in ::1 yes 'yes yes yes yes'
see six six-in ::1 'name constraints check failed' 'yes yes yes yes'
exit "$wrong"
