"""Uses threads and a connection at import, but keeps only unconnected sockets."""

import os
import socket
import threading

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.environ["FIFOS"] + "/peer")

unbound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener = socket.create_server(("127.0.0.1", 0))

# Last, because threads may still be exiting in the kernel when join() returns.
threads = [threading.Thread(target=len, args=[""]) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
