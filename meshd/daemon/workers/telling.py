"""A worker's log, which is its daemon's: events go there as text, and are told there as the worker's."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, eventAsText
from zope.interface import implementer

from meshd.daemon.workers.channel import Channel
from meshd.daemon.workers.messages import Word, said

UNTOLD = 512 * 1024
"""Bytes that may wait for the daemon; further events are lost, and counted, until it has taken some."""

LONGEST = 64 * 1024
"""Most characters of one event."""

TOLD = (LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)


@implementer(ILogObserver)
class Relay:
    """Observes a worker's events."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lost = 0

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if level not in TOLD:
            return
        if self._channel.waiting > UNTOLD:
            self._lost += 1
            return
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)[:LONGEST]
        namespace = str(event.get("log_namespace", ""))[:200]
        self._channel.send(said("log", level=level.name, namespace=namespace, text=text, lost=self._lost))
        self._lost = 0


def tell(number: int, word: Word) -> None:
    """In the daemon: log what a worker's log says."""
    level = next((each for each in TOLD if each.name == word.get("level")), LogLevel.info)
    log = Logger(namespace=str(word.get("namespace") or "meshd"))
    log.emit(level, "worker {worker}: {text}", worker=number, text=str(word.get("text")))
    if word.get("lost"):
        log.warn("worker {worker}: {lost} lines of its log are lost", worker=number, lost=str(word["lost"]))
