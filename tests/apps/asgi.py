"""A coroutine function, as in ASGI."""


async def app(environ, start_response):
    start_response("200 OK", [])
    return [b"the answer"]
