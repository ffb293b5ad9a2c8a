"""Shows its own descriptors, and those of a child that inherits everything inheritable."""

import os
import subprocess


def app(environ, start_response):
    lines = []
    for fd in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            lines.append(f"app {fd} {os.readlink(f'/proc/self/fd/{fd}')}\n")
        except OSError:
            pass  # the one that listdir used
    show = 'for fd in /proc/self/fd/*; do echo "child ${fd##*/} $(readlink "$fd")"; done'
    child = subprocess.run(["sh", "-c", show], close_fds=False, stdout=subprocess.PIPE, check=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(lines).encode(), child.stdout]
