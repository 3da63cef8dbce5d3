"""Options and commands typed by habit, from sox, ffmpeg and others, and the line that does it here."""

import difflib
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

# The words of other tools, without their dashes, in the order of what they do.
_ELSEWHERE = {
    "--rate 48k": "ar sr fs freq frequency hz samplerate sample-rate sampling-rate target-rate to",
    "--rate-in 16k": "input-rate in-rate rate-input source-rate",
    "--subtype PCM_24": "b bit bits bitdepth bit-depth depth sample-format encoding e c:a acodec",
    "--format flac": "t type filetype file-type container ext extension",
    "--bitrate 192k": "ab b:a kbps bit-rate",
    "--overwrite": "f y force replace clobber",
    "--skip-existing": "n no-clobber resume continue ignore-existing",
    "--dither none": "no-dither nodither D",
    "--stride 2": "s factor times ratio up upsample-factor scale",
    "--gain -1": "vol volume level db",
    "--overs clip": "clip clipping no-clip",
    "--overs guard": "guard G norm",
    "-o out.wav": "out output-file outfile",
    "-d DIR": "output-dir outdir out-dir output-directory dir folder output-folder",
    "--weights w.npy": "w kernel filter taps-file ir fir coefficients coefs model checkpoint",
    "--tensor NAME": "layer key name",
    "--jobs 2": "threads workers parallel p num-workers",
    "--quality best": "Q v very-high vhq hq resampler precision-bits",
    "--phase minimum": "M min-phase minimum-phase minphase",
    "--phase linear": "L linear-phase",
    "--passband 0.95": "bandwidth cutoff rolloff band",
    "--rejection 120": "attenuation stopband-attenuation stop",
    "--dry-run": "test what-if simulate",
    "--files-from LIST": "list file-list filelist manifest input-list",
    "--json": "as-json report format-json",
    "--plot spectra.png": "spectrogram figure draw show",
    "-q": "silent loglevel",
}
_BY_WORD = {word: line for line, words in _ELSEWHERE.items() for word in words.split()}
_EXAMPLES = {"--rate": "48k", "-r": "48k", "--stride": "2", "-o": "out.wav", "--output": "out.wav"} | {
    "-d": "DIR",
    "--directory": "DIR",
    "--weights": "w.npy",
    "--subtype": "PCM_24",
    "--format": "flac",
    "--quality": "best",
    "--gain": "-1",
    "--taps": "32",
    "--plot": "spectra.png",
    "--tensor": "ups.0",
    "--passband": "0.95",
    "--rejection": "120",
    "--layers": "'ups.*'",
    "--strides": "8,8,2,2",
}
_RESAMPLE = frozenset(("convert", "downsample", "rate", "resampling", "src", "samplerate", "decimate"))
_LONG_DASHES = "\u2012\u2013\u2014\u2015\u2212"
_INTEGER_HINTS = {"--stride": "for a ratio of rates use --rate", "--taps": "", "--jobs": ""}


def unknown_option(name: str, known: Iterable[str]) -> str:
    """Return the answer to an unknown option."""
    word, known = name.lstrip("-"), list(known)
    if word in ("version", "V"):
        return f"unknown option {name}. Did you mean convt --version?"
    if word == "R" or word.lower() == "recursive":
        return f"unknown option {name}: it is not needed, a folder as input means the audio files below it"
    line = _BY_WORD.get(word) or _BY_WORD.get(word.lower().replace("_", "-"))
    if line and line.split()[0] in known:
        return f"unknown option {name}. Did you mean {line}?"
    close = difflib.get_close_matches(f"--{word}", known, 1, 0.7) if len(word) > 1 else []
    return f"unknown option {name}. Did you mean {close[0]}?" if close else f"unknown option {name}"


def mistyped_option(words: Sequence[str], known: Iterable[str]) -> str | None:
    """Return the answer to the first option with a wrong dash; None if there is none."""
    known = set(known)
    for word in words:
        if word == "--":
            return None
        bare = word.lstrip("-" + _LONG_DASHES).partition("=")[0]
        if word[0:1] and word[0] in _LONG_DASHES and not os.access(word, os.F_OK):
            right = f"--{bare}" if len(bare) > 1 else f"-{bare}"
            return f"{word!r} begins with a long dash, as documents have it: type {right}"
        one_dash = word.startswith("-") and not word.startswith("--") and len(bare) > 1
        if one_dash and (f"--{bare}" in known or bare in _BY_WORD):
            if f"--{bare}" in known:
                return f"unknown option -{bare}. Did you mean --{bare}?"
            return unknown_option(f"-{bare}", known)
    return None


def unknown_command(words: Sequence[str], commands: Sequence[str]) -> str:
    """Return the answer to a command line whose first word is not a command."""
    word = words[0]
    if os.path.isdir(word):
        return f"{word!r} is a folder, not a command. Try: convt resample {_resampled(words, '-d DIR')}"
    exists = os.access(word, os.F_OK)
    if not exists and re.search(r"\.\w{1,5}$", word):
        return f"{word!r} is neither a command nor a file that exists"
    if exists:
        command = "resample" if _rate(words) else "upsample"
        return f"{word!r} is a file, not a command. Try: convt {command} {_resampled(words, '')}"
    close = difflib.get_close_matches(word, commands, 1, 0.7)
    guess = "resample" if word in _RESAMPLE else close[0] if close else ""
    hint = f" Did you mean {guess}?" if guess else ""
    return f"no such command: {word}.{hint} There are {', '.join(commands)}"


def _rate(words: Sequence[str]) -> str:
    """Return the rate that a line names, as an option or as a number by itself."""
    typed = re.search(r"(?:^| )(?:-r ?|--rate[= ])(\S+)", " ".join(words))
    numbers = [word for word in words if re.fullmatch(r"\d{4,6}|[\d.]+k(?:Hz)?", word)]
    return typed[1] if typed else numbers[0] if numbers else ""


def _resampled(words: Sequence[str], folder: str) -> str:
    """Return the words that do what a line without a command means."""
    rate, line = _rate(words), [shlex.quote(words[0])]
    names = [word for word in words[1:] if re.search(r"\.\w{1,5}$", word) and not word.startswith("-")]
    if rate or folder:
        line.append(f"-r {rate or '48k'}")
    if folder:
        given = re.search(r" (-d ?\S+)", " ".join(words))
        line.append(given[1] if given else folder)
    elif names and rate not in names:
        line.append(f"-o {shlex.quote(names[-1])}")
    return " ".join(line)


def unexpected(words: str, known: Iterable[str]) -> str:
    """Return the answer to words that belong to no option of a command."""
    known, said = set(known), f"unexpected: {words}"
    if re.fullmatch(r"[\d ]+", words) and "--strides" in known:
        return f"{said}. Separate strides by commas: --strides 8,8,2,2"
    if "--layers" in known and not words.startswith("-"):
        return f"{said}. If the shell has replaced a pattern, quote it: --layers 'ups.*'"
    if words.isdecimal() and "--stride" in known:
        return f"{said}. Did you mean --stride {words}?"
    if words.endswith((".npy", ".npz", ".pt", ".safetensors")) and "-o" in known:
        return f"{said}. Did you mean -o {shlex.quote(words)}?"
    return said


def missing_value(option: str) -> str:
    """Return the answer to an option at the end of the line, without its value."""
    example = _EXAMPLES.get(option)
    return f"{option} needs a value{f', such as {option} {example}' if example else ''}"


def missing_option(name: str) -> str:
    """Return the answer to a line that lacks an option or an argument."""
    example = _EXAMPLES.get(name)
    return f"{name} is missing{f', such as {name} {example}' if example else ''}"


def bad_value(option: str, kind: Any, message: str) -> str:
    """Return the answer to a wrong value, in place of the parser's own message.

    Parameters
    ----------
    option : str
        The option's name.
    kind : ParamType
        The type that the parser expects.
    message : str
        The parser's message.
    """
    quoted = re.match(r"'?(.*?)'? is not (?:one of|a valid|in the range)", message) or re.match(
        r"(\S+) is not in", message
    )
    if not quoted:
        return f"{option}{' ' if message.startswith('must be') else ': '}{message}"
    value = quoted[1]
    if choices := getattr(kind, "choices", None):
        close = difflib.get_close_matches(value.lower(), choices, 1, 0.6) if len(choices) > 2 else []
        guess = f". Did you mean {close[0]}?" if close else ""
        return f"{option} must be {' or '.join(_listed(list(map(str, choices))))}, got {value}{guess}"
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    number = "a whole number" if "int" in kind.name else "a number"
    bounds = "" if least is None else f", {least} or more" if most is None else f", {least} to {most}"
    if option == "--stride" and "," in value:
        return (
            f"--stride must be one whole number, got {value}: for several layers use --layers and --strides"
        )
    hint = _INTEGER_HINTS.get(option, "")
    use = f": {hint}" if hint and "." in value else ""
    return f"{option} must be {number}{bounds}, got {value}{use}"


def _listed(names: list[str]) -> list[str]:
    return [", ".join(names[:-1]), names[-1]] if len(names) > 1 else names
