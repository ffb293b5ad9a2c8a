"""Shows which signals are blocked in a hook for forked children and in a request."""

import os
import signal


def blocked():
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


os.register_at_fork(after_in_child=lambda: in_hook.update(blocked()))
in_hook = set()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{in_hook} {blocked()}\n".encode()]
