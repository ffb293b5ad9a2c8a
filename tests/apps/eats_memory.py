"""Takes all available memory for a request below /eat, and little otherwise."""

from hello import app as hello


def app(environ, start_response):
    if environ["PATH_INFO"] == "/eat":
        eaten = []
        while True:
            eaten.append(b"x" * 1000000)
    return hello(environ, start_response)
