"""Clients at work: a bounded number of threads that send requests and remember what came back."""

import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

TIMEOUT = 60.0  # seconds for one response

OK = "ok"
# The connection ended before the first byte of a response.
UNANSWERED = "unanswered"
# It ended in the middle of one.
BROKEN = "broken"
# Nobody listens any more.
REFUSED = "refused"


@dataclass(frozen=True)
class Result:
    """What became of one request."""

    token: str  # sent as X-Token, which the app writes into its journal
    method: str
    outcome: str  # OK, UNANSWERED, BROKEN, REFUSED, or a status other than 200


class Load:
    """`threads` clients with a connection each, until told to stop or `requests` were sent."""

    def __init__(
        self, port: int, choose: Callable[[int], tuple[str, str]], threads: int, requests: int
    ) -> None:
        """`choose` maps the number of a request to its method and path."""
        self.port = port
        self.choose = choose
        self.requests = requests
        self.results: list[Result] = []
        self.numbers = itertools.count()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.client) for _ in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.join()

    def join(self) -> None:
        """Waits until all clients are done."""
        for thread in self.threads:
            thread.join()

    def sent(self) -> int:
        """Requests that have ended so far."""
        return len(self.results)

    def outcomes(self) -> Counter:
        """How often each outcome was."""
        return Counter(result.outcome for result in self.results)

    def client(self) -> None:
        """One client. It stops when nobody listens any more."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        while not self.stopping.is_set() and (number := next(self.numbers)) < self.requests:
            method, path = self.choose(number)
            result = Result(f"{self.port}-{number}", method, "")
            outcome = self.request(connection, method, path, result.token)
            self.results.append(Result(result.token, method, outcome))
            if outcome == REFUSED:
                break
        connection.close()

    @staticmethod
    def request(
        connection: http.client.HTTPConnection, method: str, path: str, token: str
    ) -> str:
        """Sends one request and says what became of it."""
        body = b"x" * 100 if method == "POST" else None
        try:
            connection.request(method, path, body=body, headers={"X-Token": token})
            response = connection.getresponse()
        except ConnectionRefusedError:
            return REFUSED
        except (http.client.RemoteDisconnected, ConnectionError):
            connection.close()
            return UNANSWERED
        except http.client.HTTPException:
            connection.close()
            return BROKEN
        try:
            response.read()
        except (http.client.HTTPException, ConnectionError):
            connection.close()
            return BROKEN
        return OK if response.status == 200 else str(response.status)
