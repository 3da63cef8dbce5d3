"""Files as nobody should write them, and as programs do: headers, tags, damage, names."""

import os
import struct
from collections.abc import Iterator
from itertools import chain

import numpy as np

from tests.corpus.made import RATE, Made, decoded, encoded, held, steps, tones
from tests.support import mpeg
from tests.support.audio_bytes import MOST, aiff, au, chunk, ds64, extensible, fmt, wav

_X = tones(501)
_DATA = steps(_X, 16).astype("<i2").tobytes()
_TRUTH = steps(_X, 16) / 2.0**15
_LIST = chunk(b"LIST", b"INFOINAM\x02\0\0\0a\0")
_ID3V1 = b"TAG" + b"title".ljust(125, b"\0")
_APE = b"APETAGEX" + struct.pack("<4I", 2000, 32, 0, 0) + bytes(8)
_CUT = "truncated"
_UNKNOWN = "not recognised as audio"


def _id3v2(length: int) -> bytes:
    sizes = bytes(length >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\4\0\0" + sizes + b"TIT2".ljust(length, b"\0")


def wav_headers() -> Iterator[Made]:
    """Yield WAV files of 16 bits whose headers differ."""
    rate = 8000  # of `wav`
    samples = {
        "plain": wav(_DATA),
        "RIFX": wav(steps(_X, 16).astype(">i2").tobytes(), magic=b"RIFX"),
        "an odd chunk in front": wav(_DATA, before=chunk(b"junk", b"abc")),
        "big chunks in front": wav(_DATA, before=chunk(b"JUNK", bytes(100_000)) + chunk(b"PAD ", bytes(4))),
        "tags in front": wav(_DATA, before=_LIST),
        "tags behind": wav(_DATA, behind=_LIST),
        "an odd chunk behind": wav(_DATA, behind=chunk(b"abcd", b"abc") + _LIST),
        "a chunk without its last byte": wav(_DATA, behind=chunk(b"abcd", b"abc")[:-1]),
        "a fact chunk": wav(_DATA, before=chunk(b"fact", struct.pack("<I", 501))),
        "a wrong fact chunk": wav(_DATA, before=chunk(b"fact", struct.pack("<I", 9))),
        "fmt of 18 bytes": wav(_DATA, form=fmt() + bytes(2)),
        "fmt of 40 bytes": wav(_DATA, form=fmt() + bytes(24)),
        "a wrong byte rate": wav(_DATA, form=fmt()[:8] + bytes(4) + fmt()[12:]),
        "ID3v1 behind": wav(_DATA, behind=_ID3V1),
        "ID3v2 in a chunk": wav(_DATA, behind=chunk(b"id3 ", _id3v2(100))),
        "APE behind": wav(_DATA, behind=_APE),
        "junk behind": wav(_DATA, behind=bytes(range(1, 100))),
        "RF64": wav(_DATA, before=ds64(len(_DATA), frames=501), length=MOST, riff=MOST, magic=b"RF64"),
        "BW64": wav(_DATA, before=ds64(len(_DATA), frames=501), length=MOST, riff=MOST, magic=b"BW64"),
    }
    for length in (0, MOST, MOST - 36, 0x7FFFFFFF, 0x7FFFF000, 0x80000000):
        samples[f"a data length of {length:#x}"] = wav(_DATA, length=length)
    for riff in (0, 36, MOST, 0x7FFFFFFF):
        samples[f"a RIFF length of {riff:#x}"] = wav(_DATA, riff=riff)
        samples[f"a RIFF length of {riff:#x} and no data length"] = wav(_DATA, riff=riff, length=0)
    for what, data in samples.items():
        yield Made("WAV headers", f"{what}.wav", data, _TRUTH, rate)
    for frames in (0, 1):
        yield Made(
            "WAV headers", f"{frames} samples.wav", wav(_DATA[: 2 * frames]), _TRUTH[:, :frames], rate
        )
    for cut in (1, 2, 500, len(_DATA)):
        yield Made("truncated", f"{cut} bytes less.wav", wav(_DATA)[:-cut], rate=rate, refusal=_CUT)


def wav_formats() -> Iterator[Made]:
    """Yield WAV files whose samples are described at length, or wider than they say."""
    x = tones(501, 2)
    for bits, kind in ((8, "|u1"), (16, "<i2"), (24, ""), (32, "<i4")):
        whole = steps(x, bits).T
        data = (whole + (128 if bits == 8 else 0)).astype(kind or "<i4").tobytes()
        if bits == 24:
            data = whole.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
        for mask in (0, 3):
            made = wav(data, form=extensible(1, bits, mask))
            yield Made(
                "WAV extensible", f"{bits} bits mask {mask}.wav", made, whole.T / 2.0 ** (bits - 1), 8000
            )
    for bits in (32, 64):
        real = x.T.astype(f"<f{bits // 8}")
        made = wav(real.tobytes(), form=extensible(3, bits))
        yield Made("WAV extensible", f"float {bits}.wav", made, real.T.astype(float), 8000)
    twelve = steps(x, 12)  # of which the lower four bits of two bytes are nothing
    made = wav((twelve << 4).astype("<i2").T.tobytes(), form=fmt(channels=2, bits=12, frame=4))
    yield Made("WAV extensible", "12 bits in 16.wav", made, twelve / 2.0**11, 8000)
    twenty = extensible(1, 24)[:18] + struct.pack("<H", 20) + extensible(1, 24)[20:]
    data = (steps(x, 20).T << 4).astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    yield Made("WAV extensible", "20 bits in 24.wav", wav(data, form=twenty), steps(x, 20) / 2.0**19, 8000)
    ambisonic = extensible(1, 16, guid=bytes.fromhex("21070000d311864452c1ca000000")[-12:])
    for code, name in ((2, "unknown"), (0x2001, "DTS"), (0xFF, "AAC")):
        made = wav(_DATA, form=fmt(code) + bytes(2))
        yield Made("WAV formats", f"{name} {code}.wav", made, rate=8000, refusal="if ffmpeg can read it")
    yield Made(
        "WAV formats",
        "another GUID.wav",
        wav(_DATA * 2, form=ambisonic),
        rate=8000,
        refusal="if ffmpeg can read it",
    )


def other_headers() -> Iterator[Made]:
    """Yield AU, AIFF, W64 and FLAC files whose lengths or surroundings are odd."""
    big = steps(_X, 16).astype(">i2").tobytes()
    rate = 8000
    for length in (0, MOST, 0x7FFFFFFF, len(big)):
        yield Made("AU headers", f"a length of {length:#x}.au", au(big, length=length), _TRUTH, rate)
    for note in (b"odd", bytes(8), bytes(5000)):
        yield Made("AU headers", f"a note of {len(note)}.au", au(big, note=note), _TRUTH, rate)
    little = au(_DATA, order="<")
    yield Made("AU headers", "little.au", little, _TRUTH, rate)
    yield Made("truncated", "half.au", au(big)[:-500], rate=rate, refusal=_CUT)

    size = 8 + len(big)
    form = 46 + len(big)
    before = {
        "plain": b"",
        "a name": chunk(b"NAME", b"abc", ">"),
        "markers": chunk(b"MARK", struct.pack(">HHIBB", 1, 1, 100, 1, 97) + bytes(0), ">"),
        "an unknown chunk": chunk(b"abcd", bytes(1001), ">"),
    }
    for what, chunks in before.items():
        data = aiff(form + len(chunks), 501, size, before=chunks, data=big)
        yield Made("AIFF headers", f"{what}.aiff", data, _TRUTH, rate)
    nothing = aiff(0, 0, 0, data=big)
    yield Made("AIFF headers", "lengths of 0.aiff", nothing, _TRUTH, rate)
    yield Made("truncated", "half.aiff", aiff(form, 501, size, data=big)[:-500], rate=rate, refusal=_CUT)

    for container, subtype in (
        ("W64", "PCM_16"),
        ("CAF", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("RF64", "PCM_16"),
    ):
        whole = encoded(tones(5001), RATE, container, subtype)
        name = f"half.{'wav' if container == 'RF64' else container.lower()}"
        refusal = "damaged" if container == "CAF" else _CUT  # libsndfile's word
        yield Made("truncated", name, whole[: len(whole) // 2], refusal=refusal)
    flac, truth = encoded(tones(5001), RATE, "FLAC", "PCM_16"), held(tones(5001), "PCM_16")
    at = flac.index(b"fLaC") + 8 + 13
    unstated = flac[:at] + bytes((flac[at] & 0xF0,)) + bytes(4) + flac[at + 5 :]
    unsigned = flac[: at + 5] + bytes(16) + flac[at + 21 :]  # no checksum
    for what, data in {
        "ID3v1 behind": flac + _ID3V1,
        "junk behind": flac + bytes(1000),
        "APE behind": flac + _APE,
        "ID3v2 in front": _id3v2(500) + flac,
        "no length": unstated,
        "no checksum": unsigned,
    }.items():
        yield Made("FLAC, tags", f"{what}.flac", data, truth)


def joined() -> Iterator[Made]:
    """Yield two files in one, as `cat` makes them: of most kinds, the second is only what is behind."""
    x = tones(6000)
    kinds = ("FLAC PCM_16", "WAV PCM_16", "AU PCM_16", "OGG VORBIS", "OGG OPUS")
    for container, subtype in map(str.split, kinds):
        whole = encoded(x, RATE, container, subtype)
        truth = held(x, subtype)
        if truth is None:
            truth = decoded(whole)
        name = f"{subtype}.{container.lower()}"
        refusal = "Ogg file of 2 consecutive streams" if container == "OGG" else ""
        yield Made("joined", name, whole + whole, truth, RATE, 1e-5, refusal=refusal)


def mp3s() -> Iterator[Made]:
    """Yield MP3 files, with and without a stated length, and with all that may be around them."""
    for rate in (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000):
        for channels in (1, 2):
            whole = encoded(tones(12_000, channels), rate, "MP3", "MPEG_LAYER_III")
            truth, bare = decoded(whole), mpeg.unstated(whole)
            limit = "" if 2 * rate <= 48_000 else "MP3"
            name = f"{rate} {channels}"
            yield Made("MP3", f"{name}.mp3", whole, truth, rate, 1e-5, unwritten=limit)
            yield _unstated(f"{name} unstated.mp3", bare, bare, truth, rate, limit)
    whole = encoded(tones(12_000), RATE, "MP3", "MPEG_LAYER_III")
    truth, bare = decoded(whole), mpeg.unstated(whole)
    around = {
        "ID3v1": (b"", _ID3V1),
        "ID3v2": (_id3v2(300), b""),
        "a big ID3v2": (_id3v2(200_000), b""),
        "ID3v2 and ID3v1": (_id3v2(300), _ID3V1),
        "two ID3v2": (_id3v2(300) + _id3v2(200), b""),
        "APE and ID3v1": (b"", _APE + _ID3V1),
        "zeros in front": (bytes(1000), b""),
        "zeros behind": (b"", bytes(1000)),
        "half a frame in front": (bare[300:411], b""),
    }
    for what, (front, back) in around.items():
        yield Made("MP3, tags and junk", f"{what}.mp3", front + whole + back, truth, RATE, 1e-5)
        yield _unstated(f"{what} unstated.mp3", front + bare + back, bare, truth, RATE)
    yield Made("truncated", "stated.mp3", whole[: len(whole) // 2], refusal=_CUT)
    yield Made("truncated", "one byte less.mp3", whole[:-1], refusal=_CUT)
    body = struct.pack("<HHIIHHHHIHHH", 85, 1, RATE, 8000, 1, 0, 12, 1, 2, 576, 1, 0)
    yield _unstated("in WAV.wav", wav(bare, form=body), bare, truth, RATE)
    joined = _unstated("joined.mp3", bare + bare, bare, truth, RATE)
    assert joined.frames
    yield Made(
        "MP3, tags and junk", "joined.mp3", bare + bare, truth, RATE, 1e-4, joined.at, 2 * joined.frames
    )


def _unstated(name: str, data: bytes, frames: bytes, truth: np.ndarray, rate: int, limit: str = "") -> Made:
    kind = "MP3, no stated length"
    return Made(kind, name, data, truth, rate, 1e-5, mpeg.DELAY, mpeg.decoded(frames), unwritten=limit)


def oggs() -> Iterator[Made]:
    """Yield Ogg files that are cut off, joined or surrounded."""
    for subtype, extension in (("VORBIS", "ogg"), ("OPUS", "opus")):
        for rate, channels in ((8000, 1), (16_000, 2), (24_000, 1), (48_000, 2)):
            whole = encoded(tones(12_000, channels), rate, "OGG", subtype)
            limit = "Opus" if subtype == "OPUS" and rate not in (8000, 12_000, 24_000) else ""
            yield Made("OGG", f"{rate}.{extension}", whole, decoded(whole), rate, 1e-5, unwritten=limit)
        whole = encoded(np.tile(tones(6000), 30), RATE, "OGG", subtype)
        yield Made("truncated", f"half.{extension}", whole[: len(whole) // 2], refusal=_CUT)
        at = whole.rindex(b"OggS")
        yield Made("truncated", f"half a page.{extension}", whole[: (at + len(whole)) // 2], refusal=_CUT)
        yield Made("OGG", f"ID3v1 behind.{extension}", whole + _ID3V1, decoded(whole), RATE, 1e-5)


def names() -> Iterator[Made]:
    """Yield files with odd names, or of another kind than their names say."""
    wave = wav(_DATA)
    for name in (
        "ünï çødé 音.wav",
        "a b'c\"d$(e).wav",
        "-q.wav",
        "line\nbreak.wav",
        "IN.WAV",
        "a" * 200 + ".wav",
        "a.b.c.wav",
    ):
        yield Made("names", name, wave, _TRUTH, 8000)
    yield Made("names", os.fsdecode(b"latin-\xe9.wav"), wave, _TRUTH, 8000)
    flac = encoded(tones(5001), RATE, "FLAC", "PCM_16")
    yield Made("names", "flac, in fact.wav", flac, held(tones(5001), "PCM_16"))
    yield Made("names", "SHOUTED.FLAC", flac, held(tones(5001), "PCM_16"))
    for name in ("wave as.mp3", "wave, really.flac", "wave, too.aiff", "no extension", "odd.xyz"):
        yield Made("names", name, wave, _TRUTH, 8000)
    mp3 = encoded(tones(12_000), RATE, "MP3", "MPEG_LAYER_III")
    yield Made("names", "mp3, in fact.wav", mp3, decoded(mp3), RATE, 1e-5)


def no_audio() -> Iterator[Made]:
    """Yield files that hold no audio, whatever their names say."""
    kind = "no audio"
    yield Made(kind, "empty.wav", b"", refusal="empty file")
    yield Made(kind, "text.wav", b"not found\n", refusal=_UNKNOWN)
    yield Made(kind, "page.mp3", b"<!DOCTYPE html><html>" + b"not found " * 500, refusal=_UNKNOWN)
    yield Made(kind, "picture.flac", b"\x89PNG\r\n\x1a\n" + bytes(1000), refusal=_UNKNOWN)
    yield Made(kind, "zeros.wav", bytes(1000), refusal=_UNKNOWN)
    yield Made(kind, "zeros.mp3", bytes(1000), refusal="if ffmpeg can read it")
    yield Made(kind, "noise.ogg", np.random.default_rng(1).bytes(5000), refusal="if ffmpeg can read it")
    yield Made(kind, "only a tag.mp3", _id3v2(500), refusal="if ffmpeg can read it")
    yield Made(kind, "a head.wav", wav(_DATA)[:30], refusal=_CUT)
    yield Made(kind, "samples.raw", _DATA, refusal=".raw files carry no sample rate")
    shorten = b"NIST_1A\n   1024\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    yield Made(kind, "shorten.sph", shorten.ljust(1024) + bytes(100), refusal="packed with Shorten")
    for head, name in (
        (b"DSD \x1c", "dsf"),
        (b"FRM8", "dff"),
        (b"MAC ", "ape"),
        (b"#!AMR\n", "amr"),
        (b"ajkg", "shn"),
    ):
        yield Made(kind, f"a.{name}", head + bytes(1000), refusal="which convt does not read")


def oddities() -> Iterator[Made]:
    """Yield all of these."""
    return chain(
        wav_headers(), wav_formats(), other_headers(), joined(), mp3s(), oggs(), names(), no_audio()
    )
