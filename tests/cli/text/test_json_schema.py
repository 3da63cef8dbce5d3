"""The documents of ``--json`` are those that the JSON Schema in the documentation describes."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from convt_cli.app import app
from tests.support.examples import ROOT

SCHEMA = json.loads((ROOT / "docs" / "reference" / "schema" / "resample.schema.json").read_text())


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", np.full((800, 2), 0.1), 8000)
    np.save("x.npy", np.ones((2, 50)))
    np.savez("w.npz", weight=np.ones((2, 2, 4)), bias=np.ones(2))
    Path("bad.wav").write_text("no audio")


CASES = {
    "resample a.wav -r 16k": "done",
    "resample a.wav -r 44.1k --overs guard --gain -3": "done",
    "resample a.wav -r 8k": "done",
    "resample a.wav -r 8001": "done",
    "resample a.wav -r 16k -o a.ogg --dry-run": "done",
    "resample x.npy --rate-in 8k -r 16k": "done",
    "upsample x.npy --weights w.npz --stride 2 --padding 1": "done",
    "upsample a.wav --weights w.npz --tensor weight --stride 2 --padding same --plot p.png": "done",
    "resample bad.wav -r 16k": "failed",
    "resample a.wav": "failed",
    "resample a.wav -r x": "failed",
}


@pytest.mark.parametrize("command", CASES)
def test_each_line_is_as_the_schema_says(command: str) -> None:
    (document,) = lines(command)
    check(document, CASES[command])


def test_files_that_are_left_out() -> None:
    soundfile.write("b.wav", np.zeros(100), 8000)
    assert len(lines("resample a.wav -r 16k -d out")) == 1
    documents = lines("resample bad.wav a.wav b.wav -r 16k -d out --skip-existing")
    for document, kind in zip(documents, ("failed", "skipped", "done"), strict=True):
        check(document, kind)


def test_the_schema_refuses_other_documents() -> None:
    (document,) = lines("resample a.wav -r 16k")
    for change in (
        lambda d: d.pop("level"),
        lambda d: d.update(other=1),
        lambda d: d["kernel"].pop("delay"),
    ):
        refuse(document, change)


def lines(command: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, [*command.split(), "--json"])
    return [json.loads(line) for line in result.stdout.splitlines()]


def check(document: object, kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA)
    jsonschema.validate(document, SCHEMA | {"oneOf": [{"$ref": f"#/$defs/{kind}"}]})


def refuse(document: object, change: Callable[[dict[str, object]], object]) -> None:
    changed = json.loads(json.dumps(document))
    change(changed)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, SCHEMA)
