"""Phrases that readers stumble over, and what to write instead."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = ("convt", "cli", "docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")

COUNTED = (
    "taps?|samples?|points?|kernels?|files?|lines?|rows?|numbers?|modules?|methods?|algorithms?|steps?|dB"
)
UNIT = "phase|channel|line|file|module|octave|side|thread|system|page|second|minute|hour"
INSTEAD = {
    r"(?:\A\s*|[.:;]\s+|\n\s*\n\s*)((?-i:What))\b(?![^.:;]*\?)": "a sentence that starts with its subject",
    r"\btold\b": "reported, stated",
    r"\bbeside\b": "compared with, next to",
    r"\bso many\b(?! as\b)": "the number, or 'that many'",
    r"\b(?:of|with|for|in) such(?=[.,;:)])": "of these, with those",
    r"\bstands?\b(?! (?:out|alone)\b|-)": "is, is used for",
    rf"\b(?:{COUNTED}) an? (?:{UNIT})\b(?! at a time\b)": "per phase, per channel",
    r"\bin time with\b": "time-aligned with",
    r"\b(?:a|the|two|any|its|this|of|as|from|to|in|below) sounds?\b(?! (?:card|device))": "audio, signal",
    r"\bsound files?\b": "audio file",
    r"\b(?:a|no|the|with|see|draws?) pictures?\b": "plot, diagram, cover art",
    r"\bof (?:one's|its|their|your) own\b": "its own ..., your own ...",
    r"\bmakes? (?!use\b)(?:\w+ ){0,2}of (?:it|them|those|these|each|what)\b": "turns into, derives from",
    r"\berrands?\b": "job",
    r"\b(?:wild|tame)\b": "non-finite, finite",
    r"\b(?:as|errors) as of\b|\bas of :": "same as in, see, raises like",
    r"\bat the door\b": "first, on entry",
    r"\bas (?:it is|they are|they lie)(?=[.,;:)]|\s*\Z)": "unchanged",
}
PATTERNS = {re.compile(regex.replace(" ", r"\s+"), re.I): plain for regex, plain in INSTEAD.items()}


class Text(NamedTuple):
    """A piece of text, and the line it begins on."""

    line: int
    text: str


def strings(source: str) -> Iterator[Text]:
    """Yield every string literal and docstring; an f-string is one text, with its values left out."""
    tree = ast.parse(source)
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values
            )
            yield Text(node.lineno, text)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield Text(node.lineno, node.value)


def comments(source: str) -> Iterator[Text]:
    """Yield every comment, those on consecutive lines as one."""
    block: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if block and token.start[0] != block[-1][0] + 1:
                yield Text(block[0][0], "\n".join(text for _, text in block))
                block = []
            block.append((token.start[0], token.string.lstrip("# ")))
    if block:
        yield Text(block[0][0], "\n".join(text for _, text in block))


def prose(source: str) -> Iterator[Text]:
    """Yield Markdown without its code."""
    yield Text(1, re.sub(r"(?ms)^```.*?^```|`[^`]*`", lambda code: "\n" * code[0].count("\n"), source))


def found(path: Path) -> Iterator[str]:
    """Yield a line for each phrase in a file that should be another."""
    source = path.read_text()
    texts = prose(source) if path.suffix == ".md" else (*strings(source), *comments(source))
    for line, text in texts:
        for pattern, plain in PATTERNS.items():
            for match in pattern.finditer(text):
                group = match.lastindex or 0
                at, phrase = line + text.count("\n", 0, match.start(group)), " ".join(match[group].split())
                yield f"{path.relative_to(ROOT)}:{at}: {phrase!r}: write {plain}"


@pytest.mark.parametrize("root", ROOTS)
def test_words_are_plain(root: str) -> None:
    path = ROOT / root
    files = [path] if path.is_file() else sorted({*path.rglob("*.py"), *path.rglob("*.md")})
    lines = [line for file in files for line in found(file)]
    assert files
    assert not lines, "\n" + "\n".join(lines)


@pytest.mark.parametrize(
    "sentence",
    [
        "What has the rate is copied.",
        "Rates: all. What is lost is named.",
        "The error is told in dB.",
        "Its taps beside those of soxr.",
        "A block of so many samples.",
        "A list of such, or None.",
        "The folder stands here.",
        "There are 12 taps a\nphase.",
        "The output is in time with the input.",
        "Reads the sound below a folder.",
        "Sound files of any kind.",
        "With pictures.",
        "Each has windows of its own.",
        "The report makes a line of it.",
        "An errand.",
        "A wild sample.",
        "As of :func:`fit`.",
        "Return an int; errors as of `as_index`.",
        "Checked at the door.",
        "Samples are copied as they are.",
    ],
)
def test_stiff_words_are_found(sentence: str) -> None:
    assert any(pattern.search(sentence) for pattern in PATTERNS)


@pytest.mark.parametrize(
    "sentence",
    [
        "What is a phase? A set of taps.",
        "As many taps as there are samples, and so many as to fill a block.",
        "The delay stands out.",
        "Computes the samples a channel at a time.",
        "A sound card.",
        "It sounds right, and is soundfile's.",
        "The kernel makes use of the symmetry.",
        "The stream is made of blocks, as it is faster.",
        "Wildcards and filenames such as *.wav.",
    ],
)
def test_plain_words_are_not(sentence: str) -> None:
    assert not any(pattern.search(sentence) for pattern in PATTERNS)


def test_places_are_those_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "a.py").write_text(
        '"""Title.\n\nWhat has\nthe rate."""\n\nx = f"taps{1} a phase"  # told\n'
    )
    (tmp_path / "a.md").write_text("# Title\n\n```\ntold\n```\n`told`, in\ntime with it\n")
    assert [line.split(": write")[0] for name in ("a.py", "a.md") for line in found(tmp_path / name)] == [
        "a.py:3: 'What'",
        "a.py:6: 'told'",
        "a.md:6: 'in time with'",
    ]
