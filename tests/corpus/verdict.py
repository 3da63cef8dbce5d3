"""What convt makes of each file of the corpus, held against what it should."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile

from tests.corpus.kinds import by_ffmpeg, by_flac, by_libsndfile, by_shape, by_sox
from tests.corpus.made import BITS, Made, decoded, resembles
from tests.corpus.oddities import oddities
from tests.support.command import parsed, run
from tests.support.levels import exact
from tests.support.oracles import Array

TAPS = (0.5, 1.0, 0.5)
STRIDE = 2
AS_NUMBERS = ("--format", "WAV", "--subtype", "DOUBLE")  # how an output shows what was read


@dataclass(frozen=True)
class Verdict:
    """Of one file: what became of it, and the message or what is wrong."""

    made: Made
    word: Literal["ok", "refused", "wrong"]
    why: str = ""


def whole_corpus() -> list[Made]:
    """Make every file; none but the oddly named have the same name."""
    makers = (by_libsndfile, by_shape, by_flac, by_sox, by_ffmpeg, oddities)
    made = chain.from_iterable(maker() for maker in makers)
    return [numbered(*each) for each in enumerate(made)]


def numbered(number: int, made: Made) -> Made:
    """Return a file under a name of its own, unless its name is what is odd."""
    return made if made.kind == "names" else replace(made, name=f"{number:03d} {made.name}")


def verdicts(corpus: Sequence[Made], folder: Path, *options: str) -> Iterator[Verdict]:
    """Upsample all files of the corpus in one call, and judge each."""
    (folder / "in").mkdir()
    paths = [folder / "in" / made.name for made in corpus]
    for path, made in zip(paths, corpus, strict=True):
        path.write_bytes(made.data)
    np.save(folder / "w.npy", TAPS)
    (folder / "list").write_bytes(b"".join(bytes(path) + b"\0" for path in paths))
    arguments = [
        "--files-from",
        str(folder / "list"),
        "-d",
        str(folder / "out"),
        "--json",
        "--dither",
        "none",
    ]
    arguments += ["--weights", str(folder / "w.npy"), "--stride", str(STRIDE), "--jobs", "1", *options]
    result = run("upsample", *arguments)
    assert result.stderr == ""
    assert result.stdout.count("\n") == len(paths), result.stdout[-300:]
    facts = [parsed(line) for line in result.stdout.splitlines()]
    for path, made, found in zip(paths, corpus, facts, strict=True):
        is_refusal = made.refusal or (not options and made.unwritten)
        if "error" in found:
            message = found["error"].replace(f"{path.parent}/", "").replace(f"{folder}/out/", "")
            is_expected = is_refusal and is_refusal in message
            yield Verdict(made, "refused" if is_expected else "wrong", message)
        elif is_refusal:
            yield Verdict(made, "wrong", f"was not refused, with {is_refusal!r}")
        else:
            wrong = "; ".join(_faults(made, found, folder / "out" / path.name))
            yield Verdict(made, "wrong" if wrong else "ok", wrong)


def _faults(made: Made, found: dict[str, Any], path: Path) -> Iterator[str]:
    """Yield what is wrong with an output."""
    assert made.truth is not None
    frames = made.truth.shape[1] if made.frames is None else made.frames
    if made.real and made.real <= (found["input"]["frames"] or frames) < frames:
        frames = found["input"]["frames"]
        made = replace(made, truth=made.truth[:, :frames])
    expected = (frames - 1) * STRIDE + len(TAPS) if frames else 0
    path = Path(found["output"]["path"]) if "path_base64" not in found["output"] else path
    samples, info = decoded(path.read_bytes()), soundfile.info(bytes(path))
    rate, subtype = info.samplerate, info.subtype
    if found["input"]["frames"] not in (frames, None):
        yield f"{found['input']['frames']} samples were read, not {frames}"
    if found["output"]["frames"] not in (expected, samples.shape[1]):  # coders fill up their last block
        yield f"{found['output']['frames']} samples are reported, and {samples.shape[1]} written"
    if rate != STRIDE * made.rate:
        yield f"the rate is {rate}"
    is_exact = subtype in BITS or subtype in ("FLOAT", "DOUBLE")
    if samples.shape[1] < expected or (is_exact and samples.shape[1] != expected):
        yield f"{samples.shape[1]} samples were written, not {expected}"
    elif not _is_close(made, samples, subtype):
        yield f"the samples are others, in {subtype}"


def _is_close(made: Made, samples: Array, subtype: str) -> bool:
    """Whether an output has the samples that the definition gives, as far as their format holds them."""
    assert made.truth is not None
    count = made.truth.shape[1]
    if len(samples) != len(made.truth):
        return False
    if not count:
        return True
    truth, part = exact(made.truth, TAPS, STRIDE), samples[:, STRIDE * made.at :]
    if made.frames is not None:  # the truth is a part: at its ends others reach in
        truth, part = truth[:, 1:-1], part[:, 1:-1]
    if subtype in BITS or subtype in ("FLOAT", "DOUBLE"):
        step = 2.0 ** (1 - BITS[subtype]) if subtype in BITS else 0
        part = part[:, : truth.shape[1]]
        return bool(np.abs(part - truth).max() <= made.within + 0.501 * step)
    return resembles(truth, part, 6.0)
