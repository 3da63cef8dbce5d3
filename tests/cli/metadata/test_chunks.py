"""Metadata chunks of WAVE files, built field by field after their specifications."""

import struct
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from convt_cli.metadata.chunks import Chunk, Order, info_of, rescaled, tags_of

BOTH: list[Order] = ["<", ">"]
LIMIT = 2**32 - 1
both_orders = pytest.mark.parametrize("order", BOTH)

TIMELESS = [
    b"id3 ",
    b"ID3 ",
    b"iXML",
    b"INST",
    b"COMT",
    b"MIDI",
    b"acid",
    b"inst",
    b"DISP",
    b"_PMX",
    b"axml",
]
REMADE = b"fmt |data|fact|ds64|JUNK|junk|PAD |FLLR|filr|PEAK|levl|wavl|slnt".split(b"|")


def bext(reference: int, order: Order, history: bytes = b"A=PCM,F=8000\r\n") -> bytes:
    """Version 1: texts of 256, 32, 32, 10 and 8 characters, the time, version, UMID and the reserve."""
    texts = b"A scene".ljust(256, b"\0") + b"x" * 32 + b"y" * 32 + b"2001-02-03" + b"04:05:06"
    time = struct.pack(order + "II", reference & LIMIT, reference >> 32)
    return texts + time + struct.pack(order + "H", 1) + bytes(range(64)) + bytes(190) + history


def cue(points: list[tuple[int, int]], order: Order, kind: bytes = b"data", starts: int = 0) -> bytes:
    body = struct.pack(order + "I", len(points))
    for name, (position, offset) in enumerate(points):
        body += struct.pack(order + "II4sIII", name, position, kind, starts, starts, offset)
    return body


def smpl(period: int, loops: list[tuple[int, int, int]], order: Order, own: bytes = b"") -> bytes:
    """Loops are (start, end, fraction)."""
    body = struct.pack(order + "9I", 0x01000013, 7, period, 60, 5, 25, 0x01020304, len(loops), len(own))
    for name, (start, end, fraction) in enumerate(loops):
        body += struct.pack(order + "6I", name, 1, start, end, fraction, 3)
    return body + own


def subchunk(kind: bytes, payload: bytes, order: Order) -> bytes:
    return struct.pack(order + "4sI", kind, len(payload)) + payload + bytes(len(payload) % 2)


def label(order: Order) -> bytes:
    return subchunk(b"labl", struct.pack(order + "I", 1) + b"verse\0", order)


def region(samples: int, order: Order) -> bytes:
    text = struct.pack(order + "II4s4H", 1, samples, b"rgn ", 1, 2, 3, 4) + b"odd"
    return subchunk(b"ltxt", text, order)


def alone(chunk: Chunk, factor: Fraction | int, order: Order) -> bytes:
    """The payload of a chunk that must be kept."""
    kept, lost = rescaled([chunk], Fraction(factor), order)
    assert lost == []
    [(chunk_id, payload)] = kept
    assert chunk_id == chunk[0]
    return payload


def refused(chunk: Chunk, factor: int = 2, order: Order = "<") -> str:
    """The name of a chunk that cannot be kept."""
    kept, [name] = rescaled([chunk], Fraction(factor), order)
    assert kept == []
    return name


@pytest.mark.parametrize("chunk_id", REMADE)
def test_what_the_writer_makes_anew_goes_without_a_word(chunk_id: bytes) -> None:
    assert rescaled([(chunk_id, bytes(40))], Fraction(2), "<") == ([], [])


@pytest.mark.parametrize("chunk_id", TIMELESS)
@both_orders
def test_what_counts_nothing_stays_as_it_is(chunk_id: bytes, order: Order) -> None:
    assert alone((chunk_id, b"\x00\x01odd"), 7, order) == b"\x00\x01odd"


@pytest.mark.parametrize(
    ("chunk_id", "xml"),
    [
        (b"axml", b'<audioTrackUID UID="ATU_00000001" sampleRate="48000"/>'),
        (b"_PMX", b"<xmpDM:audioSampleRate>48000</xmpDM:audioSampleRate>"),
    ],
)
def test_xml_that_states_the_rate_is_not_kept(chunk_id: bytes, xml: bytes) -> None:
    assert refused((chunk_id, xml)) == chunk_id.decode()


def test_order_is_kept_and_each_loss_is_named() -> None:
    chunks = [
        (b"cart", b""),
        (b"acid", b"a"),
        (b"data", b""),
        (b"plst", b""),
        (b"inst", b"b"),
        (b"cart", b""),
    ]
    assert rescaled(iter(chunks), Fraction(2), "<") == ([chunks[1], chunks[4]], ["cart", "plst", "cart"])


@pytest.mark.parametrize(
    ("chunk", "name"),
    [
        ((b"cart", bytes(2048)), "cart"),
        ((b"cue ", b""), "cue"),
        ((b"LIST", b"wxyz"), "LIST wxyz"),
        ((b"LIST", b"adtl1"), "LIST adtl"),
        ((b"LIST", b"ab "), "LIST ab"),
        ((b"LIST", b""), "LIST"),
        ((b"LIST", b"a\n\xffb"), r"LIST a\n\xffb"),
        ((b"\0\x1b\xe9\x85", b""), r"\x00\x1b\xe9\x85"),
        ((b"it's", b""), "it's"),
        ((b"    ", b""), "(blank)"),
    ],
)
def test_names_are_one_printable_line(chunk: Chunk, name: str) -> None:
    assert refused(chunk) == name
    assert name.isascii()
    assert name.isprintable()


@pytest.mark.parametrize("reference", [0, 1, 48_000 * 3600 * 12, 2**32 - 1, 2**32, (2**64 - 1) // 3])
@both_orders
def test_bext_time_counts_new_samples_and_all_else_stays(reference: int, order: Order) -> None:
    assert alone((b"bext", bext(reference, order)), 3, order) == bext(3 * reference, order)


def test_bext_low_word_comes_first_in_either_order() -> None:
    for order in BOTH:
        time = alone((b"bext", bext(2**31, order)), 2, order)[338:346]
        assert time == struct.pack(order + "I", 0) + struct.pack(order + "I", 1)


@both_orders
def test_bext_that_is_short_or_beyond_64_bits_is_not_kept(order: Order) -> None:
    assert refused((b"bext", bext(0, order, b"")[:-1]), 1, order) == "bext"
    assert refused((b"bext", bext(2**63, order)), 2, order) == "bext"
    assert len(alone((b"bext", bext(0, order, b"")), 2, order)) == 602


@pytest.mark.parametrize("history", [b"", b"A=PCM,F=8000", b"A=PCM,F=8000\r\n", b"A=PCM,F=8000\r\n\0\0"])
def test_the_coding_history_gains_a_line(history: bytes) -> None:
    [(_, made)], lost = rescaled([(b"bext", bext(1, "<", history))], Fraction(2), "<", "A=PCM,F=16000")
    assert lost == []
    lines = [b"A=PCM,F=8000"] * bool(history) + [b"A=PCM,F=16000", b""]
    assert made == bext(2, "<", b"\r\n".join(lines))


@both_orders
def test_cue_points_move_with_the_samples(order: Order) -> None:
    points = [(0, 0), (100, 7), (LIMIT // 5, LIMIT // 5)]
    moved = [(0, 0), (500, 35), (LIMIT // 5 * 5, LIMIT // 5 * 5)]
    assert alone((b"cue ", cue(points, order)), 5, order) == cue(moved, order)
    assert alone((b"cue ", cue([], order)), 5, order) == cue([], order)


@pytest.mark.parametrize(
    "payload",
    [
        cue([(1, 1)], "<", kind=b"slnt"),
        cue([(1, 1), (2, 2)], "<", starts=4),
        cue([(2**31, 1)], "<"),
        cue([(1, 2**31)], "<"),
        cue([(1, 1)], "<")[:-1],
        cue([(1, 1)], "<") + b"\0",
        struct.pack("<I", 1) + cue([(1, 1), (2, 2)], "<")[4:],
        cue([(1, 1)], ">"),
        b"\1\0",
    ],
    ids=["silence", "blocks", "position", "offset", "short", "long", "more", "swapped", "count"],
)
def test_cue_points_that_cannot_be_understood_are_not_kept(payload: bytes) -> None:
    assert refused((b"cue ", payload)) == "cue"


@both_orders
def test_loops_keep_their_samples_and_the_sampler_its_data(order: Order) -> None:
    before = smpl(22_676, [(0, 0, 0), (10, 19, 0)], order, b"private")
    # Ten samples from 10 on are forty from 40 on: the last of them is 79.
    after = smpl(5669, [(0, 3, 0), (40, 79, 0)], order, b"private")
    assert alone((b"smpl", before), 4, order) == after


@pytest.mark.parametrize(
    ("period", "factor", "rounded"), [(22_675, 2, 11_338), (20_833, 4, 5208), (0, 3, 0)]
)
def test_sample_period_is_rounded(period: int, factor: int, rounded: int) -> None:
    assert alone((b"smpl", smpl(period, [], "<")), factor, "<") == smpl(rounded, [], "<")


@pytest.mark.parametrize(
    ("factor", "end", "fraction"),
    # A loop of 10.75 samples is one of 21.5, 32.25, 43 samples.
    [(1, 9, 0xC0000000), (2, 20, 0x80000000), (3, 31, 0x40000000), (4, 42, 0)],
)
@both_orders
def test_loops_that_end_between_samples_keep_their_time(
    factor: int, end: int, fraction: int, order: Order
) -> None:
    payload = alone((b"smpl", smpl(1200, [(0, 9, 0xC0000000)], order)), factor, order)
    assert payload == smpl(1200 // factor, [(0, end, fraction)], order)


@both_orders
@pytest.mark.parametrize("start", [0, 1, 1000, 123_457])
@pytest.mark.parametrize("ratio", [(48_000, 44_100), (96_000, 22_050), (44_100, 48_000)])
def test_loops_keep_their_pitch(ratio: tuple[int, int], start: int, order: Order) -> None:
    factor = Fraction(*ratio)
    payload = alone((b"smpl", smpl(1200, [(start, start + 99, 0)], order)), factor, order)
    made = struct.unpack_from(order + "3I", payload, 36 + 8)
    assert abs(made[0] - start * factor) <= Fraction(1, 2)
    length = made[1] + 1 - made[0] + Fraction(made[2], 2**32)
    assert abs(length / (100 * factor) - 1) < 1e-9


def marks(places: dict[int, int]) -> bytes:
    """A MARK chunk; the name of marker n has n letters."""
    body = struct.pack(">H", len(places))
    for mark, place in places.items():
        body += struct.pack(">hIB", mark, place, mark) + b"n" * mark + bytes((mark + 1) % 2)
    return body


def test_markers_move_with_the_samples_and_loops_between_them_keep_their_pitch() -> None:
    instrument = bytes(8) + struct.pack(">hhhhhh", 1, 2, 3, 0, 4, 1)
    # 1001 is at 1089.52 and 1101 at 1198.37; but a loop of 100 samples is one of 108.84.
    before, after = marks({1: 7, 2: 1001, 3: 1101, 4: 1301}), marks({1: 8, 2: 1090, 3: 1199, 4: 1416})
    rest = (b"INST", instrument)
    moved = rescaled([(b"MARK", before), rest], Fraction(48_000, 44_100), ">")
    assert moved == ([(b"MARK", after), rest], [])
    assert refused((b"MARK", before[:-4]), 2, ">") == "MARK"
    assert refused((b"MARK", marks({1: 2**31})), 2, ">") == "MARK"


def test_a_loop_may_end_at_the_last_sample_that_counts() -> None:
    last = smpl(6, [(0, 2**31 - 1, 0)], "<")
    assert alone((b"smpl", last), 2, "<") == smpl(3, [(0, LIMIT, 0)], "<")
    assert refused((b"smpl", smpl(6, [(0, 2**31 - 1, 2**31)], "<"))) == "smpl"
    assert refused((b"smpl", smpl(6, [(2**31, 0, 0)], "<"))) == "smpl"


@pytest.mark.parametrize("size", [0, 35, 36, 59])
def test_smpl_that_is_cut_short_is_not_kept(size: int) -> None:
    assert refused((b"smpl", smpl(6, [(0, 1, 0)], "<")[:size]), 1) == "smpl"


@both_orders
def test_labels_stay_and_labelled_regions_grow(order: Order) -> None:
    rest = label(order) + subchunk(b"note", bytes(5), order) + subchunk(b"file", bytes(8), order)
    before, after = (b"adtl" + region(samples, order) + rest + region(0, order) for samples in (11, 66))
    assert alone((b"LIST", before), 6, order) == after
    unpadded = alone((b"LIST", before[:-1]), 6, order)
    assert unpadded == after[:-1]


@pytest.mark.parametrize(
    "body",
    [
        label("<") + subchunk(b"segm", bytes(8), "<"),
        region(2**31, "<"),
        label(">"),
        label("<")[:-1],
        label("<") + b"\0\0",
        subchunk(b"labl", bytes(3), "<"),
        subchunk(b"ltxt", bytes(19), "<"),
        subchunk(b"file", bytes(7), "<"),
    ],
    ids=["unknown", "overflow", "swapped", "short", "trailing", "labl", "ltxt", "file"],
)
def test_associated_data_that_cannot_be_understood_are_not_kept(body: bytes) -> None:
    assert refused((b"LIST", b"adtl" + body)) == "LIST adtl"


def test_info_stays_as_it_is_even_damaged() -> None:
    assert alone((b"LIST", b"INFOINAM\xff"), 2, "<") == b"INFOINAM\xff"


KNOWN = [*TIMELESS, *REMADE, b"bext", b"cue ", b"smpl", b"LIST", b"MARK"]
STARTS = [b"", b"adtl", b"INFO", b"\1\0\0\0", b"\0\0\0\1", b"\2\0\0\0", bytes(28) + b"\1\0\0\0", bytes(338)]
whole = st.sampled_from(BOTH).flatmap(
    lambda order: st.sampled_from(
        [
            b"adtl" + region(9, order) + label(order),
            cue([(1, 2), (3, 4)], order),
            smpl(9, [(1, 2, 3)], order),
            bext(2**40, order),
        ]
    )
)
damaged = st.builds(
    lambda good, at, bad: good[:at] + bad + good[at + 1 :], whole, st.integers(0, 90), st.binary()
)
anything = st.builds(lambda start, rest: start + rest, st.sampled_from(STARTS), st.binary(max_size=80))
payloads = whole | damaged | anything
orders = st.sampled_from(BOTH)


@pytest.mark.parametrize("chunk_id", KNOWN)
@settings(max_examples=15)  # for each kind
@given(payload=payloads, order=orders, factor=st.integers(1, 2**40))
def test_no_payload_raises(chunk_id: bytes, payload: bytes, order: Order, factor: int) -> None:
    kept, lost = rescaled([(chunk_id, payload)], Fraction(factor), order)
    assert len(kept) + len(lost) == (chunk_id not in REMADE)
    assert all(len(body) == len(payload) for _, body in kept)
    tags_of([(chunk_id, payload)], order)


@given(chunks=st.lists(st.tuples(st.sampled_from(KNOWN), payloads), max_size=4), order=orders)
def test_at_the_same_rate_what_is_kept_is_the_same(chunks: list[Chunk], order: Order) -> None:
    kept, _ = rescaled(chunks, Fraction(1), order)
    rest = iter(chunks)
    assert all(chunk in rest for chunk in kept)


@given(payload=payloads, order=orders, factors=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_counts_grow_alike_at_once_and_in_two_steps(
    payload: bytes, order: Order, factors: tuple[int, int]
) -> None:
    first, second = factors
    chunks = [(chunk_id, payload) for chunk_id in (b"bext", b"cue ", b"LIST")]
    steps, _ = rescaled(rescaled(chunks, Fraction(first), order)[0], Fraction(second), order)
    assert steps == rescaled(chunks, Fraction(first * second), order)[0]


TAGS = {
    "title": "Große Fuge",
    "copyright": "none",
    "software": "convt",
    "artist": "a",
    "date": "1826-01-02",
    "album": "op. 133",
    "tracknumber": "1",
    "genre": "四重奏",
    "comment": "odd",
}


def wave(order: Order, tags: dict[str, str], chunk: Chunk | None = None) -> bytes:
    """A WAVE file of five samples with libsndfile's tags, or with a chunk appended by hand."""
    memory = BytesIO()
    endian = "LITTLE" if order == "<" else "BIG"
    with soundfile.SoundFile(memory, "w", 8000, 1, "PCM_16", endian, "WAV") as sound:
        for name, text in tags.items():
            setattr(sound, name, text)
        sound.write(np.zeros(5))
    data = memory.getvalue() + (subchunk(*chunk, order) if chunk else b"")
    return data[:4] + struct.pack(order + "I", len(data) - 8) + data[8:]


def chunks_of(data: bytes, order: Order) -> list[Chunk]:
    at, chunks = 12, []
    while at < len(data):
        chunk_id, size = struct.unpack_from(order + "4sI", data, at)
        chunks.append((chunk_id, data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return chunks


def info(order: Order, *texts: tuple[bytes, bytes]) -> Chunk:
    return b"LIST", b"INFO" + b"".join(subchunk(kind, text, order) for kind, text in texts)


@both_orders
def test_tags_that_libsndfile_wrote_are_read(order: Order) -> None:
    tags = tags_of(chunks_of(wave(order, TAGS), order), order)
    assert tags.pop("software").startswith("convt (libsndfile-")
    assert tags == {name: text for name, text in TAGS.items() if name != "software"}


@both_orders
def test_tags_that_are_written_are_read_by_libsndfile(order: Order) -> None:
    chunk = info_of(TAGS, order)
    assert chunk is not None
    sound = soundfile.SoundFile(BytesIO(wave(order, {}, chunk)))
    assert sound.copy_metadata() == TAGS
    assert sound.frames == 5
    assert tags_of([chunk], order) == TAGS


def test_a_long_comment_hides_no_other_tag_from_libsndfile() -> None:
    long = TAGS | {"comment": "la " * 1000}
    chunk = info_of(long, "<")
    assert chunk is not None
    assert tags_of([chunk], "<") == long
    tags = soundfile.SoundFile(BytesIO(wave("<", {}, chunk))).copy_metadata()
    assert tags == {name: text for name, text in TAGS.items() if name != "comment"}


@pytest.mark.parametrize("tags", [{}, {"title": ""}, {"license": "CC0", "mood": "grave"}])
def test_without_a_text_to_hold_there_is_no_info(tags: dict[str, str]) -> None:
    assert info_of(tags, "<") is None


def test_texts_are_utf8_with_a_nul_and_padded() -> None:
    expected = b"INFOINAM\x05\0\0\0\xc3\xa9ab\0\0IGNR\x02\0\0\0x\0"
    assert info_of({"genre": "x", "title": "éab"}, "<") == (b"LIST", expected)


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"caf\xc3\xa9\0", "café"), (b"caf\xe9\0", "café"), (b"no end", "no end"), (b"one\0two\0", "one")],
)
def test_texts_are_utf8_or_latin1_up_to_a_nul(raw: bytes, text: str) -> None:
    assert tags_of([info("<", (b"INAM", raw))], "<") == {"title": text}


def test_the_last_text_of_a_kind_holds_as_for_libsndfile() -> None:
    chunk = info("<", (b"INAM", b"first\0"), (b"ISRF", b"vinyl\0"), (b"INAM", b"last\0"))
    assert tags_of([chunk], "<") == {"title": "last"}
    assert soundfile.SoundFile(BytesIO(wave("<", {}, chunk))).title == "last"
    assert tags_of([chunk, info("<", (b"INAM", b"\0"), (b"IART", b"x"))], "<") == {
        "title": "last",
        "artist": "x",
    }


def test_texts_before_a_damage_are_found() -> None:
    good, cut = info("<", (b"INAM", b"a"))[1], subchunk(b"IART", b"long", "<")[:-1]
    assert tags_of([(b"LIST", good + cut)], "<") == {"title": "a"}
    assert tags_of([(b"LIST", good + b"IART")], "<") == {"title": "a"}
    assert tags_of([(b"LIST", b"adtl" + good[4:]), (b"INFO", good)], "<") == {}
