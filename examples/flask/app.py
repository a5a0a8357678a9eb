"""A small Flask app, as it would be written for any server.

It imports nothing of maitred except in one view, and that view works under other servers too:
outside of maitred the deferred work simply runs at once.
"""

import time

import maitred
from flask import Flask, Response, jsonify, request

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    """The shortest answer there is."""
    return "Hello from Flask\n"


@app.get("/hello/<name>")
def hello_name(name: str) -> Response:
    """A greeting as JSON."""
    return jsonify(hello=name, agent=request.headers.get("User-Agent"))


@app.post("/upload")
def upload() -> Response:
    """Counts the bytes of a form's files, or of a raw body."""
    if request.files:
        sizes = {name: len(file.read()) for name, file in request.files.items()}
    else:
        sizes = {"body": len(request.get_data())}
    return jsonify(sizes)


@app.get("/count")
def count() -> Response:
    """Streams ten lines, one every 100 ms."""

    def lines():
        for number in range(10):
            yield f"{number}\n"
            time.sleep(0.1)

    return Response(lines(), mimetype="text/plain")


@app.post("/order")
def order() -> tuple[Response, int]:
    """Answers at once and sends the mail afterwards, in the same process.

    The client does not wait for the mail, and no other request waits behind it: the slot counts
    as deferred until the work is done.
    """
    maitred.after_response(send_mail, "kitchen@example.com", "one coffee")
    return jsonify(accepted=True), 202


def send_mail(to: str, text: str) -> None:
    """Stands for something slow."""
    time.sleep(0.3)
    app.logger.info("mail to %s: %s", to, text)
