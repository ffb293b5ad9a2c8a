"""Imports the library that the environment variable LIBRARY names, and uses it in a request."""

import importlib
import os
import sys


class Matplotlib:
    def __init__(self):
        import matplotlib

        matplotlib.use("Agg")
        self.pyplot = importlib.import_module("matplotlib.pyplot")
        self.pyplot.figure()  # reads its fonts
        self.pyplot.title("at import")

    def use(self):
        import io

        picture = io.BytesIO()
        self.pyplot.plot([1, 2, 3])
        self.pyplot.savefig(picture, format="png")
        return picture.getvalue()[1:4].decode()


class Pandas:
    def __init__(self):
        import pandas

        self.table = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]})

    def use(self):
        return self.table.groupby("b").sum().to_csv()


class Scipy:
    def __init__(self):
        import numpy
        import scipy.linalg
        import scipy.optimize

        self.numpy, self.scipy = numpy, scipy

    def use(self):
        matrix = self.numpy.arange(90000.0).reshape(300, 300) % 7 + 10 * self.numpy.eye(300)
        inverse = self.scipy.linalg.inv(matrix)
        root = self.scipy.optimize.brentq(lambda x: x * x - 2, 0, 2)
        return f"{self.numpy.allclose(inverse @ matrix, self.numpy.eye(300))} {root:.6f}"


class Gevent:
    def __init__(self):
        from gevent import monkey

        monkey.patch_all()
        import gevent

        self.gevent = gevent

    def use(self):
        import time

        jobs = [self.gevent.spawn(lambda n: time.sleep(0.01) or n * n, n) for n in range(5)]
        self.gevent.joinall(jobs)
        return str([job.value for job in jobs])


class Aiohttp:
    def __init__(self):
        import asyncio
        import aiohttp.web

        self.asyncio, self.aiohttp = asyncio, aiohttp

    async def ask(self):
        async def answer(request):
            return self.aiohttp.web.Response(text="answered " + request.path)

        runner = self.aiohttp.web.ServerRunner(self.aiohttp.web.Server(answer))
        await runner.setup()
        site = self.aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        async with self.aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/path") as response:
                text = await response.text()
        await runner.cleanup()
        return text

    def use(self):
        return self.asyncio.run(self.ask())


class Boto3:
    def __init__(self):
        import boto3

        self.client = boto3.client(
            "s3", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
        )

    def use(self):
        url = self.client.generate_presigned_url("get_object", {"Bucket": "one", "Key": "two"})
        return url.partition("?")[0]


class Grpc:
    def __init__(self):
        import grpc

        self.grpc = grpc

    def use(self):
        from concurrent.futures import ThreadPoolExecutor

        handler = self.grpc.method_handlers_generic_handler(
            "test", {"Ask": self.grpc.unary_unary_rpc_method_handler(lambda data, _: data[::-1])}
        )
        server = self.grpc.server(ThreadPoolExecutor(1))
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with self.grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = channel.unary_unary("/test/Ask")(b"question", timeout=20)
        server.stop(None)
        return answer.decode()


library = getattr(sys.modules[__name__], os.environ["LIBRARY"].capitalize())()


def app(environ, start_response):
    text = library.use()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]
