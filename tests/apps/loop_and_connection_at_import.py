"""Keeps an event loop and a connection to the socket "peer", both made at import."""

import os
import socket

from loop_at_import import app, loop

local = socket.socket(socket.AF_UNIX)
local.connect(os.environ["FIFOS"] + "/peer")
