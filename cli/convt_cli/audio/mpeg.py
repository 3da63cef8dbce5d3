"""MPEG audio, layers I to III: a sequence of frames whose number need not be stated.

Each frame begins with 11 bits set, then its version, layer, bit rate and sample rate, which give its length
(ISO/IEC 11172-3, section 2.4.1.3; 13818-3 for the lower sample rates)::

    ID3v2 tag | frame: Xing, Info or VBRI | frame | frame ... | ID3v1 tag

The first frame may state the number of frames, if the encoder goes back to it (Xing's, Fraunhofer's).
Otherwise libsndfile estimates the length from the bit rate of the first frames, and stops there.
"""

import re
from collections.abc import Iterator

from convt_cli.files.source import Source
from convt_cli.metadata.unread import seven_bits

_HEAD = 1 << 16  # bytes in which the first frame is searched
_PIECE = 1 << 20
_SUFFIXES = (".mp3", ".mpga")
_OTHERS = (b"FORM", b"OggS", b"caff", b"fLaC", b"riff")  # other file types, whatever the extension
_SHORTEST_STATING = 100  # bytes
_DELAY = 529  # samples, the delay of the decoder's filters
_LONGEST = 1 << 12  # bytes of a frame at most
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
# Bit rates in kb/s by their index, 1 to 14, for (version 1, or 2 and 2.5; layer).
RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def rewrite(source: Source, start: int) -> int | None:
    """Replace layer III audio that libsndfile would misread by a corrected copy.

    libsndfile stops at its estimate of the length, and does not find frames that follow other bytes. The
    copy begins with a tag or a frame, and an extra frame states the length.

    Returns
    -------
    int or None
        Bytes between the frames that belong to no frame; None if no copy is needed.
    """
    tag_end = after_id3(source, start)
    head = _read(source, tag_end, _HEAD)
    if head.startswith(_OTHERS):  # saves the search
        return None
    at = next(_frames(head), None)
    if at is None or _layer(head[at:]) != 3:
        return None
    if at and source.path.suffix.lower() not in _SUFFIXES:
        return None
    stated = _is_stating(head[at:])
    if stated and not at:
        return None
    tag = _read(source, start, tag_end - start)
    samples, gaps = (0, 0) if stated else count_samples(source, tag_end + at)
    first = b"" if stated else _stating(head[at:], samples)
    source.spool(prefix=tag + first, start=tag_end + at)
    return gaps


def _layer(frame: bytes) -> int:
    return 4 - (frame[1] >> 1 & 3)


def _stating(frame: bytes, samples: int) -> bytes:
    """Return two frames in the format of `frame`: one that states how many follow, and one of silence.

    If a file states its length, the decoder drops the samples that an encoder adds. Here that is the frame
    of silence, less the _DELAY samples that the decoder always drops.
    """
    for rate in range(1, 15):
        head = bytes((frame[0], frame[1] | 1, rate << 4 | frame[2] & 12, frame[3]))  # no checksum
        length, each = _frame(head, 0) or (0, 1)
        if length >= _SHORTEST_STATING:
            break
    is_mono, is_first = frame[3] >> 6 == 3, frame[1] >> 3 & 3 == 3
    side = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
    stated = b"Xing" + (1).to_bytes(4, "big") + (samples // each + 1).to_bytes(4, "big")
    left_out = (each - _DELAY) << 12 | _DELAY  # samples to drop at the start and at the end
    encoder = b"convt".ljust(21, b"\0") + left_out.to_bytes(3, "big")
    return (head + bytes(side) + stated + encoder).ljust(length, b"\0") + head.ljust(length, b"\0")


def states_length(source: Source, start: int) -> bool:
    """Return whether the first frame after a position states how many frames there are."""
    head = _read(source, after_id3(source, start), _HEAD)
    at = next(_frames(head), None)
    return at is not None and _is_stating(head[at:])


def _is_stating(frame: bytes) -> bool:
    xing = re.search(rb"(Xing|Info)...(.)", frame[:64], re.DOTALL)
    return bool(xing and xing[2][0] & 1) or frame[36:40] == b"VBRI"


def count_samples(source: Source, start: int) -> tuple[int, int]:
    """Return the samples of all whole frames after a position, and the bytes that belong to no frame."""
    at, count, gaps, data, base = after_id3(source, start), 0, 0, b"", 0
    while True:
        if at + _LONGEST > base + len(data):
            base, data = at, _read(source, at, _PIECE)
        if found := _frame(data, at - base):
            length, samples = found
            if at + length > base + len(data):
                return count, gaps
            count, at = count + samples, at + length
        elif data[at - base :].startswith(b"ID3"):  # a tag between the frames of joined files
            at = max(at + 1, after_id3(source, at))
        elif (next_at := next(_frames(data, at - base), None)) is not None:
            gaps += base + next_at - at
            at = base + next_at
        elif len(data) < _PIECE:
            return count, gaps
        else:
            gaps += base + len(data) - _LONGEST + 1 - at
            at = base + len(data) - _LONGEST + 1


def _read(source: Source, at: int, count: int) -> bytes:
    source.seek(at)
    return source.read(count)


def after_id3(source: Source, start: int) -> int:
    """Return the position after an ID3v2 tag, whose length is four bytes of 7 bits."""
    head = _read(source, start, 10)
    if head[:3] != b"ID3" or len(head) < 10:
        return start
    return start + 10 + seven_bits(head[6:])


def _frames(data: bytes, start: int = 0) -> Iterator[int]:
    """Yield the positions of frames followed by another or by the end: other bytes may look like one."""
    for match in _SYNC.finditer(data, start):
        at = match.start()
        if found := _frame(data, at):
            after = at + found[0]
            if after == len(data) or _frame(data, after) or data[after : after + 3] == b"TAG":
                yield at


def _frame(data: bytes, at: int) -> tuple[int, int] | None:
    """Return the bytes and the samples of the frame at a position, or None if there is none."""
    head = int.from_bytes(data[at : at + 4].ljust(4, b"\0"), "big")
    version, layer = head >> 19 & 3, 4 - (head >> 17 & 3)
    rate, sample_rate, padding = head >> 12 & 15, head >> 10 & 3, head >> 9 & 1
    if head >> 21 != 0x7FF or version == 1 or layer == 4 or rate in (0, 15) or sample_rate == 3:
        return None
    kind = 1 if version == 3 else 2
    bits = 1000 * RATES[kind, layer][rate - 1]
    hertz = _SAMPLE_RATES[version][sample_rate]
    if layer == 1:
        return 4 * (12 * bits // hertz + padding), 384
    samples = 576 if layer == 3 and kind == 2 else 1152
    return samples // 8 * bits // hertz + padding, samples
