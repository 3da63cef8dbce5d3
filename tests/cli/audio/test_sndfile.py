"""Audio files by libsndfile, which must not be closed while they are read."""

import threading
from pathlib import Path
from typing import Any

import pytest
import soundfile

from convt_cli.audio.reader import open_reader
from tests.support.sounds import sound


def test_a_file_is_not_closed_while_another_thread_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an interruption may have it: libsndfile would read what has been freed."""
    sound("in.flac")
    reader = open_reader(Path("in.flac"), None, raw=None, again=False, truncated=False)
    reads, goes_on = threading.Event(), threading.Event()
    read, closed_meanwhile = soundfile.SoundFile.read, list[bool]()

    def slow(self: soundfile.SoundFile, *how: Any, **more: Any) -> Any:
        reads.set()
        goes_on.wait(20)
        closed_meanwhile.append(self.closed)
        return read(self, *how, **more)

    monkeypatch.setattr(soundfile.SoundFile, "read", slow)
    reading = threading.Thread(target=lambda: next(reader.blocks(0, 100)))
    closing = threading.Thread(target=reader.close)
    reading.start()
    reads.wait(20)
    closing.start()
    closing.join(0.2)  # it has had the time to do it
    goes_on.set()
    reading.join(20)
    closing.join(20)
    assert closed_meanwhile == [False]
    assert not closing.is_alive()
