"""Notes each import in the file "imports". Each but the first one waits for the fifo "held"."""

import os

FIFOS = os.environ["FIFOS"]

with open(f"{FIFOS}/imports", "a", encoding="ascii") as file:
    IS_FIRST = file.tell() == 0  # a look at the path would make the image depend on it
    file.write("imported\n")
if not IS_FIRST and os.path.exists(f"{FIFOS}/held"):
    with open(f"{FIFOS}/held", encoding="ascii") as fifo:
        fifo.read()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
