"""Inputs, outputs and corpora in an object store: a server of S3 on this machine."""

import http.client
import http.server
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from convt_cli import corpus
from convt_cli.files import remote
from tests.cli.corpus.commands import contents, run, write_clips, write_manifest
from tests.cli.corpus.stores import Bucket, StallingProxy, free_port, s3_server
from tests.support import command
from tests.support.processes import begin

pytestmark = pytest.mark.servers
_numbers = count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, s3_server() as url:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "visible")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield url


@pytest.fixture
def bucket(server: str) -> Bucket:
    del server
    return Bucket(f"bucket{next(_numbers)}")


def upload(bucket: Bucket, folder: str = "raw") -> None:
    for path in Path(folder).rglob("*.*"):
        bucket.put(str(path), path.read_bytes())


def write_tars(lines: int) -> None:
    clips = write_clips(lines)
    for number in range(2):
        with tarfile.open(f"raw/shard-{number}.tar", "w") as tar:
            for clip in clips[number::2]:
                tar.add(clip["audio_filepath"], f"{clip['id']}.wav")


def test_plain_files_of_all_kinds_of_places(bucket: Bucket) -> None:
    write_clips(5)
    upload(bucket)
    Path("raw/speaker0/notes.txt").write_text("no audio")
    run("resample", "raw", "-d", "here", "-r", "16k", "-q")
    whole = contents("here")
    one = f"{bucket.url}/raw/speaker1/clip1.wav"
    assert run("resample", one, "-r", "16k", "-o", "one.wav").stdout == "one.wav\n"
    assert Path("one.wav").read_bytes() == whole["speaker1/clip1.wav"]
    said = run("resample", one, "-r", "16k")  # next to the input
    assert said.stdout == f"{bucket.url}/raw/speaker1/clip1_16000.wav\n"
    assert bucket.contents("raw/speaker1/clip1_")["16000.wav"] == whole["speaker1/clip1.wav"]
    bucket.remove("raw/speaker1/clip1_16000.wav")
    for source, target in (("raw", f"{bucket.url}/out"), (f"{bucket.url}/raw/", "back")):
        run("resample", source, "-d", target, "-r", "16k", "-q", "-j", "1")
    assert bucket.contents("out/") == contents("back") == whole
    run("resample", f"{bucket.url}/raw/speaker[12]/*.wav", "-d", f"{bucket.url}/some", "-r", "16k", "-q")
    assert bucket.contents("some/") == {name[9:]: whole[name] for name in whole if name[7] in "12"}
    run("upsample", one, "-o", f"{bucket.url}/x2.wav", "-q")
    run("upsample", "raw/speaker1/clip1.wav", "-o", "x2.wav", "-q")
    assert bucket.contents("x2") == {".wav": Path("x2.wav").read_bytes()}


def test_many_files_by_several_processes(bucket: Bucket) -> None:
    write_clips(20)
    upload(bucket)
    result = command.run("resample", f"{bucket.url}/raw", "-d", f"{bucket.url}/out", "-r", "16k", "-j", "2")
    assert result.returncode == 0, result.stderr
    assert "20 of 20 files done" in result.stderr
    run("resample", "raw", "-d", "here", "-r", "16k", "-q")
    assert bucket.contents("out/") == contents("here")


def test_lists_and_plots(bucket: Bucket) -> None:
    write_clips(1)
    upload(bucket)
    names = f"{bucket.url}/raw/speaker0/clip0.wav\n"
    bucket.put("list.txt", names.encode())
    run("resample", "--files-from", f"{bucket.url}/list.txt", "-d", "out", "-r", "16k", "-q")
    assert list(contents("out")) == ["clip0.wav"]
    run("resample", names.strip(), "-o", f"{bucket.url}/o.wav", "-r", "16k", "-q", "--plot", "p.svg")
    assert Path("p.svg").stat().st_size > 1000


def test_an_object_is_replaced_only_if_that_is_asked_for(bucket: Bucket) -> None:
    write_clips(3)
    upload(bucket)
    bucket.put("out/clip0.wav", b"mine")
    bucket.put("out/clip1.wav", b"")
    names = [f"{bucket.url}/raw/speaker{n}/clip{n}.wav" for n in range(3)]
    target = f"{bucket.url}/out/clip0.wav"
    said = run("resample", names[0], "-o", target, "-r", "16k", code=1).stderr
    assert said == f"convt: {target}: already exists; use --overwrite, or another name with -o\n"
    many = ["resample", *names, "-d", f"{bucket.url}/out", "-r", "16k", "-j", "1"]
    said = run(*many, code=3).stderr
    assert f"{target}: already exists; use --overwrite, or --skip-existing to keep it" in said
    assert "1 of 3 files done (1 copied), 0 skipped, 2 failed" in said
    assert "1 of 3 files done, 2 skipped, 0 failed" in run(*many, "--skip-existing").stderr
    assert bucket.contents("out/")["clip0.wav"] == b"mine"
    assert len(bucket.contents("out/")["clip1.wav"]) > 0
    run(*many, "--overwrite")
    assert len(bucket.contents("out/")["clip0.wav"]) > 4
    said = run("resample", names[0], "-o", names[0], "-r", "16k", "--overwrite", code=1).stderr
    assert f"{names[0]}: is the same object as the input" in said
    said = run("resample", f"{bucket.url}/raw", "-d", f"{bucket.url}/raw/", "-r", "16k", code=2).stderr
    assert "is the folder of the inputs" in said


def test_the_server_refuses_what_appears_meanwhile(bucket: Bucket) -> None:
    Path("a").write_bytes(b"ours")
    target = remote.parse_url(f"{bucket.url}/a")
    assert isinstance(target, remote.RemotePath)
    bucket.put("b", b"theirs")
    target.put(Path("a"), overwrite=False)
    assert target.refuses  # so that it is not asked each time
    with pytest.raises(FileExistsError):
        (target.parent / "b").put(Path("a"), overwrite=False)
    assert bucket.contents() == {"a": b"ours", "b": b"theirs"}


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_manifest_from_store_to_store(bucket: Bucket, kind: str) -> None:
    lines = write_clips(20 if kind == "jsonl" else 4)
    if kind == "csv":
        rows = "".join(f"{line['audio_filepath']},{line['text']}\n" for line in lines)
        Path("train.csv").write_text(f"path,text\n{rows}")
    upload(bucket)
    bucket.put(f"train.{kind}", Path(f"train.{kind}").read_bytes())
    words = ["-r", "16k", "-q", "-j", "1"]
    run("resample", "--manifest", f"train.{kind}", "-d", "out", *words)
    there = ["resample", "--manifest", f"{bucket.url}/train.{kind}", "-d", f"{bucket.url}/out", *words]
    assert run(*there).stdout == f"{bucket.url}/out/manifest.{kind}\n"
    made = bucket.contents("out/")
    assert {name: made[name] for name in made if name.endswith(".wav")} == contents("out")
    assert made[f"manifest.{kind}"] == Path(f"out/manifest.{kind}").read_bytes()
    assert "failed.jsonl" not in made
    run(*there)  # which does nothing
    assert bucket.contents("out/") == made
    bucket.remove("out/speaker1/clip1.wav")
    said = run("gather", f"{bucket.url}/out", code=1).stderr
    assert f"outputs that are missing or changed: 1 ({bucket.url}/out/speaker1/clip1.wav)" in said
    run(*there, "--retry-failed")
    assert bucket.contents("out/") == made


def test_places_of_all_kinds_in_one_manifest(bucket: Bucket) -> None:
    lines = write_clips(4)
    for line in lines:
        bucket.put(f"deep/{line['audio_filepath']}", Path(line["audio_filepath"]).read_bytes())
    names = [
        f"{bucket.url}/deep/raw/speaker0/clip0.wav",
        f"file://{Path('raw/speaker1/clip1.wav').absolute()}",
        str(Path("raw/speaker2/clip2.wav").absolute()),
        f"{bucket.url}/deep/raw/none.wav",
    ]
    write_manifest([{"path": name} for name in names])
    command = ["resample", "--manifest", "train.jsonl", "-d", f"{bucket.url}/out", "-r", "16k", "-j", "1"]
    said = run(*command, code=3).stderr
    assert f"{names[3]}: cannot be read: there is no such object" in said
    made = bucket.contents("out/")
    paths = [json.loads(line)["path"] for line in made["manifest.jsonl"].splitlines()]
    run("resample", "raw", "-d", "here", "-r", "16k", "-q")
    assert [made[path.removeprefix(f"{bucket.url}/out/")] for path in paths] == [
        contents("here")[f"speaker{n}/clip{n}.wav"] for n in range(3)
    ]
    assert json.loads(made["failed.jsonl"])["path"] == names[3]


def test_tar_files_from_store_to_store(bucket: Bucket) -> None:
    write_tars(6)
    upload(bucket)
    words = ["-r", "16k", "-q", "-j", "1"]
    run("resample", "raw/shard-{0..1}.tar", "-d", "out", *words)
    for number, name in enumerate(("shard-{0..1}.tar", "*.tar")):
        run("resample", f"{bucket.url}/raw/{name}", "-d", f"{bucket.url}/out{number}", *words)
        made = bucket.contents(f"out{number}/")
        for path in Path("out").glob("*.tar"):
            assert made[path.name] == path.read_bytes()
        assert made["manifest.jsonl"] == Path("out/manifest.jsonl").read_bytes()


def test_shards_of_a_manifest_and_their_gathering(bucket: Bucket) -> None:
    write_clips(32)
    upload(bucket)
    bucket.put("train.jsonl", Path("train.jsonl").read_bytes())
    words = ["resample", "--manifest", f"{bucket.url}/train.jsonl", "-d", f"{bucket.url}/out", "-r", "16k"]
    run(*words, "-j", "1", "--shard", "2/2")
    said = run("gather", f"{bucket.url}/out", code=1).stderr
    assert f"{bucket.url}/out: 8 of 16 batches are not done (1, 3, 5, " in said
    run(*words, "-j", "1", "--shard", "1/2")
    assert run("gather", f"{bucket.url}/out").stdout == f"{bucket.url}/out/manifest.jsonl\n"
    run("resample", "raw", "-d", "here", "-r", "16k", "-q")
    made = bucket.contents("out/")
    assert {name: made[name] for name in made if name.endswith(".wav")} == contents("here")


def test_batches_in_threads_of_a_plan_that_was_pickled(bucket: Bucket) -> None:
    write_clips(32)
    upload(bucket)
    bucket.put("train.jsonl", Path("train.jsonl").read_bytes())
    plan = corpus.plan(f"{bucket.url}/train.jsonl", f"{bucket.url}/out", rate=16_000)
    sent = pickle.loads(pickle.dumps(plan))  # noqa: S301
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(sent.do, sent.undone()))
    assert sum(outcome.clips for outcome in outcomes) == 32
    assert plan.gather().failed == 0
    run("resample", "raw", "-d", "here", "-r", "16k", "-q")
    made = bucket.contents("out/")
    assert {name: made[name] for name in made if name.endswith(".wav")} == contents("here")


def test_an_object_of_somebody_else_is_kept(bucket: Bucket) -> None:
    write_clips(2)
    upload(bucket)
    bucket.put("out/speaker0/clip0.wav", b"mine")
    words = ["resample", "--manifest", "train.jsonl", "-d", f"{bucket.url}/out", "-r", "16k", "-j", "1"]
    said = run(*words, code=3).stderr
    assert f"{bucket.url}/out/speaker0/clip0.wav: already exists with other content; remove it, or" in said
    assert bucket.contents("out/speaker0/") == {"clip0.wav": b"mine"}
    run(*words, "--retry-failed", "--overwrite")
    assert len(bucket.contents("out/speaker0/")["clip0.wav"]) > 4


def test_an_error_in_the_middle_publishes_nothing(bucket: Bucket) -> None:
    samples = np.zeros(300_000, np.float32)
    samples[-1] = np.nan
    soundfile.write("in.wav", samples, 44_100, "FLOAT")
    said = run("resample", "in.wav", "-o", f"{bucket.url}/out.wav", "-r", "16k", code=1).stderr
    assert said.startswith("convt: in.wav: ")
    assert bucket.contents() == {}


def test_a_kill_in_the_middle_of_an_upload_publishes_nothing(bucket: Bucket, server: str) -> None:
    soundfile.write("in.wav", np.random.default_rng(0).standard_normal(200_000) / 9, 44_100, "PCM_16")
    write_manifest([{"path": "in.wav"}])
    proxy = StallingProxy(int(server.rpartition(":")[2]), b"/out/in.wav")
    words = ["resample", "--manifest", "train.jsonl", "-d", f"{bucket.url}/out", "-r", "16k", "-q"]
    process = subprocess.Popen(
        [*command.CONVT, *words], start_new_session=True, env=os.environ | {"AWS_ENDPOINT_URL": proxy.url}
    )
    assert proxy.stalls.wait(30)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    proxy.close()
    left = bucket.contents("out/")
    assert left
    assert not [name for name in left if not name.startswith("_convt/")]
    assert not [name for name in left if name.startswith("_convt/parts/")]
    run(*words)
    run("resample", "in.wav", "-o", "here.wav", "-r", "16k", "-q")
    assert bucket.contents("out/")["in.wav"] == Path("here.wav").read_bytes()


def test_stores_that_do_not_answer() -> None:
    write_clips(1)
    silent = socket.create_server(("127.0.0.1", 0))
    words = ["resample", "s3://none/a.wav", "-r", "16k", "-o", "a.wav"]
    keys = {"AWS_ACCESS_KEY_ID": "visible", "AWS_SECRET_ACCESS_KEY": "hidden"}
    processes = [
        begin(
            [*command.CONVT, *words],
            env=os.environ | keys | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"},
            stderr=subprocess.PIPE,
        )
        for port in (free_port(), silent.getsockname()[1])
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)  # of the packages alone: minutes
        assert process.returncode == 1
        said = errors.decode()
        assert re.match("convt: s3://none/a.wav: cannot be read: (no answer|Could not connect)", said)
        assert said.count("\n") == 1
    silent.close()


def test_what_is_missing_is_named(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clips(1)
    clip = "raw/speaker0/clip0.wav"
    for url, said in (
        (f"{bucket.url}/none.wav", "cannot be read: there is no such object"),
        (f"{bucket.url}/none/*.wav", "cannot be read: there is no such object"),
        ("s3://no-such-bucket/a.wav", "cannot be read: there is no such bucket"),
    ):
        result = run("resample", url, "-r", "16k", "-o", "out.wav", code=1)
        assert result.stderr == f"convt: {url}: {said}\n"
    result = run("resample", clip, "-r", "16k", "-o", "s3://no-such-bucket/a.wav", code=1)
    assert result.stderr == "convt: s3://no-such-bucket/a.wav: cannot be written: there is no such bucket\n"
    result = run("gather", f"{bucket.url}/none", code=1)
    assert f"{bucket.url}/none: holds no corpus" in result.stderr
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    result = run("resample", "gs://b/a.wav", "-r", "16k", "-o", "out.wav", code=1)
    assert result.stderr == "convt: gs://b/a.wav: needs gcsfs: pip install 'convt[remote]' gcsfs\n"
    assert not Path("out.wav").exists()


def test_wrong_credentials(bucket: Bucket, server: str) -> None:
    write_clips(1)
    upload(bucket)

    def allow(actions: int) -> None:
        data = str(actions).encode()
        with closing(http.client.HTTPConnection(server.removeprefix("http://"))) as connection:
            connection.request("POST", "/moto-api/reset-auth", data, {"Content-Type": "text/plain"})
            assert connection.getresponse().status == 200

    url = f"{bucket.url}/raw/speaker0/clip0.wav"
    allow(0)
    try:
        result = command.run("resample", url, "-r", "16k", "-o", "out.wav")
    finally:
        allow(1_000_000_000)
    assert result.returncode == 1
    assert result.stderr.startswith(f"convt: {url}: cannot be read: permission denied")
    assert result.stderr.count("\n") == 1
    assert "hidden" not in result.stderr


@pytest.fixture
def web() -> Iterator[int]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(Path.cwd())))
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    yield pages.server_address[1]
    pages.shutdown()
    pages.server_close()


def test_passwords_and_signatures_are_not_shown(web: int) -> None:
    write_clips(1)
    url = f"http://user:hidden@127.0.0.1:{web}/raw/speaker0/clip0.wav?sig=hidden/x"
    shown = f"http://127.0.0.1:{web}/raw/speaker0"
    result = run("resample", url, "-r", "16k", "-o", "out.wav")
    assert f"{shown}/clip0.wav -> out.wav" in result.stderr
    outputs = [result.stderr]
    outputs.append(run("resample", url.replace("clip0", "none"), "-r", "16k", "-o", "n.wav", code=1).stderr)
    assert outputs[1] == f"convt: {shown}/none.wav: cannot be read: there is no such object\n"
    outputs.append(run("resample", url, "-r", "16k", "-o", url, code=2).stderr)
    assert "http:// is read only" in outputs[2]
    closed = url.replace(str(web), str(free_port()))
    outputs.append(run("resample", closed, "-r", "16k", "-o", "n.wav", code=1).stderr)
    write_manifest([{"path": url}, {"path": url.replace("clip0", "none")}])
    outputs.append(run("resample", "--manifest", "train.jsonl", "-d", "out", "-r", "16k", code=3).stderr)
    records = "".join(path.read_text() for path in Path("out/_convt/parts").iterdir())
    plan = Path("out/_convt/plan.json").read_text()
    assert soundfile.info("out/clip0.wav").samplerate == 16_000
    outputs.append(run("resample", "--manifest", url, "-d", "o", "-r", "16k", code=2).stderr)
    assert "its URL has a password or a query, which a plan does not keep" in outputs[-1]
    assert "hidden" not in "".join([*outputs, records, plan])


@pytest.mark.parametrize("place", [["-o", "hf://datasets/a/b/c.wav"], ["-d", "hf://datasets/a/b"]])
def test_hubs_are_read_only(place: list[str]) -> None:
    write_clips(1)
    said = run("resample", "raw/speaker0/clip0.wav", *place, "-r", "16k", code=2).stderr
    assert "hf:// is read only, as each upload to it would be a commit: name another output" in said


def test_a_cluster_does_a_corpus_of_a_store(bucket: Bucket, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    from tests.cli.corpus.test_cluster import SITE, served

    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    write_clips(20)
    upload(bucket)
    bucket.put("train.jsonl", Path("train.jsonl").read_bytes())
    run("resample", "--manifest", "train.jsonl", "-d", "out", "-r", "16k", "-q")
    there = ["--manifest", f"{bucket.url}/train.jsonl", "-d", f"{bucket.url}/out", "-r", "16k", "-q"]
    with served(site, site / "scheduler.json") as servers, servers.workers(2):
        run("resample", *there, "--cluster", servers.address)
    made = bucket.contents("out/")
    assert {name: made[name] for name in made if name.endswith(".wav")} == contents("out")
    assert made["manifest.jsonl"] == Path("out/manifest.jsonl").read_bytes()
