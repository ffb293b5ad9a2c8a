"""Keeps connections made at import: to the socket "peer" and to the port in the file "port"."""

import os
import socket

FIFOS = os.environ["FIFOS"]

local = socket.socket(socket.AF_UNIX)
local.connect(f"{FIFOS}/peer")
with open(f"{FIFOS}/port", encoding="ascii") as file:
    remote = socket.create_connection(("127.0.0.1", int(file.read())))


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
