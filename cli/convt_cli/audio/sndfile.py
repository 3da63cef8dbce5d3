"""Audio files by libsndfile: every format that :mod:`convt_cli.audio.pcm` does not read or write."""

import errno
import os
import shlex
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock
from typing import IO, Literal

import numpy as np
import soundfile

from convt_cli.audio import mpeg
from convt_cli.audio.bitrate import LOSSY, average_bitrate, encoder_settings
from convt_cli.audio.headers import riff_chunk
from convt_cli.errors import Failure, Unwritable
from convt_cli.files.paths import typed
from convt_cli.files.source import Source, copy_all, open_output
from convt_cli.metadata.chunks import Chunk, Order, chunk_headers, name_of
from convt_cli.metadata.metadata import Metadata
from convt_cli.metadata.unread import UNTAGGED, aiff_chunks, unread_names
from convt_cli.samples.formats import Array, Format
from convt_cli.samples.quantise import Quantiser

_CAREFUL = 1 << 10  # frames at a time
_UNKNOWN = 1 << 62  # frames; libsndfile returns more for streams without a length
_MPEG_SLACK = 2 * 1152  # samples that a decoder may lose at the ends of MPEG audio
_UNRECOGNISED = 1  # the number of libsndfile's error
# What libsndfile does not read, by what a file holds at some position.
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
_MOST_AIFF = 0xFFFFFFFF
_COUNT_PADDING = ("AIFF", "VOC")
_VOC_LENGTH = 27  # where the first block states its own


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # without types
    """A file that is read from start to end: libsndfile cannot seek in every format."""

    def seekable(self) -> bool:
        """Return False, so that soundfile does not seek after each read."""
        return False


class SndfileReader:
    """Any file that libsndfile reads; full scale is 1. A pipe is copied to a temporary file first."""

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
            self.meta.tags.pop("software", None)  # the encoder of what is decoded
        self._find_unread()
        self.precision = precision or self.format.precision
        self.dtype = np.dtype(self.precision)
        self.warnings: list[str] = []
        self._reading = Lock()
        if damage:
            self._cut_short(damage)

    def _is_estimate(self, start: int) -> bool:
        """Return whether libsndfile's length is an estimate: of MPEG audio that does not state its own."""
        if not self._file.subtype.startswith("MPEG"):
            return False
        at = self.source.tell()  # libsndfile's, too
        states_length = mpeg.states_length(self.source, start)
        self.source.seek(at)
        return not states_length

    def _find_unread(self) -> None:
        """Find the metadata that libsndfile does not return."""
        meta, at = self.meta, self.source.tell()  # libsndfile's, too
        if chunks := aiff_chunks(self.source):
            meta.chunks, meta.family, meta.order = chunks, "AIFF", ">"
        names = unread_names(self.source, meta.tags)
        meta.lost += [name for name in names if name in UNTAGGED or self.format.container == "CAF"]
        meta.unread = [name for name in names if name not in meta.lost]
        if meta.unread:
            with suppress(ImportError):
                from convt_cli.metadata.tags import read_tags  # of an optional package

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
        if self._allowed:  # a damage loses every sample of the same read
            size = min(size, _CAREFUL)
        while self.frames is None or count < self.frames:
            if self.frames is not None:  # beyond the last frame there may be other bytes
                size = min(size, self.frames - count)
            try:
                with self._reading:
                    block = self._file.read(size, self.precision, always_2d=True)
            except soundfile.LibsndfileError as error:
                self.source.check_unchanged()
                self._cut_short(f"it cannot be read beyond frame {count}: {error}")
                return
            if not len(block):
                break
            count += len(block)
            yield np.ascontiguousarray(block.T)
        self.source.check_unchanged()
        if self.frames is not None and count < self.frames:
            self._cut_short(f"it ends after {count} of {self.frames} frames")
        if self._mpeg_at is not None:
            there, _ = mpeg.count_samples(self.source, self._mpeg_at)
            if count < there - _MPEG_SLACK:
                self._cut_short(f"it cannot be read beyond frame {count} of about {there}")

    def late_chunks(self) -> list[Chunk]:
        """Return nothing: all metadata are known from the start."""
        return []

    def close(self) -> None:
        """Close the file, but not while a thread reads."""
        with self._reading:
            self._file.close()
        self.source.close()


def _silence_decoders() -> None:
    """Have the decoders' own lines go nowhere: they are C's, on stderr, and libsndfile has no switch.

    Python's lines go to another descriptor of the same stream from now on.
    """
    try:
        if sys.stderr.fileno() != _STDERR:
            return
    except (AttributeError, OSError, ValueError):  # there is none, or one of a test
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
    """Return why a file cannot be opened, and what may help."""
    source.seek(0)
    head = source.read(1 << 10)
    kind = next((kind for at, magic, kind in _FOREIGN if head[at:].startswith(magic)), None)
    if head.startswith(_SPHERE) and b"shorten" in head:
        kind = "SPHERE audio packed with Shorten"
    if kind:
        what = f"is {kind}, which convt does not read"
    elif error.code == _UNRECOGNISED:
        what = "is not recognised as audio"
    else:
        what = f"is damaged, or of a kind that libsndfile does not read ({_words(error)})"
    return f"{source.name}: {what}; {pipe_from_ffmpeg(source)}"


def pipe_from_ffmpeg(source: Source) -> str:
    """Return how to have an input decoded by ffmpeg."""
    name = shlex.quote(typed(source.path)) if os.path.isfile(source.path) else "IN"
    return f"if ffmpeg reads it: ffmpeg -i {name} -f wav - | convt upsample - -o OUT.wav"


def _words(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's own words, but for those that name nothing."""
    return f"its error {error.code}" if error.code in _WORDLESS else str(error.error_string).rstrip(".")


class SndfileWriter:
    """An audio file of one signal; for standard output it is a temporary file first.

    Parameters
    ----------
    path : Path or None
        The file's name, None for standard output.
    chosen, channels, meta, quantiser
        As for :class:`convt_cli.audio.pcm.PcmWriter`, but with integers in the upper bits.
    bitrate : float or None
        Bits per second of a lossy format; None for the best.

    Attributes
    ----------
    bitrate : float or None
        What the samples of a lossy format take, when they are written.
    """

    is_rf64 = False

    def __init__(
        self,
        path: Path | None,
        chosen: Format,
        channels: int,
        meta: Metadata,
        quantiser: Quantiser,
        bitrate: float | None = None,
    ) -> None:
        self.format, self.quantise = chosen, quantiser
        self.bitrate: float | None = None
        self.lost, self.notes = list[str](), list[str]()
        self._folder = None if path else tempfile.TemporaryDirectory(prefix="convt-")
        self._path = path or Path(self._folder.name) / "out"  # type: ignore[union-attr]
        self._frames = 0
        try:
            self._file = soundfile.SoundFile(
                os.fsencode(self._path),
                "w",
                chosen.rate,
                channels,
                chosen.subtype,
                chosen.endian,
                chosen.container,
                **encoder_settings(chosen, channels, bitrate),
            )
        except soundfile.LibsndfileError as error:
            _check_room(self._path)
            reason = error.error_string.rstrip(".")
            raise Unwritable(
                f"{chosen.container} cannot hold {channels} channel(s) of {chosen.subtype} at {chosen.rate}"
                f" Hz ({reason}); name another container with -o, such as .wav"
            ) from None
        self._meta, self._tags = meta, {} if meta.full else meta.tags
        if meta.full and chosen.container != "MP3" and "software" in meta.tags:
            self._tags["software"] = meta.tags["software"]
        for name, text in self._tags.items():
            with suppress(soundfile.LibsndfileError):  # `_check` finds the texts that are missing
                setattr(self._file, name, text)

    def write(self, signal: int, block: Array) -> None:  # noqa: ARG002  # audio is one signal
        """Append a block (channels, n)."""
        samples = self.quantise(block)
        try:
            self._file.write(samples)
        except (soundfile.LibsndfileError, AssertionError):
            _check_room(self._path)
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from None
        self._frames += len(samples)

    def finish(self, late: Sequence[Chunk]) -> list[str]:
        """Complete the file, and return the names of the metadata that came late: it holds none of them.

        The file is read again, since libsndfile does not always report what it could not write.
        """
        self._file.close()
        _check_room(self._path)
        self._check()
        if self._meta.full:
            from convt_cli.metadata.tags import write_tags

            self.lost += write_tags(self._path, self.format.container, self.format.subtype, self._meta.full)
        if self._meta.chunks:
            self._append_chunks()
        if self._folder:
            with open_output(None) as out:
                copy_all(self._path, out)
        return [name_of(chunk) for chunk in late]

    def _check(self) -> None:
        try:
            with soundfile.SoundFile(os.fsencode(self._path)) as held:
                rate, frames, tags = held.samplerate, held.frames, held.copy_metadata()
        except (soundfile.LibsndfileError, TypeError):
            if self.format.container == "RAW":  # it has no header to check
                self.lost += self._tags
                return
            raise Unwritable(f"{self.format.container} cannot hold so few samples; try .wav") from None
        if rate != self.format.rate:
            raise Unwritable(
                f"{self.format.container} cannot state {self.format.rate} Hz, but only {rate};"
                " name another container with -o, such as .wav"
            )
        if frames < self._frames:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.format.subtype in LOSSY and frames:
            self.bitrate = average_bitrate(self._path.stat().st_size, self.format, frames)
        if frames == self._frames + 1 and self.format.container in _COUNT_PADDING:
            self._leave_out_padding()
        elif frames > self._frames:
            how = "its header states how many count" if self._state_frames() else "its header does not tell"
            more = f"{frames - self._frames} more follow the last"
            self.notes.append(f"{self.format.subtype} samples come in blocks: {more}; {how}")
        if any(name == b"ID3 " for name, _ in self._meta.chunks):  # it has all tags
            return
        # libsndfile appends its own name to that of the software.
        self.lost += [name for name, text in self._tags.items() if not tags.get(name, "").startswith(text)]

    def _state_frames(self) -> bool:
        """State, in a WAV file, how many of its samples count; return whether that is possible."""
        with closing(Source(self._path)) as source, self._path.open("r+b") as file:
            if source.read(4) not in (b"RIFF", b"RIFX", b"RF64"):
                return False
            order: Order = ">" if self.format.big_endian else "<"
            source.seek(12)
            for name, length in chunk_headers(source, f"{order}4sI", 2):
                if name == b"fact" and length >= 4:
                    file.seek(source.tell())
                    file.write(struct.pack(f"{order}I", self._frames))
                    return True
        return False

    def _append_chunks(self) -> None:
        """Append the chunks of an AIFF file, and add to its length."""
        with self._path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(bytes(file.tell() % 2))
            file.write(b"".join(riff_chunk(">", *chunk) for chunk in self._meta.chunks))
            length = file.tell() - 8
            if length > _MOST_AIFF:
                raise Unwritable("an AIFF file cannot hold 4 GB; use --format W64")
            file.seek(4)
            file.write(length.to_bytes(4, "big"))

    def _leave_out_padding(self) -> None:
        """Correct the lengths that libsndfile states: it counts a byte that it adds as a sample.

        That is the one that makes a chunk of AIFF even, or the one that ends the blocks of a VOC file.
        """
        with self._path.open("r+b") as file:
            if self.format.container == "VOC":
                _patch(file, _VOC_LENGTH, 3, "little")
                return
            file.seek(12)
            while len(head := file.read(8)) == 8:
                name, length = struct.unpack(">4sI", head)
                start = file.tell()
                if name == b"COMM":
                    _patch(file, start + 2, 4, "big")
                elif name == b"SSND":
                    _patch(file, start - 4, 4, "big")
                    return
                file.seek(start + length + length % 2)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._folder:
            self._folder.cleanup()


def _patch(file: IO[bytes], at: int, width: int, order: Literal["little", "big"]) -> None:
    """Subtract 1 from a number in a file."""
    file.seek(at)
    number = int.from_bytes(file.read(width), order) - 1
    file.seek(at)
    file.write(number.to_bytes(width, order))


def _check_room(path: Path) -> None:
    """Raise the system's reason why a file cannot grow, if there is one.

    libsndfile reports a system error or, in some formats, nothing. It writes fewer bytes at a time than
    this function: if these still fit, no earlier write can have failed for lack of space.
    """
    with path.open("ab") as file:
        size = file.tell()
        file.write(bytes(1 << 16))
        file.flush()
        file.truncate(size)
