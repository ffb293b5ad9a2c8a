"""Reads the fifo "import", if there is one, at its import, and fails if it says "broken"."""

import os

fifo = os.environ["FIFOS"] + "/import"
if os.path.exists(fifo):
    with open(fifo, encoding="ascii") as file:
        if "broken" in file.read():
            raise RuntimeError("told to be broken")

from hello import app  # noqa: E402, F401
