"""Hello from Flask, with a route that takes a piece of the path."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
@app.get("/items/<int:number>")
def hello(number=0):
    return "Hello, World!", 200, {"Content-Type": "text/plain"}
