"""Reads at import what differs between sandboxes: devices, the kernel's files, /tmp. Answers
whether the process that serves has imported it."""

import os

with open("/dev/urandom", "rb") as device:
    device.read(4)
for path in "/proc/self/status", "/proc/cpuinfo", "/sys/devices/system/cpu/online":
    try:
        with open(path, encoding="utf-8") as file:
            file.read()
    except OSError:
        pass
os.listdir("/tmp")
importer = os.getpid()


def app(environ, start_response):
    status = "404 Not Found" if environ["PATH_INFO"] == "/missing" else "200 OK"
    start_response(status, [("Content-Type", "text/plain")])
    return [b"imported" if os.getpid() == importer else b"thawed"]
