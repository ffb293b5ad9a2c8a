"""Uses wsgi.file_wrapper as the field Use says; answers with the sizes of the resulting reads."""


class File:
    def __init__(self):
        self.sizes = []

    def read(self, size=-1):
        self.sizes.append(size)
        return b"x" if len(self.sizes) < 3 else b""


def app(environ, start_response):
    file = File()
    items = list(eval(environ["HTTP_USE"], {"wrap": environ["wsgi.file_wrapper"], "file": file}))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{items} {file.sizes}\n".encode()]
