"""A generator with `close()`: what the body of a framework's response looks like to a server."""


class Body:
    def __init__(self, pieces):
        self.pieces = iter(pieces)

    def __iter__(self):
        return self.pieces

    def close(self):
        """Nothing to do, as nearly always: a server cannot know that before it has called."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return Body([b"Hello, ", b"World!"])
