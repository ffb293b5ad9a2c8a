"""Keeps connected datagram sockets made at import, as logging and metrics libraries do."""

import logging.handlers
import os
import socket

LOG = os.environ["FIFOS"] + "/log-socket"

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(LOG)
handler = logging.handlers.SysLogHandler(LOG)
statsd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
statsd.connect(("127.0.0.1", 8125))


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
