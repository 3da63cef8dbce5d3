"""Outputs appear whole or not at all, with the permissions and under the names they should have."""

import os
from pathlib import Path
from typing import Any

import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from convt_cli.files.atomic_write import atomic_write
from tests.support.command import refused, run, upsample
from tests.support.processes import parts
from tests.support.sounds import sound


@pytest.mark.usefixtures("silent_input")
def test_overwrite_replaces_and_keeps_permissions() -> None:
    Path("old.wav").write_bytes(b"old")
    Path("old.wav").chmod(0o640)
    assert run("upsample", "in.wav", "-o", "old.wav", "--overwrite").returncode == 0
    assert soundfile.info("old.wav").frames == 1000
    assert Path("old.wav").stat().st_mode & 0o777 == 0o640


@pytest.mark.usefixtures("silent_input")
def test_overwrite_follows_a_link() -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/old.wav").write_bytes(b"old")
    Path("link.wav").symlink_to("elsewhere/old.wav")
    assert run("upsample", "in.wav", "-o", "link.wav", "--overwrite").returncode == 0
    assert Path("link.wav").is_symlink()
    assert soundfile.info("elsewhere/old.wav").frames == 1000


@pytest.mark.usefixtures("silent_input")
def test_a_new_file_has_the_permissions_of_any_new_file() -> None:
    Path("plain").touch()
    run("upsample", "in.wav")
    assert Path("in_x2.wav").stat().st_mode == Path("plain").stat().st_mode


@pytest.mark.usefixtures("silent_input")
@pytest.mark.parametrize("links", [True, False])
def test_a_target_that_comes_into_being_meanwhile_is_kept(
    monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    write_while_computing(monkeypatch, Path("in_x2.wav"))
    if not links:
        refuse_unnamed(monkeypatch)
        monkeypatch.setattr(os, "link", refuse_link)
    result = CliRunner().invoke(app, ["upsample", "in.wav"])
    assert result.exit_code == 1
    assert "in_x2.wav: another program created it in the meantime" in result.stderr
    assert Path("in_x2.wav").read_bytes() == b"another's"
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "in_x2.wav"]


def write_while_computing(monkeypatch: pytest.MonkeyPatch, target: Path) -> None:
    """Have another program create the output while convt computes it."""
    whole = convt.Upsampler.__call__

    def meanwhile(self: convt.Upsampler, x: Any) -> Any:
        target.write_bytes(b"another's")
        return whole(self, x)

    monkeypatch.setattr(convt.Upsampler, "__call__", meanwhile)


def refuse_link(*_: Any, **__: Any) -> None:
    """As file systems do that know no second name of a file."""
    raise PermissionError


def refuse_unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no files without a name, as many systems."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@pytest.mark.usefixtures("silent_input")
def test_where_files_have_one_name_the_output_is_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_unnamed(monkeypatch)
    monkeypatch.setattr(os, "link", refuse_link)
    assert CliRunner().invoke(app, ["upsample", "in.wav"]).exit_code == 0
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "in_x2.wav"]


@pytest.mark.usefixtures("silent_input")
def test_a_folder_that_takes_no_file_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    refuse_unnamed(monkeypatch)
    monkeypatch.setattr("convt_cli.files.atomic_write._free_name", refuse)
    monkeypatch.setattr("convt.Upsampler.flush", refuse_link)
    message = refused("upsample", "in.wav", code=1)
    assert message == "convt: in_x2.wav: cannot be written: Permission denied\n"


@pytest.mark.usefixtures("short_kernel")
def test_a_folder_that_takes_no_folder_is_one_line_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    sound("in.wav")
    refuse_unnamed(monkeypatch)
    for call in ("pathlib.Path.mkdir", "convt_cli.files.atomic_write._free_name"):
        monkeypatch.setattr(call, refuse)
        if call.endswith("_free_name"):
            os.mkdir("out")  # noqa: PTH102  # the other is refused
        result = upsample("in.wav", "in.wav/../in.wav", "-d", "out", "-q", code=2)
        assert "would both become" in result.stderr
        result = upsample("in.wav", "-d", "out", "-q", code=1)
        assert "Permission denied" in result.stderr
        assert result.stderr.count("\n") == 2


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("arguments", [["-o", "out"], ["-d", "out"]])
def test_a_target_that_comes_into_being_while_it_is_computed_is_kept(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound("out", format="WAV")
    Path("out").rename("in.wav")
    target = Path("out" if arguments[0] == "-o" else "out/in.wav")
    write_while_computing(monkeypatch, target)
    result = upsample("in.wav", *arguments, "-q", code=1)
    assert f"{target}: another program created it in the meantime" in result.stderr
    assert target.read_bytes() == b"another's"
    assert not parts()


@pytest.mark.usefixtures("silent_input")
@pytest.mark.parametrize("unnamed", [True, False])
@pytest.mark.parametrize("mode", [0o600, 0o444, 0o666])
def test_a_replacement_has_the_permissions_of_its_target_from_the_first_byte(
    unnamed: bool, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not unnamed:
        refuse_unnamed(monkeypatch)
    Path("old.wav").write_bytes(b"old")
    Path("old.wav").chmod(mode)
    previous = os.umask(0o022)
    with atomic_write(Path("old.wav"), overwrite=True) as temporary:
        assert temporary.stat().st_mode & 0o777 == mode
        assert unnamed == (not parts())
        temporary.write_bytes(b"new")
        assert Path("old.wav").read_bytes() == b"old"
    os.umask(previous)
    assert (Path("old.wav").read_bytes(), Path("old.wav").stat().st_mode & 0o777) == (b"new", mode)
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "old.wav"]


@pytest.mark.parametrize("unnamed", [True, False])
def test_a_replacement_keeps_the_owner_as_far_as_the_system_allows(
    unnamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not unnamed:
        refuse_unnamed(monkeypatch)
    asked = list[tuple[int, int]]()
    monkeypatch.setattr(os, "fchown", lambda _, *owner: asked.append(owner))
    Path("old.wav").write_bytes(b"old")
    with atomic_write(Path("old.wav"), overwrite=True):
        found = Path("old.wav").stat()
        assert asked[-1] == (found.st_uid, found.st_gid)
    monkeypatch.setattr(os, "fchown", refuse_link)
    with atomic_write(Path("old.wav"), overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert Path("old.wav").read_bytes() == b"new"


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("unnamed", [True, False])
def test_content_is_on_the_disk_before_it_has_a_name(
    unnamed: bool, overwrite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not unnamed:
        refuse_unnamed(monkeypatch)
    if overwrite:
        Path("out").write_bytes(b"old")
    there, synced = Path("out").exists(), list[tuple[bytes, bool]]()
    monkeypatch.setattr(os, "fsync", lambda opened: synced.append(state(opened)))

    def state(opened: int) -> tuple[bytes, bool]:
        kept = b"" if os.path.isdir(opened) else Path(f"/proc/self/fd/{opened}").read_bytes()
        return kept, Path("out").exists() and Path("out").read_bytes() == b"new"

    with atomic_write(Path("out"), overwrite=overwrite) as temporary:
        temporary.write_bytes(b"new")
        assert Path("out").exists() == there
    assert synced == [(b"new", False), (b"", True)]  # the file, then the folder with its name
    synced.clear()
    with atomic_write(Path("out"), overwrite=True, sync=False):
        pass
    assert synced == []


def test_a_disk_that_fails_when_the_content_reaches_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sound("in.wav")

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    assert refused("upsample", "in.wav", code=1) == (
        "convt: in_x2.wav: cannot be written: Input/output error\n"
    )
    upsample("in.wav", "--no-sync")


def test_what_a_killed_run_left_is_removed_by_the_next_for_the_same_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_unnamed(monkeypatch)
    with atomic_write(Path("a"), overwrite=False) as first, atomic_write(Path("b"), overwrite=False):
        with atomic_write(Path("a"), overwrite=True) as second:  # another run, at the same time
            assert len(parts()) == 3
        Path("a").unlink()
        assert first.exists()
        assert first != second
    Path("a").unlink()
    first.write_bytes(b"left")  # as a kill would leave it: nobody has it locked
    with atomic_write(Path("c"), overwrite=False):
        assert first.exists()
    with atomic_write(Path("a"), overwrite=False) as third:
        assert third == first
        assert third.read_bytes() == b""
    assert not parts()


def test_what_another_user_left_is_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_unnamed(monkeypatch)
    with atomic_write(Path("a"), overwrite=False) as first:
        pass
    Path("a").unlink()
    first.symlink_to("elsewhere")  # it cannot be opened, as one without permissions cannot
    with atomic_write(Path("a"), overwrite=False) as second:
        second.write_bytes(b"a")
    assert Path("a").read_bytes() == b"a"
    assert parts() == [first]


@pytest.mark.parametrize("unnamed", [True, False])
@pytest.mark.parametrize("overwrite", [True, False])
def test_an_error_leaves_nothing(unnamed: bool, overwrite: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not unnamed:
        refuse_unnamed(monkeypatch)
    before = open_files()

    def break_down() -> None:
        with atomic_write(Path("new.wav"), overwrite=overwrite) as temporary:
            temporary.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_down()
    assert list(Path().iterdir()) == []
    assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
