"""The app of waits.py; its import waits for the fifo "import"."""

import os

from waits import FIFOS, app  # noqa: F401

with open(f"{FIFOS}/import", "rb"):
    pass
