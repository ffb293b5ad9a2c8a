"""Uses threads and a connection at import, but keeps only sockets that nobody is connected to."""

import os
import socket
import threading

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.environ["FIFOS"] + "/peer")

unbound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener = socket.create_server(("127.0.0.1", 0))

# The last thing it does: the kernel may not be through with all of them when join() returns.
threads = [threading.Thread(target=len, args=[""]) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
