"""Audio files read by libsndfile: every format that :mod:`convt_cli.audio.pcm` does not read."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock

import numpy as np
import soundfile

from convt_cli.audio import mpeg
from convt_cli.errors import Failure
from convt_cli.files.paths import typed
from convt_cli.files.source import Source
from convt_cli.metadata.chunks import Chunk
from convt_cli.metadata.metadata import Metadata
from convt_cli.metadata.unread import UNTAGGED, aiff_chunks, unread_names
from convt_cli.samples.formats import Array, Format

_CAREFUL = 1 << 10  # frames at a time
_UNKNOWN = 1 << 62  # frames; libsndfile returns more for streams without a length
_MPEG_SLACK = 2 * 1152  # samples that a decoder may drop at both ends of MPEG audio
_UNRECOGNISED = 1  # libsndfile's error number
# Formats that libsndfile does not read, by the bytes at a position.
_FOREIGN = (
    (4, b"ftyp", "MPEG-4 audio, such as AAC or ALAC"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"\x30\x26\xb2\x75", "Windows Media audio"),
    (0, b"DSD ", "DSD audio"),
    (0, b"FRM8", "DSD audio"),
    (0, b"ajkg", "Shorten audio"),
    (0, b"MAC ", "Monkey's audio"),
    (0, b"wvpk", "WavPack audio"),
    (0, b"TTA", "TTA audio"),
    (0, b"#!AMR", "AMR audio"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (28, b"\x7fFLAC", "FLAC in Ogg"),
    (28, b"Speex", "Speex audio"),
)
_SPHERE = b"NIST_1A"
_WORDLESS = (7, 29)  # "does not exist ... (possibly a pipe?)", "Unspecified internal error"
_STDERR = 2


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # without types
    """A file that is read from start to end: libsndfile cannot seek in every format."""

    def seekable(self) -> bool:
        """Return False, so that soundfile does not seek after each read."""
        return False


class SndfileReader:
    """Reads any file that libsndfile reads; full scale is 1. Pipes go through a temporary file."""

    signals, dimensions = 1, 2

    def __init__(
        self,
        source: Source,
        meta: Metadata,
        damage: str,
        precision: str | None,
        *,
        truncated: bool,
        start: int = 0,
        container: str | None = None,
    ) -> None:
        self.source, self._allowed, self.meta = source, truncated, meta
        self._file = file = self._opened()
        self._fresh = True
        self.channels = file.channels
        self._mpeg_at = start if self._is_estimate(start) else None
        is_known = file.frames < _UNKNOWN and self._mpeg_at is None
        self.frames: int | None = file.frames if is_known else None
        self.format = Format(container or file.format, file.subtype, file.endian, file.samplerate)
        self.meta.tags |= {name: text for name, text in file.copy_metadata().items() if text}
        if self.format.container == "MP3":
            self.meta.tags.pop("software", None)  # the encoder, which does not apply to the output
        self._find_unread()
        self.precision = precision or self.format.precision
        self.dtype = np.dtype(self.precision)
        self.warnings: list[str] = []
        self._reading = Lock()
        if damage:
            self._cut_short(damage)

    def _is_estimate(self, start: int) -> bool:
        """Return whether libsndfile's length is an estimate: MPEG audio need not state its length."""
        if not self._file.subtype.startswith("MPEG"):
            return False
        at = self.source.tell()  # libsndfile reads from the same position
        states_length = mpeg.states_length(self.source, start)
        self.source.seek(at)
        return not states_length

    def _find_unread(self) -> None:
        """Find the metadata that libsndfile does not return."""
        meta, at = self.meta, self.source.tell()  # libsndfile reads from the same position
        if chunks := aiff_chunks(self.source):
            meta.chunks, meta.family, meta.order = chunks, "AIFF", ">"
        names = unread_names(self.source, meta.tags)
        meta.lost += [name for name in names if name in UNTAGGED or self.format.container == "CAF"]
        meta.unread = [name for name in names if name not in meta.lost]
        if meta.unread:
            with suppress(ImportError):
                from convt_cli.metadata.tags import read_tags  # needs mutagen, which is optional

                with os.fdopen(self.source.descriptor(), "rb") as file:
                    meta.full = read_tags(file, self.format.container, self.format.subtype)
        self.source.seek(at)

    def _opened(self) -> _Forward:
        _silence_decoders()
        try:
            return _Forward(self.source.descriptor())
        except soundfile.LibsndfileError as error:
            raise Failure(_unreadable(self.source, error)) from None

    def _cut_short(self, what: str) -> None:
        self.warnings.append(self.source.cut_short(what, allowed=self._allowed))

    def blocks(self, signal: int, size: int) -> Iterator[Array]:  # noqa: ARG002  # audio is one signal
        """Yield the samples in blocks (channels, n), n at most `size`."""
        count = 0
        if not self._fresh:  # libsndfile cannot seek in every format
            self._file.close()
            self._file = self._opened()
        self._fresh = False
        if self._allowed:  # damage loses every sample of the same read
            size = min(size, _CAREFUL)
        while self.frames is None or count < self.frames:
            if self.frames is not None:  # beyond the last frame there may be other bytes
                size = min(size, self.frames - count)
            try:
                with self._reading:
                    block = self._file.read(size, self.precision, always_2d=True)
            except soundfile.LibsndfileError as error:
                self.source.check_unchanged()
                self._cut_short(f"cannot be read beyond frame {count}: {error}")
                return
            if not len(block):
                break
            count += len(block)
            yield np.ascontiguousarray(block.T)
        self.source.check_unchanged()
        if self.frames is not None and count < self.frames:
            self._cut_short(f"ends after {count} of {self.frames} frames")
        if self._mpeg_at is not None:
            there, _ = mpeg.count_samples(self.source, self._mpeg_at)
            if count < there - _MPEG_SLACK:
                self._cut_short(f"cannot be read beyond frame {count} of about {there}")

    def late_chunks(self) -> list[Chunk]:
        """Return nothing: all metadata is known from the start."""
        return []

    def close(self) -> None:
        """Close the file, once no thread is reading it."""
        with self._reading:
            self._file.close()
        self.source.close()


def _silence_decoders() -> None:
    """Discard messages that the C decoders write to stderr: libsndfile has no switch for them.

    Python's own messages go to another descriptor of the same stream from now on.
    """
    try:
        if sys.stderr.fileno() != _STDERR:
            return
    except (AttributeError, OSError, ValueError):  # no stderr, or a test's replacement
        return
    sys.stderr.flush()
    own = os.fdopen(
        os.dup(_STDERR), "w", buffering=1, encoding=sys.stderr.encoding, errors=sys.stderr.errors
    )
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    sys.stderr = own


def _unreadable(source: Source, error: soundfile.LibsndfileError) -> str:
    """Return why a file cannot be opened, and what to try."""
    source.seek(0)
    head = source.read(1 << 10)
    kind = next((kind for at, magic, kind in _FOREIGN if head[at:].startswith(magic)), None)
    if head.startswith(_SPHERE) and b"shorten" in head:
        kind = "SPHERE audio packed with Shorten"
    if kind:
        what = f"{kind}, which convt does not read"
    elif error.code == _UNRECOGNISED:
        what = "not recognised as audio"
    else:
        what = f"damaged, or a file type that libsndfile does not read ({_words(error)})"
    return f"{source.name}: {what}; {pipe_from_ffmpeg(source)}"


def pipe_from_ffmpeg(source: Source) -> str:
    """Return the command that decodes an input with ffmpeg."""
    name = shlex.quote(typed(source.path)) if os.path.isfile(source.path) else "IN"
    return f"if ffmpeg can read it, try: ffmpeg -i {name} -f wav - | convt resample - -r HZ -o OUT.wav"


def _words(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's message, or its error number if the message says nothing."""
    return f"its error {error.code}" if error.code in _WORDLESS else str(error.error_string).rstrip(".")
