"""Shows whether the garbage collector ignores objects of the import and of the first call."""

import gc
import os

of_import = [[]]
of_first_call = []
before_fork = []

os.register_at_fork(before=lambda: before_fork.append(gc.get_freeze_count()))


def is_collected(wanted):
    return any(item is wanted for item in gc.get_objects())


def app(environ, start_response):
    if not of_first_call:
        of_first_call.append([[]])
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield f"enabled: {gc.isenabled()}\n".encode()
    yield f"frozen before each fork: {all(before_fork) and len(before_fork) > 0}\n".encode()
    yield f"import: {is_collected(of_import)}\n".encode()
    yield f"first call: {is_collected(of_first_call[0])}\n".encode()
    of_this_call = [[]]
    yield f"this call: {is_collected(of_this_call)}\n".encode()
