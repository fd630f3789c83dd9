"""What a list of many exits costs, in seconds of this process's time: `python bench/exitlist.py [LINES]`."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from meshd.config import Config, load, with_lists
from meshd.daemon.exitwatch import SWITCH
from meshd.exits.pools import Pools

T = TypeVar("T")

PROXIES = ("", 'country = ["US"]', 'country = ["GB"]', 'tag = ["fast"]', "", "")
"""Their rules."""


def line(number: int) -> str:
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    country, tags = ("US", "GB", "DE", "FR")[number % 4], ("fast", "dc,fast", "dc")[number % 3]
    return f"{address}:8080:user{number}:secret{number} country={country} tags={tags}\n"


def settings() -> str:
    rows = [f'[proxies.p{n}]\nlisten = ["tcp:0"]\nexits = {{ {rule} }}\n' for n, rule in enumerate(PROXIES)]
    return 'exits_from = ["bought.txt"]\n' + "".join(rows)


def measured(what: str, call: Callable[[], T]) -> T:
    begin = time.process_time()
    value = call()
    print(f"{what:<60} {time.process_time() - begin:6.2f} s")
    return value


def longest_wait(work: Callable[[], object]) -> float:
    """Seconds that another thread waits at most for the interpreter while work is done."""
    thread = threading.Thread(target=work)
    longest = 0.0
    thread.start()
    while thread.is_alive():
        begin = time.perf_counter()
        time.sleep(0.0001)  # lets go of the interpreter, as a system call does
        longest = max(longest, time.perf_counter() - begin)
    return longest


def taken_over(config: Config, before: Pools) -> None:
    """What a daemon does in its thread when a list has changed."""
    Pools(with_lists(config).topology, before).prepare()


def main(lines: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bought.txt").write_text("".join(map(line, range(lines))))
        (folder / "bought.txt").chmod(0o600)
        (folder / "meshd.toml").write_text(settings())
        config = measured(
            f"settings with a list of {lines} lines", partial(load, {"config": "meshd.toml"}, {}, cwd=folder)
        )
        pools = measured(f"pools of {len(PROXIES)} proxies", partial(Pools, config.topology))
        measured("all that choosing from them needs", pools.prepare)
        measured("the whole, when the list has changed", partial(taken_over, config, pools))
        gc.collect()  # from here on as in the daemon
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        usual = sys.getswitchinterval()
        for interval in (usual, SWITCH):
            sys.setswitchinterval(interval)
            longest = longest_wait(partial(taken_over, config, pools))
            print(
                f"{f'longest wait of another thread, switching at {interval * 1000:g} ms':<60} {longest * 1000:6.1f} ms"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
