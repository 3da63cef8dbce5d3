"""No file of the corpus comes out wrong: a few of every kind, and, marked slow, all of them."""

from itertools import chain
from pathlib import Path

import pytest

from tests.corpus.kinds import by_libsndfile, by_shape
from tests.corpus.made import Made
from tests.corpus.oddities import oddities
from tests.corpus.verdict import AS_NUMBERS, numbered, verdicts, whole_corpus


def wrong(corpus: list[Made], folder: Path, *options: str) -> list[str]:
    folder.mkdir()
    found = verdicts(corpus, folder, *options)
    return [f"{each.made.name}: {each.why}" for each in found if each.word == "wrong"]


@pytest.fixture(scope="module")
def selection() -> list[Made]:
    made = chain(by_libsndfile(), by_shape(), oddities())
    return [numbered(*each) for each in enumerate(made) if each[0] % 11 == 0]


@pytest.mark.parametrize("options", [AS_NUMBERS, ()])
def test_of_a_selection_nothing_is_wrong(
    options: tuple[str, ...], selection: list[Made], tmp_path: Path
) -> None:
    assert len(selection) > 50
    assert wrong(selection, tmp_path / "a", *options) == []


@pytest.mark.slow
def test_nothing_is_wrong(tmp_path: Path) -> None:
    corpus = whole_corpus()
    assert len(corpus) > 600  # without ffmpeg, sox and flac
    assert wrong(corpus, tmp_path / "a", *AS_NUMBERS) == []
    assert wrong(corpus[::8], tmp_path / "b") == []  # their own formats, which all the writing tests cover


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    made = next(each for each in oddities() if each.name == "plain.wav")
    assert made.truth is not None
    off = made.truth + 2.0**-15
    changed = {
        "sample": Made(made.kind, "a.wav", made.data, off, made.rate),
        "length": Made(made.kind, "b.wav", made.data, made.truth[:, 1:], made.rate),
        "rate": Made(made.kind, "c.wav", made.data, made.truth, 44_100),
        "accepted": Made(made.kind, "d.wav", made.data, rate=made.rate, refusal="damaged"),
        "refused": Made(made.kind, "e.wav", made.data[:-2], made.truth, made.rate),
        "for another reason": Made(
            made.kind, "f.wav", made.data[:-2], rate=made.rate, refusal="empty file"
        ),
    }
    assert len(wrong(list(changed.values()), tmp_path / "a", *AS_NUMBERS)) == len(changed)
