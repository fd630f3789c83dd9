"""A bare Debian in a folder, to install into: made by mmdebstrap from where this machine's packages come from.

What runs there is in namespaces of its own, mounts and processes, and most often without any network but loopback; all
of it ends with the shell that it was begun by.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.daemon import at_end_of
from tests.support.shell import Examples

SUITE = "bookworm"
MAKING = 300.0
INSTALLING = 240.0

NEEDED = ("mmdebstrap", "unshare", "ip", "chroot")

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}

SYSTEM = ("proc", "sys", "dev", "tmp", "run", "var/cache", "var/log", "var/lib/apt", "var/lib/dpkg", "root")
"""Folders whose files are not looked at: the kernel's, what is thrown away, and dpkg's own books."""


def why_not() -> str:
    """Why none can be made here; "" where one can."""
    if os.geteuid() != 0:
        return "only root changes its root folder"
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    for program in NEEDED:
        if shutil.which(program, path=path) is None:
            return f"there is no {program} on this machine"
    if subprocess.run(["unshare", "-mpnf", "true"], check=False, capture_output=True).returncode:
        return "this machine makes no namespaces"
    return ""


class BareDebian:
    """Stands from the constructor on, gone with the test or class that owns it."""

    def __init__(self, owner: Any, like: BareDebian | None = None) -> None:
        """like: one of which this is a copy; None: made anew, of what every Debian has and nothing else."""
        self.root = Path(tempfile.mkdtemp(prefix="meshd-debian-", dir="/tmp"))
        self._owner = owner
        at_end_of(owner, lambda: shutil.rmtree(self.root, ignore_errors=True))
        if like is None:
            _run(["mmdebstrap", "--quiet", "--variant=minbase", SUITE, str(self.root)], MAKING)
            shutil.copy("/etc/resolv.conf", self.root / "etc" / "resolv.conf")
        else:
            _run(["cp", "-a", f"{like.root}/.", str(self.root)], MAKING)
        self.root.chmod(0o755)

    def wrap(self, *, network: bool = False, user: str = "", read_only: bool = False,
             volume: str = "") -> list[str]:  # fmt: skip
        """Words before a command that is to run there.

        user: UID:GID, whose only rights are its own.  read_only: nothing can
        be written but in the volume, a folder, and in /tmp, which is memory.
        """
        root = str(self.root)
        steps = [f"mount --rbind {root} {root}", f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev"]
        if not network:
            steps.append("PATH=$PATH:/usr/sbin:/sbin ip link set lo up")
        if volume:
            steps.append(f"mount --bind {root}{volume} {root}{volume}")
        if read_only:
            steps += [f"mount -o remount,bind,ro {root}", f"mount -t tmpfs tmpfs {root}/tmp"]
        steps.append(f'exec /usr/sbin/chroot {_as(user)}{root} "$@"')
        namespaces = "--mount --pid --fork --kill-child" + ("" if network else " --net")
        return ["unshare", *namespaces.split(), "sh", "-ec", "\n".join(steps), "sh"]

    def shell(self, *, environ: Mapping[str, str] = ENVIRONMENT, network: bool = False) -> Examples:
        """A shell in it, by default without a network; ended with all that it began."""
        shell = Examples(Path("/"), environ, wrap=self.wrap(network=network))
        at_end_of(self._owner, shell.close)
        return shell

    def run(self, command: str, *, environ: Mapping[str, str] = ENVIRONMENT, network: bool = False) -> str:
        """What a command prints that ends well.  AssertionError."""
        return _run([*self.wrap(network=network), "sh", "-ec", command], INSTALLING, environ)

    def install(self, *packages: str) -> None:
        """By apt, from where this machine's own come."""
        names = " ".join(packages)
        self.run(f"apt-get -qq update && apt-get -qq install -y --no-install-recommends {names}", network=True)

    def files(self) -> set[str]:
        """Every file, link and folder, as a path from its root, but for those of SYSTEM."""
        found: set[str] = set()
        for folder, folders, files in os.walk(self.root):
            inside = os.path.relpath(folder, self.root)
            folders[:] = [name for name in folders if os.path.normpath(f"{inside}/{name}") not in SYSTEM]
            found |= {os.path.normpath(f"{inside}/{name}") for name in (*folders, *files)}
        return found


def _as(user: str) -> str:
    return f"--userspec={user} --groups= " if user else ""


def _run(command: Sequence[str], patience: float, environ: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        env=None if environ is None else dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patience,
        check=False,
    )
    assert done.returncode == 0, f"{command[-1]}: status {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout
