"""Reads in small pieces; answers with the SHA-256 of the content and its peak memory in KiB."""

from hashlib import sha256


def app(environ, start_response):
    digest = sha256()
    while piece := environ["wsgi.input"].read(400):
        digest.update(piece)
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{digest.hexdigest()} {peak}\n".encode()]
