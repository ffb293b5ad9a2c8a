"""Leaves the work to a thread that the import started."""

import queue
import threading

questions, answers = queue.Queue(), queue.Queue()


def work():
    while True:
        answers.put(questions.get() + ", answered in " + threading.current_thread().name)


thread = threading.Thread(target=work, name="the background", daemon=True)
thread.start()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if not thread.is_alive():
        return [b"the thread is gone\n"]
    questions.put("asked")
    return [f"{answers.get(timeout=60)}\n".encode()]
