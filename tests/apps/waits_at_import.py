"""The app of waits.py, whose import waits at the fifo "import"."""

import os

from waits import FIFOS, app  # noqa: F401

with open(f"{FIFOS}/import", "rb"):
    pass
