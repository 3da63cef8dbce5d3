"""Files of every container and sample format, by the encoders that there are."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import soundfile

from tests.corpus.made import RATE, Made, decoded, encoded, held, resembles, tones
from tests.support import mpeg
from tests.support.oracles import Array
from tests.support.pipes import chunks

# How much quieter than the signal the error of a coder is, in dB: less is another signal.
_QUALITY = {"ULAW": 30.0, "ALAW": 30.0, "GSM610": 8.0, "OPUS": 10.0, "VORBIS": 10.0, "MPEG_LAYER_III": 15.0}
_QUALITY |= {"G723_24": 8.0, "DPCM_8": 8.0, "NMS_ADPCM_16": 6.0, "NMS_ADPCM_24": 10.0}
# libsndfile's own encoders damage these samples.
_SPOILT = ("ALAC_20", "ALAC_24", "ALAC_32", "PAF", "SDS")
_NOT_WRITTEN = {
    "PAF": "convt writes no .paf files",
    "SDS": "convt writes no .sds files",
    "WVE": "WVE cannot store a sample rate of 16000 Hz",
    "XI": "XI cannot store a sample rate of 88200 Hz",
}
_RATES = {"WVE": 8000, "XI": 44_100}
_EXTENSIONS = {"WAVEX": "wav", "RF64": "wav", "SVX": "8svx", "MPC2K": "snd", "NIST": "sph", "IRCAM": "sf"}
_UNSTATED = {
    "ffmpeg mp2": "convt writes no .mp2 files",
    "sox htk": "HTK cannot store a sample rate of",
    "sox wve": "WVE cannot store a sample rate of 16000 Hz",
}
_SEEN = ("SD2", "RAW")  # what these hold is known from outside of the file


def by_libsndfile() -> Iterator[Made]:
    """Yield every format that libsndfile writes, mono and stereo, in every byte order."""
    for container in sorted(soundfile.available_formats()):
        if container in _SEEN:
            continue
        for subtype, channels in product(sorted(soundfile.available_subtypes(container)), (1, 2)):
            if container == "MP3" and subtype != "MPEG_LAYER_III":
                continue
            written = set[bytes]()
            for endian in ("FILE", "LITTLE", "BIG"):
                made = _written(container, subtype, channels, endian)
                if made and made.data not in written:
                    written.add(made.data)
                    yield made


def _written(container: str, subtype: str, channels: int, endian: str) -> Made | None:
    if endian != "FILE" and not soundfile.check_format(container, subtype, endian):
        return None
    rate = _RATES.get(container, RATE)
    x = tones(3360, channels)  # whole blocks of every coder
    try:
        data = encoded(x, rate, container, subtype, endian)
    except soundfile.LibsndfileError:  # so many channels are too many
        return None
    kind = f"{container} by libsndfile"
    name = f"{container}_{subtype}_{channels}_{endian}.{_EXTENSIONS.get(container, container.lower())}"
    truth = held(x, subtype)
    if truth is None or container in _SPOILT:
        truth = decoded(data)
        if subtype not in _SPOILT and container not in _SPOILT:
            assert resembles(x, truth, _QUALITY.get(subtype, 15.0)), name
    stated = soundfile.info(io.BytesIO(data)).samplerate  # some count in microseconds
    refusal = _NOT_WRITTEN.get(container, "")
    if container == "VOC" and subtype == "PCM_U8":
        refusal = "VOC cannot store a sample rate"
    real = x.shape[1] if truth.shape[1] > x.shape[1] else None
    return Made(kind, name, data, truth, stated, real=real, unwritten=refusal)


def by_shape() -> Iterator[Made]:
    """Yield files of few samples, many channels and odd rates, in formats with a reader of their own."""
    for container, subtype in (
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("AIFF", "PCM_24"),
        ("FLAC", "PCM_16"),
        ("CAF", "PCM_16"),
        ("AU", "PCM_16"),
        ("W64", "PCM_32"),
        ("RF64", "PCM_16"),
    ):
        extension = "wav" if container == "RF64" else container.lower()
        shapes = [(frames, 1, RATE) for frames in (0, 1, 2, 3, 127, 4097)]
        shapes += [(501, channels, RATE) for channels in range(1, 9)]
        shapes += [(501, 1, rate) for rate in (1, 7919, 384_000)]
        for frames, channels, rate in shapes:
            x = tones(5000, channels)[:, :frames]
            data = encoded(x, rate, container, subtype)
            name = f"{container}_{subtype}_{frames}_{channels}_{rate}.{extension}"
            unwritten = "FLAC" if container == "FLAC" and rate > 327_675 else ""
            refusal = "empty file" if not data else ""
            yield Made(
                f"shapes of {container}",
                name,
                data,
                held(x, subtype),
                rate,
                refusal=refusal,
                unwritten=unwritten,
            )


_VOC = "VOC file of 12 blocks, which libsndfile reads as one"
_UNREAD = "damaged, or a file type that libsndfile does not read"
# Of ffmpeg: extension, options, and what is left of the samples (in bits, or in dB) or why it is refused.
_PIPED: list[tuple[str, str, int | float | str]] = [
    ("wav", "pcm_s16le", 16),
    ("wav", "pcm_s24le", 24),
    ("wav", "pcm_f32le", 32),
    ("wav", "adpcm_ima_wav", 15.0),
    ("w64", "pcm_s16le", 16),
    ("w64", "pcm_f32le", 32),
    ("au", "pcm_s16be", 16),
    ("aiff", "pcm_s16be", 16),
    ("aiff", "pcm_s24be", 24),
    ("flac", "flac", 16),
    ("ogg", "libvorbis", 10.0),
    ("opus", "libopus", 10.0),
    ("mp3", "libmp3lame", 10.0),
    ("voc", "pcm_s16le", "VOC file of 12 blocks"),
]
_FFMPEG: list[tuple[str, str, int | float | str]] = [
    *(
        ("wav", f"-c:a pcm_{code}", bits)
        for code, bits in (("u8", 8), ("s16le", 16), ("s24le", 24), ("s32le", 32))
    ),
    ("wav", "-c:a pcm_f32le", 32),
    ("wav", "-c:a pcm_f64le", 32),
    ("wav", "-c:a pcm_mulaw", 30.0),
    ("wav", "-c:a pcm_alaw", 30.0),
    ("wav", "-c:a adpcm_ms", 15.0),
    ("wav", "-c:a adpcm_ima_wav", 15.0),
    ("wav", "-c:a pcm_s16le -write_bext 1 -metadata description=d", 16),
    ("wav", "-c:a pcm_s16le -rf64 always", 16),
    ("wav", "-c:a pcm_s16le -write_peak on", 16),
    ("wav", "-c:a libmp3lame", 10.0),
    ("wav", "-c:a aac", "if ffmpeg can read it"),
    ("wav", "-c:a ac3", "if ffmpeg can read it"),
    ("w64", "-c:a pcm_s16le", 16),
    ("w64", "-c:a pcm_f32le", 32),
    *(
        ("aiff", f"-c:a pcm_{code}", bits)
        for code, bits in (("s8", 8), ("s16be", 16), ("s24be", 24), ("s32be", 32))
    ),
    ("aifc", "-f aiff -c:a pcm_s16le", 16),
    ("aifc", "-f aiff -c:a pcm_f32be", 32),
    ("aifc", "-f aiff -c:a pcm_mulaw", 30.0),
    ("au", "-c:a pcm_s16be", 16),
    ("au", "-c:a pcm_f32be", 32),
    ("au", "-c:a pcm_mulaw", 30.0),
    ("caf", "-c:a pcm_s16be", 16),
    ("caf", "-c:a pcm_s24le", 24),
    ("caf", "-c:a alac", _UNREAD),
    ("caf", "-c:a alac -sample_fmt s32p", _UNREAD),
    ("flac", "-c:a flac", 16),
    ("flac", "-c:a flac -sample_fmt s32", 24),
    ("flac", "-c:a flac -compression_level 0", 16),
    ("flac", "-c:a flac -compression_level 12 -metadata title=t", 16),
    ("voc", "-c:a pcm_u8", _VOC),
    ("voc", "-c:a pcm_s16le", _VOC),
    ("sf", "-f ircam -c:a pcm_s16le", 16),
    ("oga", "-c:a flac", "FLAC in Ogg"),
    ("ogg", "-c:a libvorbis -q:a 5", 10.0),
    ("ogg", "-c:a libvorbis -q:a -1", 6.0),
    ("ogg", "-c:a libvorbis -q:a 10", 10.0),
    ("opus", "-c:a libopus -b:a 64k", 10.0),
    ("opus", "-c:a libopus -b:a 64k -frame_duration 60", 10.0),
    ("spx", "-c:a libspeex -ar 16000", "Speex audio"),
    *(("mp3", f"-c:a libmp3lame -b:a {rate}k", 10.0) for rate in (24, 64, 128, 160)),
    *(("mp3", f"-c:a libmp3lame -q:a {q}", 10.0) for q in (0, 4, 9)),
    ("mp3", "-c:a libmp3lame -abr 1 -b:a 64k -id3v2_version 3 -metadata title=t", 10.0),
    ("mp3", "-c:a libmp3lame -write_id3v1 1 -metadata title=t -metadata artist=a", 10.0),
    ("mp3", "-c:a libmp3lame -joint_stereo 0 -ac 2 -b:a 128k", 10.0),
    ("mp3", "-c:a libmp3lame -reservoir 0 -b:a 64k", 10.0),
    ("mp2", "-c:a mp2 -b:a 96k", 10.0),
    *((form, f"-f {form} -c:a {code} pipe:1", bits) for form, code, bits in _PIPED),
    ("m4a", "-c:a aac", "MPEG-4 audio"),
    ("m4a", "-c:a alac", "MPEG-4 audio"),
    ("aac", "-c:a aac", "AAC"),
    ("wma", "-c:a wmav2", "Windows Media audio"),
    ("ac3", "-c:a ac3", "not recognised"),
    ("wv", "-c:a wavpack", "WavPack audio"),
    ("tta", "-c:a tta", "TTA audio"),
    ("mka", "-c:a libopus", "Matroska"),
    ("webm", "-c:a libopus", "Matroska"),
]


def by_ffmpeg() -> Iterator[Made]:
    """Yield files of ffmpeg's encoders, of stereo in 32 bits; nothing if it is not there."""
    if not (ffmpeg := shutil.which("ffmpeg")):
        return
    x = tones(6000, 2)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.wav")
        for number, (extension, options, left) in enumerate(_FFMPEG):
            bits = left if isinstance(left, int) else 16
            exact = held(x, f"PCM_{'U8' if bits == 8 else bits}")
            assert exact is not None
            source.write_bytes(encoded(exact, RATE, "WAV", "PCM_32"))
            path = Path(folder, f"ffmpeg_{number}.{extension}")
            words = options.split()
            words += [] if "pipe:1" in words else [str(path)]
            command = [ffmpeg, "-v", "error", "-threads", "1", "-i", str(source), *words]
            run = subprocess.run(command, capture_output=True, check=False)
            if run.returncode:
                continue  # built without this encoder
            if run.stdout:  # of a pipe, in which it cannot go back to the lengths
                path.write_bytes(run.stdout)
            yield _coded(f"ffmpeg {extension}", path, exact, left)


# Of sox.
_SOX: list[tuple[str, str, int | float | str]] = [
    *(("wav", f"-e signed -b {bits}", bits) for bits in (16, 24, 32)),
    ("wav", "-e unsigned -b 8", 8),
    ("wav", "-e float -b 32", 24),
    ("wav", "-e mu-law", 30.0),
    ("wav", "-e ms-adpcm", 15.0),
    ("wav", "-e ima-adpcm", 15.0),
    ("wav", "-e gsm -r 8000 -c 1", 8.0),
    ("wavpcm", "-b 24", 24),
    ("aiff", "-b 16", 16),
    ("aifc", "-b 24", 24),
    ("au", "-b 16", 16),
    ("au", "-e mu-law", 30.0),
    ("caf", "-b 16", 16),
    ("w64", "-b 16", 16),
    ("flac", "-b 16", 16),
    ("flac", "-b 24 -C 8", 24),
    ("flac", "-b 8", 8),
    ("ogg", "-C 5", 10.0),
    ("mp3", "-C 128", 10.0),
    ("mp3", "-C -2", 10.0),
    ("voc", "-b 8", 8),
    ("voc", "-b 16", 16),
    ("8svx", "-b 8 -c 1", 8),
    ("sph", "-b 16", 16),
    ("sph", "-e mu-law", 30.0),
    ("sf", "-b 16", 16),
    ("mat4", "-b 16", 16),
    ("mat5", "-b 16", 16),
    ("pvf", "-b 16", 16),
    ("avr", "-b 16", 16),
    ("htk", "-b 16 -c 1", 16),
    ("wve", "-c 1 -r 8000", 20.0),
    ("gsm", "-c 1 -r 8000", "not recognised"),
    ("hcom", "-c 1 -r 22050", "not recognised"),
    ("sndt", "-c 1", "not recognised"),
    ("maud", "-b 16", "not recognised"),
    ("vox", "-c 1 -r 8000", "not recognised"),
    ("smp", "-c 1", "not recognised"),
    ("txw", "-c 1 -r 33000", _UNREAD),
    ("prc", "-c 1 -r 8000", "not recognised"),
]


def by_sox() -> Iterator[Made]:
    """Yield files of sox's encoders; nothing if it is not there."""
    if not (sox := shutil.which("sox")):
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.wav")
        for number, (extension, options, left) in enumerate(_SOX):
            words = options.split()
            channels = 1 if "-c" in words else 2
            rate = int(words[words.index("-r") + 1]) if "-r" in words else RATE
            bits = left if isinstance(left, int) else 16
            exact = held(tones(6080, channels), f"PCM_{'U8' if bits == 8 else bits}")
            assert exact is not None
            source.write_bytes(encoded(exact, rate, "WAV", "PCM_32"))
            path = Path(folder, f"sox_{number}.{extension}")
            command = [sox, "-D", "-V1", str(source), *words, str(path)]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                continue
            yield _coded(f"sox {extension}", path, exact, left, rate)


def by_flac() -> Iterator[Made]:
    """Yield files of the flac command, of depths that others do not write and into a pipe."""
    if not (flac := shutil.which("flac")):
        return
    for bits in (8, 12, 16, 20, 24):
        wide = 8 * -(-bits // 8)
        x = np.rint(tones(6000, 2) * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)
        raw = np.rint(x.T * 2.0 ** (bits - 1)).astype("<i4").reshape(-1, 1).view(np.uint8)[:, : wide // 8]
        form = ["--force-raw-format", "--endian=little", "--sign=signed", "--channels=2", f"--bps={bits}"]
        command = [flac, "-s", "-c", *form, f"--sample-rate={RATE}", "-"]
        run = subprocess.run(command, input=raw.tobytes(), capture_output=True, check=False)
        if not run.returncode:  # since it is a pipe, it does not state its length
            yield Made("flac", f"flac_{bits}.flac", run.stdout, x)


def _coded(kind: str, path: Path, exact: Array, left: float | str, rate: int = RATE) -> Made:
    data = path.read_bytes()
    if isinstance(left, str):
        return Made(kind, path.name, data, rate=rate, refusal=left)
    if isinstance(left, int):
        rate = soundfile.info(path).samplerate
        return Made(
            kind,
            path.name,
            data,
            exact,
            rate,
            unwritten=_UNSTATED.get(
                kind, "VOC cannot store a sample rate" if kind == "sox voc" and left == 8 else ""
            ),
        )
    if data.startswith(b"RIFF") and soundfile.info(path).subtype.startswith("MPEG"):
        frames = mpeg.decoded(chunks(data)[b"data"])  # which libsndfile estimates
        return Made(kind, path.name, data, exact, rate, 0.05, mpeg.DELAY, frames)
    truth, rate = decoded(data), soundfile.info(path).samplerate
    unwritten = _UNSTATED.get(kind, "Opus" if path.suffix == ".opus" and rate > RATE else "")
    if rate == RATE and not path.name.endswith((".opus", ".mp3", ".mp2")):
        assert resembles(exact, truth, left), path.name
    real = exact.shape[1] if exact.shape[1] < truth.shape[1] else None
    return Made(kind, path.name, data, truth, rate, real=real, unwritten=unwritten)
