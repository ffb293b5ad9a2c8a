"""Its first import starts a child, writes both pids to the fifo "begun" and waits for the fifo
"end"."""

import os
import subprocess

from holds import app  # noqa: F401

fifos = os.environ["FIFOS"]
try:
    os.mkdir(fifos + "/was imported")
except FileExistsError:
    pass
else:
    child = subprocess.Popen(["sleep", "3600"])
    with open(fifos + "/begun", "w") as begun:
        print(os.getpid(), child.pid, file=begun)
    with open(fifos + "/end") as end:
        end.read()
