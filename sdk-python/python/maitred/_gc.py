"""The preset for garbage collection: kept out of requests, done out of band.

Python's collector runs whenever enough objects were made, which is in the middle of some request.
On a large heap a full collection takes hundreds of milliseconds, and that request has to wait for
it. Here what was there when the app had been loaded is set aside for good (`gc.freeze`), the
collector no longer runs by itself, and full collections are done while the core sends this
process no requests.
"""

from __future__ import annotations

import gc
import os
import sys
import threading

from maitred import _hooks, _oob, _state

__all__ = ["booted", "oob_gc"]

EVERY = 1000
"""Requests after which a collection is asked for. Reference counts free most objects at once;
what is left to the collector is cycles, and a thousand requests make few megabytes of them."""

GROWTH_MAX = 256 * 1024 * 1024
"""Bytes that the process may grow since its last collection before one is done at once, within a
slot. A few times what `EVERY` requests of ordinary apps leave behind: it is for the case that the
core cannot spare this process."""

LOOKS = 10
"""How often memory is looked at between two asks."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class _Preset:
    """The rule, once it is on."""

    def __init__(self, every: int, growth_max: int) -> None:
        self.step = max(1, every // LOOKS)
        self.steps = -(-every // self.step)
        self.growth_max = growth_max
        self.steps_gone = 0
        self.floor = 0
        self.lock = threading.Lock()

    def boot(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()
        self.floor = _resident()

    def tick(self) -> None:
        """Called after the response of every `step`-th request, while its slot is taken."""
        with self.lock:
            self.steps_gone += 1
            asks = self.steps_gone >= self.steps
            if asks:
                self.steps_gone = 0
            grown = _resident() - self.floor
            if grown > self.growth_max:
                self.collect()
                print(
                    f"maitred: memory grew by {grown >> 20} MiB since the last collection, "
                    "so this one is not out of band",
                    file=sys.stderr,
                )
                return
        if asks:
            _oob.request_oob("gc", f"{self.steps * self.step} requests")

    def collect(self) -> None:
        gc.collect()
        self.floor = _resident()

    def on_oob(self, _event: _oob.OobEvent) -> None:
        with self.lock:
            self.steps_gone = 0
            self.collect()


_preset: _Preset | None = None


def oob_gc(every: int = EVERY, *, growth_max: int = GROWTH_MAX) -> bool:
    """Keeps garbage collection out of requests. Call it while the app is loaded.

    When the app has been loaded, what is there is frozen and automatic collection is switched
    off. After `every` requests a full collection is asked for, and done when the core has taken
    this process out of band. A safety valve stays: when the process has grown by more than
    `growth_max` since its last collection, one is done at once, after a response.

    Args:
        every: Requests between two collections, at least 1.
        growth_max: Bytes of growth that open the safety valve, at least 1.

    Returns:
        Whether it is on. Outside of maitred, and in a process that serves already, nothing is
        changed.

    Raises:
        ValueError: If `every` or `growth_max` are less than 1.
    """
    global _preset
    if every < 1 or growth_max < 1:
        raise ValueError("every and growth_max must be at least 1")
    if _preset is not None:
        return True
    if not _state.is_starting():
        return False
    from maitred import _native

    preset = _Preset(every, growth_max)
    if not _native.pace(preset.step, preset.tick):
        return False
    _preset = preset
    _oob.on_oob("gc")(preset.on_oob)
    return True


def booted() -> None:
    """The app has been loaded, and no request has come."""
    if _preset is not None:
        try:
            _preset.boot()
        except Exception as error:
            _hooks.tell(error, "oob")


def _resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[1]) * _PAGE
