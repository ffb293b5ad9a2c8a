"""Reads the fifo "import", if it exists, during its import; fails if that says "broken"."""

import os

fifo = os.environ["FIFOS"] + "/import"
if os.path.exists(fifo):
    with open(fifo, encoding="ascii") as file:
        if "broken" in file.read():
            raise RuntimeError("told to be broken")

from hello import app  # noqa: E402, F401
