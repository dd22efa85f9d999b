"""Programs that run beside a test: servers, workers, brokers."""

from __future__ import annotations

import contextlib
import http.client
import os
import pty
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any, Self

from .lines import json_lines


class Process:
    """A program whose output is read while it runs.

    A context manager: leaving it stops the program, and whatever it started,
    by its process id.
    """

    def __init__(
        self,
        command: Iterable[object],
        *,
        cwd: Path,
        env: Mapping[str, str],
        terminal: bool = False,
    ) -> None:
        """Start it; on a `terminal` its stdout has colours."""
        self.command = [str(part) for part in command]
        self._output: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._changed = threading.Condition()
        master, slave = pty.openpty() if terminal else (None, subprocess.PIPE)
        self._popen = subprocess.Popen(
            self.command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,
        )
        stdout = self._popen.stdout
        if master is not None:
            os.close(slave)
            stdout = open(master, encoding="utf-8")  # noqa: SIM115
        self._streams = {"stdout": stdout, "stderr": self._popen.stderr}
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in self._streams.items()
            if stream
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def stdout(self) -> str:
        """What the program wrote so far."""
        return "".join(self._output["stdout"])

    @property
    def stderr(self) -> str:
        return "".join(self._output["stderr"])

    def wait_until(self, condition: Callable[[], bool], timeout: float = 20) -> None:
        """Wait until output makes `condition` true.

        Raises TimeoutError, or RuntimeError once the program has ended; both
        carry what it wrote.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while not condition():
                if not any(reader.is_alive() for reader in self._readers):
                    raise RuntimeError(self._report("ended early"))
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(self._report(f"nothing after {timeout} s"))
                self._changed.wait(left)

    def wait_for_text(self, text: str, timeout: float = 20) -> None:
        """Wait until `text` stands on stdout or stderr."""
        self.wait_until(lambda: text in self.stdout or text in self.stderr, timeout)

    def wait_for(
        self, event: str, *, count: int = 1, timeout: float = 20
    ) -> list[dict[str, Any]]:
        """Wait for `count` JSON lines of this event and return all there are."""
        self.wait_until(lambda: len(self.events(event)) >= count, timeout)
        return self.events(event)

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the JSON lines of this event that were seen so far."""
        return [line for line in json_lines(self.stdout) if line.get("event") == event]

    def wait(self, timeout: float = 20) -> int:
        """Wait until the program ends by itself and return its exit status."""
        return self._popen.wait(timeout)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 45) -> int:
        """Stop the program and return its exit status; `timeout` s later, kill it.

        A child of Celery's pool can wait for half a minute if the signal comes right
        after its last task (billiard 4.3).
        """
        if self._popen.poll() is None:
            self._popen.send_signal(number)
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self._popen.kill()
        with contextlib.suppress(ProcessLookupError):
            # Its session holds only what it started itself.
            os.killpg(self._popen.pid, signal.SIGKILL)
        for reader in self._readers:
            reader.join(timeout)
        for stream in self._streams.values():
            if stream:
                stream.close()
        return self._popen.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _read(self, name: str, stream: IO[str]) -> None:
        # Linux raises where a terminal's last writer has gone.
        with contextlib.suppress(OSError):
            for line in stream:
                with self._changed:
                    self._output[name].append(line)
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _report(self, what: str) -> str:
        command = " ".join(self.command)
        return f"{command}: {what}\n{self.stdout[-4000:]}\n{self.stderr[-4000:]}"


@dataclass(frozen=True)
class Response:
    status: int
    headers: Message
    body: bytes


class Server(Process):
    """A program that listens on a port of 127.0.0.1."""

    def __init__(
        self,
        command: Iterable[object],
        *,
        port: int,
        cwd: Path,
        env: Mapping[str, str],
        terminal: bool = False,
    ) -> None:
        super().__init__(command, cwd=cwd, env=env, terminal=terminal)
        self.port = port
        try:
            self._wait_for_port(30)
        except BaseException:
            self.stop()
            raise

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        return self.request("GET", path, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request on a connection of its own and read all of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())

    def _wait_for_port(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                # Waiting for the end of the process is the pause between attempts.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._popen.wait(0.02)
                    raise RuntimeError(self._report("ended early")) from None
                if time.monotonic() > end:
                    raise TimeoutError(self._report("port never opened")) from None
            else:
                return


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
