"""Time whole commands beside sox and ffmpeg: ``python -m tests.benchmarks.pipelines`` writes a page."""

import argparse
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from convt import QUALITIES
from tests.benchmarks import page
from tests.benchmarks.race import Time, check_quiet, clean_environment

_HERE = Path(__file__).parent
_RATES = 48_000, 96_000
_RATIO = 44_100, 48_000
_BITS = {"PCM_16": ["16"], "PCM_24": ["24"], "FLOAT": ["32", "-e", "floating-point"]}  # as sox calls them
_CODECS = {"PCM_16": "pcm_s16le", "PCM_24": "pcm_s24le", "FLOAT": "pcm_f32le"}  # as ffmpeg does
_MAIN = "from convt_cli.entry import main; main()"
_SCRIPT = Path(sys.executable).with_name("convt")
_CONVT = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-c", _MAIN]
# A process's peak begins with that of its parent: a small one starts the commands.
_LAUNCH = """
import os, subprocess, sys, time
before = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - before, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(status != 0)
"""

Commands = dict[str, list[str]]
_ONE_THREAD = "convt, one thread"


class Usage(NamedTuple):
    """Seconds from start to end, seconds of all processors, and the peak of resident memory in MiB."""

    wall: float
    cpu: float
    memory: float


def conversions(source: str, target: str, subtype: str, to: int = _RATES[1]) -> Commands:
    """One file to one of another rate."""
    rate, convt = str(to), ["convt", "upsample", source, "-o", target, "--rate", str(to)]
    soxr, codec = f"aresample={rate}:resampler=soxr:precision=28", _CODECS[subtype]
    return {
        **ways([*convt, "--subtype", subtype, "-q"]),
        "sox": ["sox", source, "-b", *_BITS[subtype], target, "rate", "-v", rate],
        "ffmpeg": ["ffmpeg", "-y", "-loglevel", "error", "-i", source, "-af", soxr, "-c:a", codec, target],
    }


def batches(clips: list[str], folder: str, out: str) -> Commands:
    """All the clips of a folder, in one command and in a loop of the shell."""
    each = f'sox "$f" {shlex.quote(out)}/"${{f##*/}}" rate -v {_RATES[1]}'
    peer = [sys.executable, "-m", "tests.benchmarks.soxr_clips", out, str(_RATES[1])]
    soxr = {"soxr, all cores": [*peer, str(os.cpu_count()), *clips], "soxr, one core": [*peer, "1", *clips]}
    return {
        **ways(["convt", "upsample", *clips, "-d", out, "-q", "--overwrite"]),
        **(soxr if importlib.util.find_spec("soxr") else {}),
        "sox": ["bash", "-c", f"for f in {shlex.quote(folder)}/*.wav; do {each} || exit; done"],
    }


def shown(commands: Commands) -> str:
    lines = [
        line[-1] if line[0] == "bash" else " ".join(line).replace(sys.executable, "python")
        for line in commands.values()
    ]
    return "\n".join(["```sh", *lines, "```"])


def ffts() -> list[str]:
    """The libraries for Fourier transforms that are here, the one that convt chooses first."""
    return [name for name in ("ducc0", "scipy") if importlib.util.find_spec(name)]


def ways(convt: list[str]) -> Commands:
    """A line of convt with each library, and with one thread."""
    first, *others = ffts()
    return {
        "convt": ["env", f"CONVT_FFT={first}", *convt],
        **{f"convt, {name} FFT": ["env", f"CONVT_FFT={name}", *convt] for name in others},
        _ONE_THREAD: ["env", f"CONVT_FFT={first}", "CONVT_NUM_THREADS=1", *convt],
    }


def run(command: list[str]) -> Usage:
    """Run a command, and return what it used."""
    words = [word for each in command for word in (_CONVT if each == "convt" else [each])]
    os.sync()  # what the one before has written must not reach the disk on this one's time
    check_quiet()
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, *words]
    wall, cpu, peak = map(
        float, subprocess.check_output(launch, env=clean_environment(), text=True).split()
    )
    print(f"{wall:9.2f} s, {cpu:.2f} s of CPU  {' '.join(command)[:60]}", file=sys.stderr)
    return Usage(wall, cpu, peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def race(commands: Commands, out: Path, rounds: int) -> dict[str, tuple[Time, Time]]:
    """Run the commands in turns, and return their times, wall and CPU.

    A first round is not counted, and its outputs are compared.
    """
    used_by: dict[str, list[Usage]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory(dir=out.parent) as used:
        for number in range(rounds + 1):
            made = list[Path]()
            for name, command in commands.items():
                out.mkdir()
                used_by[name].append(run(command))
                made.append(out.rename(Path(used, f"{name}{number}")))
            if number == 0:
                compare(made)
            for path in (path for folder in made for path in folder.iterdir()):
                os.truncate(path, 0)  # while files have just been removed, ext4 takes long to begin others
    return {
        name: (Time([each.wall for each in some[1:]], None), Time([each.cpu for each in some[1:]], None))
        for name, some in used_by.items()
    }


def compare(folders: list[Path]) -> None:
    """See that all folders hold what the first one does."""
    first, *others = (sorted(folder.iterdir()) for folder in folders)
    for other in others:
        for a, b in zip(first, other, strict=True):
            if not (level := difference(a, b)) < -60:
                raise ValueError(f"{a} and {b} differ by {level:.1f} dB")


def difference(own: Path, other: Path) -> float:
    """The level of the difference in the middle, in dB of the signal, where the passbands agree."""
    with soundfile.SoundFile(own) as a, soundfile.SoundFile(other) as b:
        one, two = ((file.samplerate, file.channels, file.subtype) for file in (a, b))
        if one != two or abs(a.frames - b.frames) > 2:
            raise ValueError(f"{own} is {one} of {a.frames} frames, {other} {two} of {b.frames}")
        count = min(a.frames // 2, 1 << 16)
        pieces = [_windowed(file, (a.frames - count) // 2, count) for file in (a, b)]
    edge = int(0.85 * count / 4)  # within the input's band, be that a quarter of the output's rate or more
    x, y = (np.fft.rfft(piece, axis=0)[:edge] for piece in pieces)
    return float(20 * np.log10(np.linalg.norm(x - y) / np.linalg.norm(x)))


def _windowed(file: Any, start: int, count: int) -> Any:
    file.seek(start)
    return file.read(count, always_2d=True) * np.hanning(count)[:, np.newaxis]


def noise(path: Path, seconds: int, seed: int = 0, rate: int = _RATES[0]) -> str:
    """Write white noise of -20 dBFS, a minute of it again and again."""
    minute = np.random.default_rng(seed).standard_normal((min(seconds, 60) * rate, 2), np.float32) / 10
    with soundfile.SoundFile(path, "w", rate, 2, "PCM_16") as file:
        for start in range(0, seconds, 60):
            file.write(minute[: (seconds - start) * rate])
    return str(path)


def qualities(folder: Path) -> str:
    """What the kernels do, seen in the answers to one sample."""
    impulse, out, rate = folder / "impulse.wav", folder / "answer.wav", _RATES[0]
    soundfile.write(impulse, [0.0] * rate + [0.5] + [0.0] * (rate - 1), rate, "PCM_16")
    rows = []
    commands = conversions(str(impulse), str(out), "FLOAT")
    for name in ("convt", "sox", "ffmpeg"):
        run(commands[name])
        gains = 20 * np.log10(np.abs(np.fft.rfft(soundfile.read(out)[0])) + 1e-12)  # half a hertz a bin
        rows.append([name, f"{gains[int(0.95 * rate)]:z.2f} dB", f"{gains[rate:].max():.0f} dB"])
    return page.table(["", "at 0.95 of the input's band", "highest image"], rows)


def files(
    folder: Path, seconds: int, subtypes: Iterable[str], rounds: int, rates: tuple[int, int] = _RATES
) -> str:
    """Seconds of a conversion, a row for each sample format."""
    source, rows = noise(folder / "in.wav", seconds, rate=rates[0]), []
    for subtype in subtypes:
        commands = conversions(source, f"{folder}/out/out.wav", subtype, rates[1])
        times = race(commands, folder / "out", rounds)
        rows.append(
            [f"{_length(seconds)}, {subtype}", *_beside(times, lambda own: f"{own:.3g} s", seconds)]
        )
    return page.table([f"medians of {rounds}", *times], rows)


def memory(folder: Path, lengths: Iterable[int]) -> str:
    """The peak of convt's resident memory, a row for each length."""
    rows, out = [], folder / "out.wav"
    for seconds in lengths:
        source = noise(folder / "in.wav", seconds)
        used = run(conversions(source, str(out), "PCM_16")["convt"])
        out.unlink()
        rows.append([_length(seconds), f"{used.memory:.0f} MiB"])
    return page.table(["", "convt"], rows)


def clips(folder: Path, count: int, rounds: int) -> str:
    """Files a second, of many short ones."""
    source = folder / "clips"
    source.mkdir()
    paths = [noise(source / f"{number:05}.wav", 2, number) for number in range(count)]
    times = race(batches(paths, str(source), f"{folder}/out"), folder / "out", rounds)
    figures = _beside(times, lambda own: f"{count / own:.3g} files/s", 2 * count)
    return page.table([f"medians of {rounds}", *times], [[f"{count} files of 2 s", *figures]])


def _beside(
    times: dict[str, tuple[Time, Time]], figure: Callable[[float], str], seconds: int
) -> Iterator[str]:
    """Each contender's figure and CPU seconds for an hour of audio, and how many times as much it needs."""
    own = times["convt"]
    for name, (wall, cpu) in times.items():
        slower, dearer = (
            "" if name == "convt" else f" **{mine.times_faster_than(its):.2f}x**"
            for mine, its in zip(own, (wall, cpu), strict=True)
        )
        yield f"{figure(wall.seconds)}{slower}; {3600 / seconds * cpu.seconds:.1f}{dearer}"


def _length(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds / 60:g} min"


def machine() -> str:
    """The processor, the system and all versions."""
    asked = [["sox", "--version"], ["ffmpeg", "-version"]]
    sox, ffmpeg = (subprocess.check_output(line, text=True).split()[2] for line in asked)
    return f"{page.machine()} sox {sox.strip('v')}, ffmpeg {ffmpeg}."


def sections(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, str]]:
    """What stands in the page for each name of the template."""
    seconds, rounds = options.seconds, options.repeats
    yield "machine", machine()
    yield "rejection", f"{QUALITIES['high'].rejection:.0f}"
    yield "qualities", qualities(folder)
    yield "conversions", shown(conversions("IN.wav", "OUT.wav", "PCM_24"))
    yield "files", files(folder, seconds, _CODECS, rounds)
    yield "ratio", files(folder, seconds, _CODECS, rounds, _RATIO)
    hour = options.hour and files(folder, 6 * seconds, ["PCM_16"], min(2, rounds))
    yield "hour", hour or "Not measured."
    yield "conversion", shown({"convt": conversions("IN.wav", "OUT.wav", "PCM_16")["convt"]})
    yield "memory", memory(folder, [max(1, seconds // 10), seconds, 12 * seconds])
    yield "batches", shown(batches(["IN/*.wav"], "IN", "OUT"))
    yield "clips", clips(folder, options.clips, rounds)


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.pipelines", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=int, default=600, help="length of the file; other lengths follow it")
    add("--clips", type=int, default=500, help="how many short files")
    add("--repeats", type=int, default=5, help="rounds that are counted")
    add("--hour", action=argparse.BooleanOptionalAction, default=True, help="also six times the length")
    add("--folder", type=Path, help="where the files go, some 6 GB")
    add("--page", type=Path, default=_HERE / "PIPELINES.md", help="what is written")
    options = parser.parse_args()
    text = (_HERE / "pipelines_template.md").read_text()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, section in sections(options, Path(folder)):
            text = text.replace(f"<!-- {name} -->", section.rstrip())
    options.page.write_text(text)


if __name__ == "__main__":
    main()
