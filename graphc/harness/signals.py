"""Signals that ask a run to end: Ctrl-C, and those of a system that shuts down."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Generator
from typing import Any

from .ranks import end_if_alone, ranks

# --- imports above, copied into emitted programs below ---

# if whole
# Signals ------------------------------------------------------------------------------


class Interrupts:
    """The first signal raises `KeyboardInterrupt`, and only where that is allowed.

    So what puts parameters back, or writes them, is never cut short.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.raises = False

    def handle(self, number: int, frame: Any) -> None:
        """Note the first signal, and raise if it may."""
        first = not self.signal
        self.signal = self.signal or number
        if first and self.raises:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def allowed(self) -> Generator[None]:
        """Let the first signal raise inside a block."""
        # if mpi
        if ranks() is not None:
            yield  # Ranks end after the same step, see `share_gradients`.
            return
        # end
        try:
            self.raises = True
            if self.signal:
                raise KeyboardInterrupt
            yield
        finally:
            self.raises = False


INTERRUPTS = Interrupts()


@contextlib.contextmanager
def catch_signals() -> Generator[Interrupts]:
    """Take over Ctrl-C, SIGTERM and SIGHUP for a block, as far as no one else has.

    After SIGTERM or SIGHUP the process ends with the block, with status 143 or 129.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Interrupts()  # No signal comes here.
        return
    # Ctrl-C is put back last, because what follows it is no longer safe from it.
    usual: dict[int, Any] = {
        getattr(signal, "SIGHUP", signal.SIGTERM): signal.SIG_DFL,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGINT: signal.default_int_handler,
    }
    current = {number: signal.getsignal(number) for number in usual}
    taken = [number for number in usual if current[number] == usual[number]]
    inner = INTERRUPTS.handle in current.values()
    before, INTERRUPTS.raises = INTERRUPTS.raises, False
    if not inner:
        INTERRUPTS.signal = 0
    try:
        for number in taken:
            signal.signal(number, INTERRUPTS.handle)
        yield INTERRUPTS
    except KeyboardInterrupt:
        if inner or INTERRUPTS.signal in (0, signal.SIGINT):
            raise
    finally:
        INTERRUPTS.raises = before
        for number in taken:
            signal.signal(number, usual[number])
    if not inner and INTERRUPTS.signal not in (0, signal.SIGINT):
        raise SystemExit(128 + INTERRUPTS.signal)


def run_interruptibly(work: Callable[[], None], finish: Callable[[], None]) -> bool:
    """Call `work`, which a signal ends, then `finish`, which none cuts short.

    Returns whether there was a signal.
    """
    with catch_signals() as interrupts:
        try:
            with interrupts.allowed():
                work()
        except KeyboardInterrupt:
            interrupts.signal = interrupts.signal or signal.SIGINT
        # if mpi
        except BaseException:
            end_if_alone()
            raise
        # end
        finally:
            finish()
    return interrupts.signal != 0


# end
