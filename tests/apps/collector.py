"""Shows the state of the garbage collector during the import and in the request."""

import gc

at_import = gc.isenabled(), gc.get_freeze_count() > 0


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    now = gc.isenabled(), gc.get_freeze_count() > 0
    return [f"import: {at_import}\nrequest: {now}\n".encode()]
