"""Paths in stores: names, passwords, and files of a store in memory."""

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from convt_cli.errors import Failure, Misuse
from convt_cli.files.atomic_write import atomic_write, check_target, write_whole
from convt_cli.files.discover import audio_files_in, is_folder, size_lookup
from convt_cli.files.paths import as_text, parse_path
from convt_cli.files.remote import RemotePath, without_secrets


def remote(text: str) -> RemotePath:
    path = parse_path(text)
    assert isinstance(path, RemotePath)
    return path


@pytest.fixture
def store() -> RemotePath:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").store.clear()
    return remote("memory://b")


def test_parts_of_urls() -> None:
    path = remote("s3://b/raw/a.wav")
    assert (path.name, path.stem, path.suffix, path.scheme) == ("a.wav", "a", ".wav", "s3")
    assert str(path) == as_text(path) == f"{path.parent}/a.wav" == "s3://b/raw/a.wav"
    assert str(path.with_name("b.wav")) == "s3://b/raw/b.wav"
    assert str(path.relative_to(remote("s3://b"))) == "raw/a.wav"
    assert str(path.absolute()) == "s3://b/raw/a.wav"
    assert path == remote("S3://b/raw/a.wav") == pickle.loads(pickle.dumps(path))  # noqa: S301
    assert path != Path("s3:/b/raw/a.wav")
    assert len({path, remote("s3://b/raw/a.wav")}) == 1
    assert str(remote("s3://b/raw/")) == "s3://b/raw"
    assert str(Path("here").joinpath(*path.relative_to(remote("s3://b")).parts)) == "here/raw/a.wav"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@h/a/x.wav?sig=secret/y://z", "https://h/a/x.wav"),
        ("sftp://user:secret@h/x.wav", "sftp://h/x.wav"),
        ("abfs://box@account/x.wav", "abfs://box@account/x.wav"),
        ("hf://datasets/a/b@main/x.wav", "hf://datasets/a/b@main/x.wav"),
        ("s3://b/what?.wav", "s3://b/what?.wav"),
    ],
)
def test_passwords_and_signatures_are_kept_but_not_shown(url: str, shown: str) -> None:
    path = remote(url)
    assert str(path) == shown
    assert repr(path) == f"RemotePath('{shown}')"
    assert path.suffix == ".wav"
    assert as_text(path) == url.replace("secret/y://z", "secret%2Fy:%2F%2Fz")
    assert path.has_secrets == (url != shown)
    assert "secret" not in without_secrets(f"Cannot open {url}: none")


def test_nothing_takes_them_for_local_names() -> None:
    path = remote("s3://b/a.wav")
    for function in (os.fspath, os.path.isfile, Path.stat, Path.resolve, os.path.realpath):
        with pytest.raises(TypeError, match=r"s3://b/a\.wav: is no local file"):
            function(path)


def test_urls_of_files_are_local() -> None:
    assert type(parse_path("file:///a%20b/c.wav")) is type(Path())
    assert parse_path("file:///a%20b/c.wav") == Path("/a b/c.wav")
    assert parse_path("file://localhost/c.wav") == Path("/c.wav")
    assert type(parse_path("a:/b.wav")) is type(Path())


@pytest.mark.parametrize("url", ["s3://b//a.wav", "s3://", "s3:///"])
def test_urls_without_a_part(url: str) -> None:
    with pytest.raises(Misuse, match="must be SCHEME://BUCKET/NAME, without an empty folder name"):
        parse_path(url)


def test_names_cost_no_import() -> None:
    code = "import sys; from convt_cli.files.paths import parse_path; parse_path('s3://b/a')"
    code += "; sys.exit('fsspec' in sys.modules or 'tempfile' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_objects_are_written_and_read(store: RemotePath) -> None:
    path = store / "raw" / "a.txt"
    assert not path.exists()
    assert path.parent.sizes() == {}
    write_whole(path, b"0123456789")
    assert path.exists()
    assert path.read_bytes(2, 4) == b"23"
    assert path.read_text() == "0123456789"
    with path.open("rb") as file:
        assert file.read() == b"0123456789"
    assert path.parent.sizes() == {"a.txt": 10}
    assert is_folder(path.parent)
    assert (size_lookup()(path), size_lookup()(store / "none")) == (10, None)
    path.unlink()
    path.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError) as caught:
        path.unlink()
    assert (caught.value.errno, caught.value.strerror) == (errno.ENOENT, "there is no such object")


def test_an_output_appears_when_it_is_finished(store: RemotePath) -> None:
    path = store / "a"
    with pytest.raises(ZeroDivisionError), atomic_write(path, overwrite=False) as temporary:
        _ = temporary.write_bytes(b"half") / 0
    assert not path.exists()
    with atomic_write(path, overwrite=False) as temporary:
        temporary.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    with pytest.raises(
        Failure, match="memory://b/a: already exists; use --overwrite, or another name with -o"
    ):
        check_target(path, [], overwrite=False)
    writing = atomic_write(path, overwrite=False)
    writing.__enter__().write_bytes(b"other")
    with pytest.raises(Failure, match="memory://b/a: another program created it in the meantime"):
        writing.__exit__(None, None, None)
    assert path.read_bytes() == b"whole"
    with pytest.raises(Failure, match="memory://b/a: is the same object as the input"):
        check_target(path, [path], overwrite=True)


def test_audio_below_a_folder(store: RemotePath) -> None:
    for name in ("a.wav", "b/c.FLAC", ".hidden/d.wav", "out/e.wav", "f.m4a", "g.txt"):
        write_whole(store / "raw" / name, b"x")
    found = sorted(map(str, audio_files_in(store / "raw", print, apart_from=store / "raw/out")))
    assert found == ["memory://b/raw/a.wav", "memory://b/raw/b/c.FLAC"]
    assert list(map(str, (store / "raw/*.wav").expanded())) == ["memory://b/raw/a.wav"]
    assert (store / "raw/*.mp3").expanded() == [store / "raw/*.mp3"]


@pytest.mark.parametrize("scheme", ["hf", "http", "https"])
def test_stores_that_are_read_only(scheme: str) -> None:
    with pytest.raises(Misuse, match=f"{scheme}://h/a.wav: {scheme}:// is read only, as "):
        check_target(remote(f"{scheme}://h/a.wav"), [], overwrite=False)


def test_unknown_schemes(store: RemotePath) -> None:
    del store
    with pytest.raises(OSError, match="Protocol not known: nonsense"):
        remote("nonsense://a/b").read_bytes()


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(Failure, match=r"adl://b/a: needs another package: pip install 'convt\[remote\]'"):
        remote("adl://b/a").read_bytes()


def test_stores_without_conditional_uploads(monkeypatch: pytest.MonkeyPatch, store: RemotePath) -> None:
    memory, calls = store._files, list[str]()

    def put_file(place: str, key: str, mode: str = "overwrite") -> None:
        calls.append(mode)
        if mode == "create":
            raise OSError(errno.ENOSYS, "not implemented")
        memory.pipe_file(key, Path(place).read_bytes())

    monkeypatch.setattr("convt_cli.files.remote._REFUSING", {"memory"})
    monkeypatch.setattr(memory, "put_file", put_file)
    Path("a").write_bytes(b"ours")
    (store / "a").put(Path("a"), overwrite=False)
    assert (store / "a").read_bytes() == b"ours"
    assert not store.refuses
    Path("a").write_bytes(b"others")
    with pytest.raises(FileExistsError):
        (store / "a").put(Path("a"), overwrite=False)
    assert (store / "a").read_bytes() == b"ours"
