"""Hangs while it is imported."""

import time


def wait():
    time.sleep(3600)


wait()
