"""The packages as strangers install them: built by the script, in a bare Debian without a network, and taken out again.

It wants root, and takes minutes: `tools/package` fetches wheels, mmdebstrap a Debian.  What runs there has loopback and
nothing else.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.booted import Booted
from tests.support.containerfile import Builder, Image
from tests.support.daemon import clean_environment, until
from tests.support.debian import BareDebian, why_not
from tests.support.manual import ROOT, examples, matches
from tests.support.shell import Examples, Shell
from tools.packaging import tree

PYTHON = "/usr/bin/python3"
BUILT = os.environ.get("PACKAGES", "")
"""A folder that `tools/package` has built into, so that it need not again."""
BUILDING = 600.0
STARTING = 60.0
STOPPING = 45.0
LOG = "/var/log/meshd.out"
SETTINGS = {"etc/meshd.toml", "etc/logrotate.d/meshd"}
ENABLED = {
    "etc/systemd/system/multi-user.target.wants/meshd.service",
    "var/lib/systemd/deb-systemd-helper-enabled/meshd.service.dsh-also",
    "var/lib/systemd/deb-systemd-helper-enabled/multi-user.target.wants/meshd.service",
}
"""That the operator wants it at boot, which Debian remembers until a purge, of every service."""
BOOKS = {f"etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow")} | {"var/lib/logrotate/status"}
"""What adduser and logrotate write for themselves."""


def why_not_built() -> str:
    """Why no package can be built on this machine; "" where one can."""
    if reason := why_not():
        return reason
    if shutil.which("dh") is None:
        return "there is no debhelper on this machine"
    if subprocess.run([PYTHON, "-c", "import ensurepip, venv"], check=False, capture_output=True).returncode:
        return f"{PYTHON} makes no environments: there is no python3-venv on this machine"
    asked = subprocess.run([PYTHON, "-c", "import sys; print(*sys.version_info[:2])"], check=False, capture_output=True)
    return "" if asked.stdout == b"3 11\n" else f"{PYTHON} is not that of Debian 12"


UNIT = """
main() { systemctl show -p MainPID --value meshd; }
property() { systemctl show -p "$1" --value meshd; }
ask() {
  curl -s -m 60 -o /dev/null -w '%{http_code}\\n' -x http://127.0.0.1:31280 \\
    -U "alice:$(sed -n 's/.*password *//p' /srv/said)" http://meshd.internal/
}
changed() {
  for _ in $(seq 600); do
    [ "$(main)" != "$1" ] && [ "$(main)" != 0 ] && systemctl -q is-active meshd && return
    sleep 0.1
  done
  false
}
true"""
"""Who is the unit's main process, what a customer is answered, and waiting until another process serves."""

HANDED_IN = """
printf 'of the mail server' >/srv/secret
mkdir /run/systemd/system/meshd.service.d
printf '[Service]\\nWatchdogSec=5\\nLoadCredential=mail:/srv/secret\\n' >/run/systemd/system/meshd.service.d/more.conf
cat >>/etc/meshd.toml <<'END'
[mail]
smtp = "smtp.example:587"
tls = "required"
from = "meshd@example.com"
user = "meshd"
password_file = "$CREDENTIALS_DIRECTORY/mail"
END
systemctl daemon-reload"""
"""A shorter time for the watchdog, and a secret."""


class Built(SynchronousTestCase):
    """What all of them need, made once."""

    dist: Path
    bare: BareDebian
    """A Debian with nothing but its essential packages."""

    @classmethod
    def setUpClass(cls) -> None:
        if reason := why_not_built():
            raise unittest.SkipTest(reason)
        cls.bare = BareDebian(cls)
        cls.dist = Path(tempfile.mkdtemp(prefix="meshd-dist-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.dist, ignore_errors=True)
        if BUILT:
            shutil.copytree(BUILT, cls.dist, dirs_exist_ok=True)
            return
        environ = {**clean_environment(), "PYTHON": PYTHON}
        environ.pop("PYTHONPATH", None)
        done = subprocess.run(
            [ROOT / "tools/package", cls.dist],
            env=environ, capture_output=True, text=True, timeout=BUILDING, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]


class PackageTests(Built):
    """By dpkg and by pip."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.ready = BareDebian(cls, like=cls.bare)
        cls.ready.install("adduser", "python3-venv", "curl", "logrotate")

    def test_the_debian_package(self) -> None:
        """Installed, the README's hour, its logs rotated, installed again, removed, purged."""
        system = BareDebian(self, like=self.ready)
        (package,) = self.dist.glob("meshd_*.deb")
        shutil.copy(package, system.root / "tmp" / "meshd.deb")
        before = system.files()
        shell = system.shell()
        self._must(shell, "dpkg -i /tmp/meshd.deb")
        self._must(shell, "dpkg --verify meshd")
        self.assertEqual(self._must(shell, "stat -c '%U:%G %a' /etc/meshd.toml /var/lib/meshd"),
                         "root:meshd 640\nmeshd:meshd 700\n")  # fmt: skip
        self._begin_unit(shell, system)
        self._follow_readme(shell)
        self._rotate(shell, system)
        self._must(shell, "echo '# mine' >>/etc/meshd.toml && dpkg -i /tmp/meshd.deb")
        self.assertIn("# mine", (system.root / "etc/meshd.toml").read_text())
        self._must(shell, "kill $PID && wait $PID")

        data = {f"var/lib/meshd/{name}" for name in os.listdir(system.root / "var/lib/meshd")} | {"var/lib/meshd"}
        self._must(shell, "dpkg -r meshd")
        self.assertEqual(self._more(system, before, data), SETTINGS | ENABLED)
        self._must(shell, "dpkg -P meshd")
        self.assertEqual(self._more(system, before, data), set())
        self._must(shell, "getent passwd meshd")  # whose the data is
        self._must(shell, "dpkg -i /tmp/meshd.deb && rm -rf /var/lib/meshd && dpkg -P meshd")
        self.assertEqual(self._more(system, before, set()), set())
        self.assertIn("status 2", shell.run("getent passwd meshd || echo status $?"))

    def test_the_unit(self) -> None:
        """Under systemd itself: no restart and no crash refuses anybody, what hangs is replaced."""
        system = BareDebian(self, like=self.ready)
        system.install("systemd-sysv", "dbus")
        (package,) = self.dist.glob("meshd_*.deb")
        shutil.copy(package, system.root / "srv" / "meshd.deb")
        shell = Booted(self, system).shell()
        self._must(shell, "dpkg -i /srv/meshd.deb && systemctl start meshd")
        self._must(shell, UNIT)
        self.assertEqual(
            self._must(shell, "meshd account create alice --generate >/srv/said 2>/dev/null && ask").strip(), "200"
        )
        shell.run("while [ ! -e /srv/stop ]; do ask; sleep 0.1; done >/srv/asked 2>&1 & LOOP=$!")
        first = self._must(shell, "main")
        self._must(shell, "systemctl reload meshd")
        self.assertEqual(self._must(shell, "main"), first)
        for change in ("systemctl restart meshd", "kill -KILL $(main)", "meshd restart"):
            before = self._must(shell, "main")
            self._must(shell, f"{change} && changed {before.strip()}")
        self.assertEqual(self._must(shell, "property NFileDescriptorStore").strip(), "2")
        self.assertIn(
            "status 1", shell.run("echo 'nonsense = 1' >>/etc/meshd.toml; systemctl reload meshd || echo status $?")
        )
        self._must(shell, "sed -i '$d' /etc/meshd.toml && touch /srv/stop && wait $LOOP")
        self.assertEqual(set(self._must(shell, "cat /srv/asked").split()), {"200"})

        self._must(shell, HANDED_IN)
        before = self._must(shell, "systemctl restart meshd && main")
        self.assertIn("ready  yes", self._must(shell, "meshd ready"))
        self._must(shell, f"kill -STOP {before.strip()} && changed {before.strip()} && ask")
        self.assertIn("Watchdog timeout", self._must(shell, "journalctl --no-pager -u meshd"))
        self.assertRegex(self._must(shell, "systemd-analyze security --no-pager meshd | tail -1"), "[01][.][0-9] OK")
        self.assertEqual(self._must(shell, "systemctl stop meshd && property NFileDescriptorStore").strip(), "0")

    def test_lintian_finds_no_error(self) -> None:
        """What is overridden has its reason beside it (contrib/debian/meshd.lintian-overrides)."""
        if shutil.which("lintian") is None:
            raise unittest.SkipTest("there is no lintian on this machine")
        (package,) = self.dist.glob("meshd_*.deb")
        done = subprocess.run(["lintian", "--fail-on", "error", package], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_building_again_gives_the_same(self) -> None:
        """From the same wheels, to the byte, in another folder."""
        if not os.environ.get("FULL"):
            raise unittest.SkipTest("FULL=1 builds the package twice")
        again = Path(tempfile.mkdtemp(prefix="meshd-again-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, again)
        shutil.copytree(self.dist / "wheelhouse", again / "wheelhouse")
        environ = {**clean_environment(), "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", "tools.packaging", "--out", again], env=environ, check=True)
        for folder in (self.dist, again):
            self.assertEqual(len(list(folder.glob("meshd_*.deb"))), 1)
        (first,), (second,) = self.dist.glob("meshd_*.deb"), again.glob("meshd_*.deb")
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_the_wheels(self) -> None:
        """From a folder alone, into an environment of the README's kind."""
        system = BareDebian(self, like=self.ready)
        shutil.copytree(self.dist / "wheelhouse", system.root / "tmp" / "wheelhouse")
        before = system.files()
        shell = system.shell()
        self._must(shell, "python3 -m venv /opt/meshd")
        self._must(shell, "/opt/meshd/bin/pip install -q --no-index --find-links /tmp/wheelhouse 'meshd[postgres]'")
        self._must(shell, "/opt/meshd/bin/pip check && /opt/meshd/bin/python -m meshd.daemon.plugincache")
        self._must(shell, "mkdir /srv/meshd && export MESHD_DATA_DIR=/srv/meshd/meshd-data PATH=/opt/meshd/bin:$PATH")
        shell.run(f"twistd --nodaemon meshd >{LOG} 2>&1 & PID=$!")
        self._await(system)
        self._follow_readme(shell)
        self._must(shell, "kill $PID && wait $PID && rm -r /opt/meshd")
        left = self._more(system, before, set())
        self.assertEqual({path for path in left if not path.startswith("srv/meshd/meshd-data")}, {"srv/meshd"})

    def _begin_unit(self, shell: Examples, system: BareDebian) -> None:
        """Do what systemd would by the unit that was installed."""
        unit = configparser.ConfigParser(interpolation=None, strict=False)
        unit.read(system.root / "lib/systemd/system/meshd.service")
        service = unit["Service"]
        user = service["User"]
        self._must(shell, f"install -d -o {user} -g {user} -m 0700 /run/meshd")
        begin = f"setpriv --reuid={user} --regid={user} --init-groups env -C / RUNTIME_DIRECTORY=/run/meshd"
        shell.run(f"{begin} {service['ExecStart']} >{LOG} 2>&1 & PID=$!")
        self._await(system)
        self.assertIn("ready  yes", self._must(shell, "meshd ready"))
        self._must(shell, service["ExecReload"])

    def _await(self, system: BareDebian) -> None:
        """Until the daemon listens."""
        log = system.root / LOG.lstrip("/")
        until(lambda: log.exists() and "API on" in log.read_text(), "the daemon's start", STARTING)

    def _follow_readme(self, shell: Examples) -> None:
        """The first hour, example after example, and the line that the start has printed."""
        line = self._must(shell, f"grep -h '^try it: ' {LOG}").removeprefix("try it: ").strip()
        self.assertIn('"account": "admin"', shell.run(line.replace("curl", "curl -s", 1)))
        shell.run("cd /root")
        for example in examples((ROOT / "README.md").read_text()):
            printed = shell.run(example.commands)
            self.assertTrue(matches(example.output, printed), f"{example.commands}\nprinted:\n{printed}")

    def _rotate(self, shell: Examples, system: BareDebian) -> None:
        """What comes after it stands in a new file."""
        self._must(shell, "logrotate --force /etc/logrotate.d/meshd")
        folder = system.root / "var/lib/meshd"
        old = (folder / "exchanges.log.1").read_text()
        self.assertIn('"alice"', old)
        self._must(shell, "curl -s -x http://127.0.0.1:31280 -U 'alice:correct horse' http://meshd.internal/")
        until(lambda: '"alice"' in (folder / "exchanges.log").read_text(), "a line in the new log")
        self.assertEqual((folder / "exchanges.log.1").read_text(), old)

    def _must(self, shell: Examples, command: str) -> str:
        """What a command prints that ends well."""
        printed = shell.run(f"{command} && printf 'well done\\n'", patience=240)
        self.assertTrue(printed.rstrip().endswith("well done"), f"{command}\nprinted:\n{printed}")
        return printed.rstrip().removesuffix("well done")

    def _more(self, system: BareDebian, before: set[str], data: set[str]) -> set[str]:
        """What is there now and was not, beside the data."""
        now = system.files()
        self.assertEqual(before - now, set())
        self.assertEqual(data - now, set())
        return {path for path in now - before - BOOKS if not any(f"{path}/".startswith(f"{each}/") for each in data)}


class ContainerTests(Built):
    """The Containerfile, line by line."""

    def test_the_container(self) -> None:
        """Built; run as nobody with a root folder that nothing can be written to; healthy; stopped by its signal."""
        image = self._build()
        (volume,) = image.volumes
        daemon = self._begin(image, volume)
        self._outside(daemon, image)
        (child,) = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
        enter = ["nsenter", "-t", child, "-m", "-p", "-n", "/usr/sbin/chroot", f"--userspec={image.user}", "--groups="]
        inside = [*enter, str(image.system.root), "env", f"--chdir={image.folder}"]

        def ran(*command: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([*inside, *command], env=image.environ, check=False, capture_output=True, text=True)

        def run(*command: str) -> str:
            return ran(*command).stdout

        self.assertIn("ready  yes", run(*image.healthy))
        self.assertEqual(run("cat", "/proc/1/comm").strip(), "twistd")
        self.assertIn("Read-only", ran("touch", "/opt/meshd/x").stderr)
        password = run("meshd", "account", "create", "alice", "--generate").split()[-1]
        for port in image.ports:
            run("python", "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}), 60)")
        self.assertIn('"account": "alice"', run("python", "-c", ASK, password))
        os.kill(int(child), signal.Signals[image.stop_signal])
        self.assertEqual(daemon.process.wait(STOPPING), 0, "".join(daemon.lines))
        self.assertTrue((image.system.root / volume.lstrip("/") / "meshd.sqlite3").is_file())

    def _build(self) -> Image:
        context = Path(tempfile.mkdtemp(prefix="meshd-context-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, context)
        tree.copy(context)
        wheels = self.dist / "for-build"
        shutil.copytree(self.dist / "wheelhouse", wheels)
        subprocess.run([PYTHON, "-m", "venv", self.dist / "env"], check=True)
        pip = [self.dist / "env/bin/pip", "download", "-q", "--no-deps", "-d", wheels, "setuptools>=77"]
        subprocess.run(pip, check=True, capture_output=True)

        def base() -> BareDebian:
            system = BareDebian(self, like=self.bare)
            shutil.copytree(wheels, system.root / "var/cache/wheels")
            return system

        # pip is told by the environment where wheels are, as it would be told of an index elsewhere.
        builder = Builder(base, context, {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/var/cache/wheels"})
        return builder.build((ROOT / "contrib/container/Containerfile").read_text())

    def _begin(self, image: Image, volume: str) -> Shell:
        wrap = image.system.wrap(user=image.user, read_only=True, volume=volume)
        daemon = Shell([*wrap, "env", f"--chdir={image.folder}", *image.entry], Path("/"), image.environ)
        self.addCleanup(daemon.close)
        daemon.wait_for("API on", 0, STARTING)
        return daemon

    def _outside(self, daemon: Shell, image: Image) -> None:
        """What it says at the start is what it says anywhere: nothing of the place troubles it."""
        said = "".join(daemon.lines)
        self.assertNotRegex(said, r"(?i)warn|plugin cache|permission denied", said)
        self.assertTrue(re.search(r"root account: admin, password \S+", said), said)


ASK = """
import base64, http.client, sys
client = http.client.HTTPConnection("127.0.0.1", 31280, timeout=60)
mine = base64.b64encode(f"alice:{sys.argv[1]}".encode()).decode()
client.request("GET", "http://meshd.internal/", headers={"Proxy-Authorization": f"Basic {mine}"})
print(client.getresponse().read().decode())
"""
"""A request by the proxy: there is no curl in the image."""
