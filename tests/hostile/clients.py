"""Clients that ask a server for a mix of pages, all at once, each under a name."""

from __future__ import annotations

import http.client
import itertools
import socket
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field

from ..support import Server

# Paths, and how a client takes the answer.
READ = [
    *("/ok/", "/api/teams/7/", "/nap/", "/stream/", "/fail/", "/fail-long/"),
    *("/nowhere/", "/quote/"),
]
READ_ASYNC = ["/nap-async/", "/hop/", "/stream-async/"]
# The client leaves in the middle of these.
LEFT = ["/stream/"]
LEFT_ASYNC = ["/slow/", "/stream-async/"]


@dataclass
class Clients:
    """Asks until `requests` are answered, or until `seconds` are over."""

    server: Server
    in_async: bool
    count: int = 8
    answered: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def run(self, *, requests: int, seconds: float = 0) -> None:
        end = time.monotonic() + seconds
        numbers = itertools.count()
        threads = [
            threading.Thread(target=self._ask, args=(name, numbers, requests, end))
            for name in range(self.count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(
        self, name: int, numbers: itertools.count[int], requests: int, end: float
    ) -> None:
        """One keep-alive connection after the other."""
        paths = itertools.cycle(READ + (READ_ASYNC if self.in_async else []))
        left = itertools.cycle(LEFT_ASYNC if self.in_async else LEFT)
        for _ in range(name):
            next(paths)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, 60)
        with closing(connection):
            while (number := next(numbers)) < requests or time.monotonic() < end:
                request_id = f"r-{number}"
                try:
                    if number % 25 == 24:
                        self._leave(next(left), request_id)
                    else:
                        self._read(connection, next(paths), request_id)
                except (OSError, http.client.HTTPException) as error:
                    self.errors.append(f"{request_id}: {error!r}")
                    connection.close()

    def _read(
        self, connection: http.client.HTTPConnection, path: str, request_id: str
    ) -> None:
        headers = {
            "X-Request-ID": request_id,
            "X-Name": request_id,
            "X-Sent": '{"event": "forged"} request.id=forged',
        }
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.headers["X-Request-ID"] == request_id
        self.answered[request_id] = answer.status

    def _leave(self, path: str, request_id: str) -> None:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: {request_id}"
        with socket.create_connection(("127.0.0.1", self.server.port), 60) as left:
            left.sendall(f"{head}\r\nX-Name: {request_id}\r\n\r\n".encode())
            left.settimeout(0.05)
            with suppress(TimeoutError):
                left.recv(1)
        self.left.append(request_id)

    def statuses(self) -> Counter[int]:
        return Counter(self.answered.values())
