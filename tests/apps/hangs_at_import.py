"""Hangs during its import."""

import time


def wait():
    time.sleep(3600)


wait()
