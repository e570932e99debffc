"""Everything is waited for by condition, with a deadline."""

import time


class Failed(AssertionError):
    """A test's expectation that was not met, with what was seen instead."""


class NotYet(Exception):
    """What a condition still lacks, in words."""


def check(condition, text):
    """Fails with `text` unless the condition holds."""
    if not condition:
        raise Failed(text)


def wait_until(what, condition, seconds, every=0.5):
    """Returns the condition's first true value; fails after `seconds`, saying what was lacking last."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = condition()
            if value:
                return value
            lacking = repr(value)
        except NotYet as missing:
            lacking = str(missing)
        if time.monotonic() >= deadline:
            raise Failed(f"{what}: not within {seconds} s; last seen: {lacking[:600]}")
        time.sleep(every)
