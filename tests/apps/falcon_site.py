"""The tasks of tests/63-frameworks.bats in Falcon."""

import os

import falcon


class Hello:
    def on_get(self, request, response, name):
        response.content_type = falcon.MEDIA_TEXT
        response.text = f"Hello, {name}.\n"


class Form:
    def on_post(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        if request.content_type.startswith(falcon.MEDIA_URLENCODED):
            response.text = f"{request.get_media()['text']} None\n"
            return
        text, size = None, None
        for part in request.get_media():
            if part.name == "text":
                text = part.text
            else:
                size = len(part.stream.read())
        response.text = f"{text} {size}\n"


class Moved:
    def on_get(self, request, response):
        raise falcon.HTTPFound(f"{request.prefix}/hello/you")


class Source:
    def on_get(self, request, response):
        response.set_stream(open(__file__, "rb"), os.stat(__file__).st_size)


class Stream:
    def on_get(self, request, response):
        response.stream = (f"{n}\n".encode() for n in range(3))


class Fail:
    def on_get(self, request, response):
        raise LookupError("on purpose")


app = falcon.App()
app.add_route("/hello/{name}", Hello())
app.add_route("/form", Form())
app.add_route("/moved", Moved())
app.add_route("/source", Source())
app.add_route("/stream", Stream())
app.add_route("/fail", Fail())
