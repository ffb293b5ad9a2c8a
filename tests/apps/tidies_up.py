"""Uses threads and a connection at import, but keeps only sockets that are not connected."""

import os
import socket
import threading

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.environ["FIFOS"] + "/peer")

unbound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener = socket.create_server(("127.0.0.1", 0))

# The last step, because the kernel may still show a thread after join() has returned.
threads = [threading.Thread(target=len, args=[""]) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
