"""A coroutine function, as another interface has it."""


async def app(environ, start_response):
    start_response("200 OK", [])
    return [b"the answer"]
