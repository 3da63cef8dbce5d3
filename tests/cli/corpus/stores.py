"""A server of an object store on this machine, and one that is slow."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

_STARTED = 30.0  # seconds


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def s3_server() -> Iterator[str]:
    """Yield the URL of a server of S3 that keeps its objects in memory."""
    port = free_port()
    url, command = f"http://127.0.0.1:{port}", ["-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": "1000000000"},
    )
    try:
        give_up = time.monotonic() + _STARTED
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{url}/moto-api/"):  # noqa: S310
                break
            assert time.monotonic() < give_up, "the server does not start"
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


class Bucket:
    """A new bucket, as another client sees it."""

    def __init__(self, name: str) -> None:
        import boto3  # of the extra `servers`

        self.name, self._client = name, boto3.client("s3")
        self._client.create_bucket(Bucket=name)

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def put(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=content)

    def remove(self, key: str) -> None:
        self._client.delete_object(Bucket=self.name, Key=key)

    def contents(self, prefix: str = "") -> dict[str, bytes]:
        """Return all objects below a folder, by the rest of their names."""
        found: list[Any] = self._client.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return {
            each["Key"].removeprefix(prefix): self._client.get_object(Bucket=self.name, Key=each["Key"])[
                "Body"
            ].read()
            for each in found
        }


class StallingProxy:
    """Passes requests on to a server, but stops in the middle of an upload whose name holds a word."""

    def __init__(self, port: int, word: bytes) -> None:
        self._port, self._word = port, word
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.stalls = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), closing(source), closing(target):
            while data := source.recv(1 << 16):
                if data.startswith(b"PUT ") and self._word in data.split(b"\n", 1)[0]:
                    target.sendall(data[: len(data) // 2])
                    self.stalls.set()
                    while source.recv(1 << 16):  # until the client is gone
                        pass
                    return
                target.sendall(data)

    def close(self) -> None:
        self._listening.close()
