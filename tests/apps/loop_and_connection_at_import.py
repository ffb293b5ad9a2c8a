"""Keeps an event loop, and a connection to the socket "peer", from its import."""

import os
import socket

from loop_at_import import app, loop

local = socket.socket(socket.AF_UNIX)
local.connect(os.environ["FIFOS"] + "/peer")
