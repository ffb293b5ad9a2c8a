"""64 MiB that look random and are always the same; ?length sends a Content-Length."""

import random

MEBIBYTES = 64


def app(environ, start_response):
    fields = [("Content-Type", "application/octet-stream")]
    if environ["QUERY_STRING"] == "length":
        fields.append(("Content-Length", str(MEBIBYTES << 20)))
    start_response("200 OK", fields)
    source = random.Random(1)
    return (source.randbytes(1 << 20) for _ in range(MEBIBYTES))
