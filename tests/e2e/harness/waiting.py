"""Waiting for something to become true, with a message that says what was seen last when it does not."""
import time
from typing import Callable, TypeVar

T = TypeVar("T")


class NotInTime(AssertionError):
    """The awaited thing did not happen before the deadline."""


def eventually(what: str, probe: Callable[[], T], seconds: float = 30, interval: float = 0.2) -> T:
    """Calls probe until it returns something true, and returns that. An assertion that fails inside counts as false."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            seen = probe()
            if seen:
                return seen
        except AssertionError as error:
            seen = error
        if time.monotonic() >= deadline:
            raise NotInTime(f"{what}: not within {seconds:g} s; last seen: {seen}")
        time.sleep(interval)


def stays(what: str, probe: Callable[[], T], seconds: float, interval: float = 0.5) -> None:
    """Fails as soon as probe returns something false within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = probe()
        assert seen, f"{what}: no longer so; seen: {seen}"
        time.sleep(interval)
