"""The documentation is true: its examples run, and print what it shows."""

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import convt
from convt_cli import corpus
from convt_cli.app import app
from tests.support.examples import ROOT, enter_a_clone, examples, run_console, run_python

DOCS = ROOT / "docs"
PAGES = {page.relative_to(DOCS).as_posix(): page.read_text() for page in sorted(DOCS.rglob("*.md"))}
RUN = ("console", "pycon")
WITH_EXAMPLES = [
    name for name, text in PAGES.items() if any(language in RUN for language, _ in examples(text))
]


@pytest.mark.parametrize("page", WITH_EXAMPLES)
def test_examples(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_a_clone(tmp_path, monkeypatch)
    names: dict[str, Any] = {}
    for language, block in examples(PAGES[page]):
        if language == "console":
            run_console(block, in_docs=True)
        elif language == "pycon":
            run_python(block, page, names)


@pytest.mark.parametrize("page", PAGES)
def test_no_other_language_hides_an_example_that_is_not_run(page: str) -> None:
    others = [(language, block) for language, block in examples(PAGES[page]) if language not in RUN]
    assert {language for language, _ in others} <= {"sh", "text", "python"}
    frameworks = ("import torch", "import jax")  # which the tests do not need
    assert all(
        any(each in block for each in frameworks) for language, block in others if language == "python"
    )
    needs = ("pip install", "ffmpeg", "aplay", "python -m tests", "python docs/make_plots.py")
    assert all(any(each in block for each in needs) for language, block in others if language == "sh")


def test_every_public_name_has_a_place_in_the_reference() -> None:
    text = "\n".join(text for name, text in PAGES.items() if name.startswith("reference/python/"))
    shown = {line.split()[-1] for line in text.splitlines() if line.startswith(".. auto")}
    assert shown == {*convt.__all__, *(f"convt_cli.corpus.{name}" for name in corpus.__all__)}


def test_every_command_has_a_page() -> None:
    names = get_command(app).commands  # type: ignore[attr-defined]  # a group
    pages = {name for name in PAGES if name.startswith("reference/commands/")}
    assert pages == {f"reference/commands/{name}.md" for name in (*names, "index")}
    assert all(f"<!-- command: {name} -->" in PAGES[f"reference/commands/{name}.md"] for name in names)
