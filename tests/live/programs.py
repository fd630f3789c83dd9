"""Command-line programs as Debian has them, each asked for one page through the proxy.

Each gets the credential in the way that its manual names; what it prints is given back, page or complaint.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore
from cryptography.x509 import load_pem_x509_certificate

from tests.support.daemon import clean_environment
from tests.support.origin import authority
from tests.support.ready import readable
from tests.support.thisrun import of_this_run

PATIENCE = 180.0
PAGE = b'"method"'
"""What the page holds."""


@dataclass(frozen=True)
class Task:
    """One page to fetch."""

    url: str
    proxy: str
    """host:port"""
    username: str
    password: str
    """Of letters, digits and ":", which some programs have to be given escaped."""
    folder: str

    @property
    def address(self) -> tuple[str, str]:
        """Of the proxy."""
        host, _, port = self.proxy.rpartition(":")
        return host, port

    @property
    def origin(self) -> str:
        return self.url.split("/")[2]

    @property
    def raw(self) -> str:
        return f"{self.username}:{self.password}"

    @property
    def link(self) -> str:
        """The proxy as a URL, with the credential escaped."""
        return f"http://{self.username}:{self.password.replace(':', '%3A')}@{self.proxy}"

    def file(self, name: str, text: str) -> str:
        path = Path(self.folder, name)
        path.write_text(text)
        path.chmod(0o600)
        return str(path)


@dataclass(frozen=True)
class Said:
    """What a program has printed, and how it has ended."""

    status: int
    text: str


@dataclass(frozen=True)
class Program:
    """How one is called."""

    needs: str
    """The command that has to be there."""
    command: Callable[[Task], Sequence[str]]
    schemes: tuple[str, ...] = ("http", "https")
    environment: Callable[[Task], Mapping[str, str]] = field(default=lambda task: {})
    talks: bool = False
    """Whether it only makes a tunnel, through which its input goes: an HTTP request is spoken by hand."""
    refusal: str = r"407|invalid credentials"
    """What a wrong password looks like there, on http and https."""
    silent: tuple[str, ...] = ()
    """Schemes for which it does not say why."""
    shows: bool = True
    """Whether it prints the page that it got."""

    def run(self, task: Task) -> Said:
        """Raises: TimeoutExpired."""
        command = self.command(task)
        with subprocess.Popen(
            command,
            bufsize=0,  # what an ended program did not read is not tried again
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**clean_environment(), "HOME": task.folder, "LC_ALL": "C.UTF-8", **self.environment(task)},
            cwd=task.folder,
        ) as process:
            try:
                text = _heard(process, command, self._spoken(task))
                return Said(process.wait(PATIENCE), text.decode("utf-8", "replace"))
            finally:
                process.kill()

    def _spoken(self, task: Task) -> bytes:
        """What is given to it as its input."""
        return f"GET /echo HTTP/1.1\r\nHost: {task.origin}\r\nConnection: close\r\n\r\n".encode() if self.talks else b""


def _heard(process: subprocess.Popen[bytes], command: Sequence[str], spoken: bytes) -> bytes:
    """All that it prints.  Its input is not ended before the answer is there: some end with it.  TimeoutExpired."""
    assert process.stdin is not None
    assert process.stdout is not None
    end, heard = time.monotonic() + PATIENCE, b""
    with suppress(BrokenPipeError):
        process.stdin.write(spoken)
        process.stdin.flush()
    while True:
        if (not spoken or PAGE in heard) and not process.stdin.closed:
            with suppress(BrokenPipeError):
                process.stdin.close()
        if not readable([process.stdout], end - time.monotonic()):
            raise subprocess.TimeoutExpired(command, PATIENCE, heard)
        if not (data := os.read(process.stdout.fileno(), 65536)):
            return heard
        heard += data


def by_environment(task: Task) -> dict[str, str]:
    """The variables that most programs know, with the authority that OpenSSL's programs and Go know."""
    ca = authority().file
    return {"http_proxy": task.link, "https_proxy": task.link, "SSL_CERT_FILE": ca, "NODE_EXTRA_CA_CERTS": ca}


def basic(task: Task) -> str:
    return b64encode(task.raw.encode()).decode()


def _lftp(task: Task) -> list[str]:
    script = f"set ssl:ca-file {authority().file}; set net:max-retries 1; set net:timeout 20; cat {task.url}; exit"
    return ["lftp", "--norc", "-c", script]


def _ssh_like(task: Task) -> list[str]:
    host, port = task.address
    return ["corkscrew", host, port, *task.origin.split(":"), task.file("auth", task.raw + "\n")]


def _php(task: Task) -> list[str]:
    code = """$c = stream_context_create(["http" => ["proxy" => "tcp://$argv[2]", "request_fulluri" => true,
        "header" => "Proxy-Authorization: Basic $argv[3]", "timeout" => 20], "ssl" => ["cafile" => $argv[4]]]);
        echo file_get_contents($argv[1], false, $c), implode("\\n", $http_response_header ?? []);"""
    return ["php", "-d", "display_errors=1", "-r", code, "--", task.url, task.proxy, basic(task), authority().file]


_RUBY = """require "net/http"
url = URI(ARGV[0])
http = Net::HTTP.new(url.host, url.port, *ARGV[1].split(":"), ARGV[2], ARGV[3])
http.use_ssl = url.scheme == "https"
answer = http.get(url.path)
puts answer.code, answer.message, answer.body
"""
_NODE = """const url = new URL(process.argv[1]), [proxy, auth] = process.argv.slice(2);
const http = require("http"), https = require("https"), [host, port] = proxy.split(":");
const headers = {"Proxy-Authorization": "Basic " + auth};
const show = a => { console.log(a.statusCode, a.statusMessage); a.pipe(process.stdout); };
if (url.protocol == "http:") http.get({host, port, path: url.href, headers: {...headers, Host: url.host}}, show);
else http.request({host, port, method: "CONNECT", path: url.host, headers}).on("connect", (a, socket) => {
  if (a.statusCode != 200) { console.log(a.statusCode, a.statusMessage); process.exit(1); }
  https.get({socket, host: url.hostname, path: url.pathname, agent: false, headers: {Host: url.host}}, show);
}).end();
"""
_GO = """package main
import ("fmt"; "io"; "net/http"; "os")
func main() {
  answer, err := http.Get(os.Args[1])
  if err != nil { fmt.Println(err); os.Exit(1) }
  body, _ := io.ReadAll(answer.Body)
  fmt.Println(answer.Status, string(body))
}
"""
_JAVA = """import java.net.*;
import java.net.http.*;
public class Fetch {
  public static void main(String[] a) throws Exception {
    Authenticator login = new Authenticator() {
      protected PasswordAuthentication getPasswordAuthentication() {
        return new PasswordAuthentication(a[4], a[5].toCharArray());
      }
    };
    InetSocketAddress at = new InetSocketAddress(a[2], Integer.parseInt(a[3]));
    if (a[0].equals("client")) {
      HttpClient client = HttpClient.newBuilder().proxy(ProxySelector.of(at)).authenticator(login).build();
      HttpRequest wanted = HttpRequest.newBuilder(URI.create(a[1])).build();
      HttpResponse<String> answer = client.send(wanted, HttpResponse.BodyHandlers.ofString());
      System.out.println(answer.statusCode() + " " + answer.body());
      System.exit(0);
    }
    Authenticator.setDefault(login);
    HttpURLConnection c = (HttpURLConnection) new URL(a[1]).openConnection(new Proxy(Proxy.Type.valueOf(a[0]), at));
    System.out.println(c.getResponseCode() + " " + c.getResponseMessage());
    System.out.println(new String(c.getInputStream().readAllBytes()));
  }
}
"""
_OPEN_URI = """require "open-uri"
puts URI.open(ARGV[0], proxy_http_basic_authentication: ["http://" + ARGV[1], ARGV[2], ARGV[3]]).read
"""
_TCL = """package require http
foreach {url proxy auth} $argv break
foreach {host port} [split $proxy :] break
catch {package require tls; http::register https 443 [list tls::socket -cafile $env(SSL_CERT_FILE)]}
http::config -proxyhost $host -proxyport $port
set answer [http::geturl $url -timeout 20000 -headers [list Proxy-Authorization "Basic $auth"]]
puts "[http::code $answer] [http::error $answer]"
puts [http::data $answer]
"""


def _java(kind: str) -> Callable[[Task], list[str]]:
    """Basic for tunnels is off by default."""

    def command(task: Task) -> list[str]:
        store = Path(task.folder, "trusted.p12")
        ca = PKCS12Certificate(load_pem_x509_certificate(Path(authority().file).read_bytes()), b"ca")
        store.write_bytes(serialize_java_truststore([ca], BestAvailableEncryption(b"changeit")))
        settings = {"jdk.http.auth.tunneling.disabledSchemes": "", "javax.net.ssl.trustStore": str(store)}
        settings |= {"javax.net.ssl.trustStorePassword": "changeit"}
        given = [f"-D{name}={value}" for name, value in settings.items()]
        file = task.file("Fetch.java", _JAVA)
        return [
            "java",
            "-XX:TieredStopAtLevel=1",
            *given,
            file,
            kind,
            task.url,
            *task.address,
            task.username,
            task.password,
        ]

    return command


def _named(task: Task) -> str:
    """The page's URL for programs that know no address in a certificate."""
    return task.url.replace("127.0.0.1", "localhost")


def _svn(task: Task) -> list[str]:
    url = _named(task).replace("/echo", "/repository")
    host, port = task.address
    options = {"http-proxy-host": host, "http-proxy-port": port, "http-proxy-username": task.username}
    options |= {"http-proxy-password": task.password, "ssl-authority-files": authority().file}
    given = (word for name, value in options.items() for word in ("--config-option", f"servers:global:{name}={value}"))
    return ["svn", "info", "--non-interactive", *given, url]


def _elinks(task: Task) -> list[str]:
    named = {"http.proxy.host": task.proxy, "https.proxy.host": task.proxy}
    named |= {"http.proxy.user": task.username, "http.proxy.passwd": task.password}
    lines = [
        "set connection.ssl.cert_verify = 0",
        *(f'set protocol.{name} = "{value}"' for name, value in named.items()),
    ]
    task.file("elinks.conf", "\n".join(lines) + "\n")
    return ["elinks", "-config-dir", task.folder, "-source", "1", task.url]


def _wget(task: Task) -> list[str]:
    return ["wget", "-O-", "--tries=1", "--timeout=60", f"--ca-certificate={authority().file}", task.url]


def _wget_user(task: Task) -> list[str]:
    return [*_wget(task)[:-1], f"--proxy-user={task.username}", f"--proxy-password={task.password}", task.url]


PROGRAMS: dict[str, Program] = {
    "curl, by its option": Program(
        "curl", lambda t: ["curl", "-sS", "-i", "-x", f"http://{t.proxy}", "-U", t.raw, "--cacert", authority().file, t.url],
        refusal="407",
    ),
    "curl, from the environment": Program(
        "curl", lambda t: ["curl", "-sS", "-i", "--cacert", authority().file, t.url], environment=by_environment,
        refusal="407",
    ),
    "curl --proxy-anyauth": Program(
        "curl",
        lambda t: ["curl", "-sS", "-i", "--proxy-anyauth", "-x", f"http://{t.proxy}", "-U", t.raw, "--cacert",
                   authority().file, t.url],
        refusal="407",
    ),
    "wget, from the environment": Program("wget", _wget, environment=by_environment),
    "wget, by its options": Program(
        "wget", _wget_user,
        environment=lambda t: {"http_proxy": f"http://{t.proxy}", "https_proxy": f"http://{t.proxy}"},
    ),
    "aria2c": Program(
        "aria2c",
        lambda t: ["/bin/sh", "-c", 'aria2c --no-conf -m1 -o got "--all-proxy=$1" "--ca-certificate=$2" "$3" && cat got', "-",
                   t.link, authority().file, t.url],
        silent=("https",),
    ),
    "axel": Program(
        "axel", lambda t: ["/bin/sh", "-c", 'axel -n1 -o got "$1" && cat got', "-", t.url], ("http",),
        lambda t: {"http_proxy": t.link},
    ),
    "lftp": Program("lftp", _lftp, environment=lambda t: {"http_proxy": t.link, "https_proxy": t.link}),
    # Within TLS these two wait for the end of the connection, whatever the length.
    "w3m": Program(
        "w3m", lambda t: ["w3m", "-o", f"ssl_ca_file={authority().file}", "-dump_source", _named(t)], ("http",),
        by_environment,
        refusal="Wrong username|Authorization required",
    ),
    "lynx": Program(
        "lynx", lambda t: ["lynx", f"-pauth={t.raw}", "-source", _named(t)], ("http",),
        lambda t: {**by_environment(t), "http_proxy": f"http://{t.proxy}", "https_proxy": f"http://{t.proxy}"},
        refusal="407|proxy authorization|invalid credentials",
    ),
    "links2": Program(
        "links2", lambda t: ["links2", "-http-proxy", f"{t.raw}@{t.proxy}", "-https-proxy", f"{t.raw}@{t.proxy}",
                             "-ssl.certificates", "0", "-source", t.url], silent=("https",),
    ),
    "elinks": Program("elinks", _elinks, silent=("https",)),
    "LWP": Program(
        "lwp-request",
        lambda t: ["perl", "-MLWP::UserAgent", "-e",
                   "my $u = LWP::UserAgent->new(ssl_opts => {SSL_ca_file => $ARGV[2]});"
                   "$u->proxy(['http', 'https'], $ARGV[1]); my $a = $u->get($ARGV[0]);"
                   "print $a->status_line, $a->decoded_content;", t.url, t.link, authority().file],
    ),
    "Ruby's Net::HTTP": Program(
        "ruby", lambda t: ["ruby", "-e", _RUBY, t.url, t.proxy, t.username, t.password], environment=by_environment,
    ),
    "Ruby's open-uri": Program(
        "ruby", lambda t: ["ruby", "-e", _OPEN_URI, t.url, t.proxy, t.username, t.password], environment=by_environment,
    ),
    "PHP's streams": Program("php", _php, silent=("https",)),
    "Node's http": Program(
        "node", lambda t: ["node", "-e", _NODE, t.url, t.proxy, basic(t)], environment=by_environment,
    ),
    "Java's HttpURLConnection": Program("javac", _java("HTTP"), refusal="407|redirected too many times"),
    "Java's HttpClient": Program("javac", _java("client"), refusal="407|too many authentication attempts"),
    "Java by SOCKS5": Program("javac", _java("SOCKS"), ("http",), refusal="authentication failed"),
    "Go's net/http": Program(
        # It asks no proxy for 127.0.0.1 and localhost, and takes this one for another name.
        "go", lambda t: ["go", "run", t.file("fetch.go", _GO), t.url.replace("127.0.0.1", "localhost.")], ("http",),
        environment=lambda t: {**by_environment(t), "GOCACHE": of_this_run("go-cache"), "GOFLAGS": "-mod=mod",
                               "GO111MODULE": "off"},
    ),
    "Tcl's http": Program(
        "tclsh", lambda t: ["tclsh", t.file("fetch.tcl", _TCL), t.url, t.proxy, basic(t)], ("http",), by_environment,
    ),
    "svn": Program("svn", _svn, refusal="Proxy authentication failed", shows=False),
    "git": Program(
        "git",
        lambda t: ["git", "-c", f"http.proxy={t.link}", "ls-remote", t.url.replace("/echo", "/repository")],
        environment=lambda t: {"GIT_SSL_CAINFO": authority().file}, shows=False,
    ),
    "apt-helper": Program(
        "/usr/lib/apt/apt-helper",
        lambda t: ["/bin/sh", "-c", '/usr/lib/apt/apt-helper -o "Acquire::http::Proxy=$1" -o "Acquire::https::Proxy=$1"'
                   ' -o "Acquire::https::CAInfo=$2" -o APT::Sandbox::User= -o Acquire::Retries=0'
                   ' download-file "$3" got && cat got', "-", t.link, authority().file, t.url],
    ),
    "ffmpeg": Program(
        "ffmpeg", lambda t: ["ffmpeg", "-nostdin", "-http_proxy", t.link, "-f", "u8", "-ar", "8000", "-ac", "1", "-i",
                             t.url, "-f", "u8", "-"], ("http",),
    ),
    "socat": Program(
        "socat", lambda t: ["socat", "-t5", "-", f"PROXY:{t.address[0]}:{t.origin},proxyport={t.address[1]},proxyauth="
                            + t.raw.replace(":", "\\:")], ("http",), talks=True,
    ),
    "ncat": Program(
        "ncat", lambda t: ["ncat", "--proxy", t.proxy, "--proxy-type", "http", "--proxy-auth", t.raw,
                           *t.origin.split(":")], ("http",), talks=True,
    ),
    "proxytunnel": Program(
        "proxytunnel", lambda t: ["proxytunnel", "-v", "-p", t.proxy, "-P", t.raw, "-d", t.origin], ("http",), talks=True,
    ),
    "corkscrew": Program("corkscrew", _ssh_like, ("http",), talks=True),
    "connect-proxy": Program(
        "connect-proxy", lambda t: ["connect-proxy", "-d", "-H", f"{t.username}@{t.proxy}", *t.origin.split(":")],
        ("http",), lambda t: {"HTTP_PROXY_PASSWORD": t.password}, talks=True,
    ),
    "openssl s_client": Program(
        "openssl", lambda t: ["openssl", "s_client", "-quiet", "-no_ign_eof", "-proxy", t.proxy, "-proxy_user", t.username,
                              "-proxy_pass", f"pass:{t.password}", "-connect", t.origin], ("https",), talks=True,
    ),
    "curl by SOCKS5": Program(
        "curl", lambda t: ["curl", "-sS", "-x", f"socks5h://{t.proxy}", "-U", t.raw, "--cacert", authority().file, t.url],
        refusal="User was rejected|97|rejected",
    ),
}  # fmt: skip


def missing(program: Program) -> bool:
    return which(program.needs) is None


def run(program: Program, url: str, proxy: str, username: str, password: str) -> Said:
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        return program.run(Task(url, proxy, username, password, folder))
