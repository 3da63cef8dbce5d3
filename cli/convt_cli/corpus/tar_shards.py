"""Tar files of samples, as WebDataset has them: audio is resampled, everything else passes to the byte.

::

    in:    header 1.json | bytes | header 1.flac | bytes        | header 2.json ... | two blocks of zeros
    out:   the same bytes ...... | new header    | new bytes    | the same bytes .. | two blocks of zeros

Members that follow each other and have the same name up to the first dot are a sample: it is kept or
dropped as a whole. Blocks have 512 bytes (POSIX.1-1988, ustar; with the extensions of GNU and of
POSIX.1-2001, pax).
"""

import re
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import IO, Literal, NamedTuple

from convt_cli.corpus.corpus_plan import Facts
from convt_cli.errors import DiskFailure, Failure
from convt_cli.files.atomic_write import atomic_write, temporary_file
from convt_cli.files.discover import AUDIO_SUFFIXES
from convt_cli.files.paths import input_name, parse_path
from convt_cli.files.source import Source, at_hand, copy_all
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.run.pipeline import no_progress, run
from convt_cli.text.upsample_text import losses

_BLOCK, _PIECE = tarfile.BLOCKSIZE, 1 << 20
_GNU = b"ustar  \0"
_SAMPLE = re.compile(r"(.*/)?[^./]+(?=\.[^/]*$)", re.DOTALL)  # the part of a name that is a sample's
_DAMAGE = (tarfile.TarError, ValueError, OverflowError)  # of headers


class _Member(NamedTuple):
    """A member, its new name, and the bytes at which its part of the file begins and ends."""

    info: tarfile.TarInfo
    name: str
    begin: int
    end: int

    @property
    def is_audio(self) -> bool:
        return self.info.isreg() and _is_audio(self.info.name)

    @property
    def sample(self) -> str:
        found = _SAMPLE.match(self.info.name)
        return found[0] if found else f"{self.info.name}/"  # a sample by itself


class _Made(NamedTuple):
    """The new audio of a member: its header, and the file that holds it."""

    header: bytes
    content: Path


def resample_shard(job: ResampleOptions) -> Facts:
    """Write a tar file with the audio of another at a new rate, whole or not at all.

    Returns
    -------
    dict
        Number of ``clips`` and their ``seconds``; of each audio ``members`` name, frames and rate; the
        audio members that were ``dropped`` with their sample, and why; and ``losses``.

    Raises
    ------
    Failure
        The tar file is cut or damaged; or a sample is, and the option ``on_error`` is "fail".
    """
    with ExitStack() as stack:
        place = job.held_target or stack.enter_context(
            atomic_write(job.target, overwrite=job.overwrite, sync=bool(job.sync))
        )
        held = job.held_source or stack.enter_context(at_hand(job.source))
        source = stack.enter_context(closing(Source(job.source, held)))
        out = stack.enter_context(place.open("r+b"))
        file = stack.enter_context(open(source.descriptor(), "rb"))  # noqa: PTH123  # a descriptor
        shard = _Shard(job, file, out)
        shard.copy()
        source.check_unchanged()
        return shard.facts


class _Shard:
    """A tar file that is being copied."""

    def __init__(self, job: ResampleOptions, file: IO[bytes], out: IO[bytes]) -> None:
        self._job, self._file, self._out = job, file, out
        self._name = input_name(job.source)
        self._size = file.seek(0, 2)
        self.facts: Facts = {"clips": 0, "seconds": 0.0, "members": [], "dropped": [], "losses": []}
        self._gone = set[str]()  # names of members that were dropped

    def copy(self) -> None:
        """Copy the members, and end the file as tar files do."""
        for _, members in groupby(self._members(), lambda member: member.sample):
            self._copy_sample(list(members))
        self._out.write(bytes(2 * _BLOCK))
        self._out.write(bytes(-self._out.tell() % tarfile.RECORDSIZE))
        self._out.flush()
        if not self.facts["clips"]:
            self.facts["losses"].append(f"{self._name}: no member of this tar file is audio")

    def _members(self) -> Iterator[_Member]:
        self._file.seek(0)
        begin = 0
        try:
            with tarfile.open(fileobj=self._file, mode="r:", encoding="utf-8") as tar:
                while info := tar.next():
                    tar.members = []  # type: ignore[attr-defined]  # or it would hold all of them
                    if tar.offset > self._size:
                        return self._cut(f"ends in the middle of {info.name}")
                    is_file = info.isreg() or info.islnk() or info.issym()
                    name = self._new_name(info.name) if is_file else info.name
                    yield _Member(info, name, begin, tar.offset)
                    begin = tar.offset
                    self._file.seek(begin)
        except _DAMAGE as error:
            return self._cut(f"not a tar file, or damaged at byte {begin}: {error}")
        return self._check_end(begin)

    def _check_end(self, begin: int) -> None:
        """Refuse a file whose members do not end with two blocks of zeros, and nothing after them."""
        self._file.seek(begin)
        end = self._file.read(2 * _BLOCK)
        if any(end):
            return self._cut(f"damaged at byte {begin}: there is no header of a member")
        if len(end) < 2 * _BLOCK:
            return self._cut("its end is missing")
        while piece := self._file.read(_PIECE):
            if any(piece):
                return self._cut("has more content after its end, perhaps another tar file")
        return None

    def _cut(self, what: str) -> None:
        """Refuse a tar file that is cut or damaged, or accept the members before that place."""
        if not self._job.allow_truncated:
            raise Failure(f"{self._name}: {what}; use --allow-truncated to keep what is before")
        self.facts["losses"].append(f"{self._name}: {what}")

    def _new_name(self, name: str) -> str:
        """Return the new name of a member, or of the target of a link; --format changes that of audio."""
        if not (self._job.container and _is_audio(name)):
            return name
        folder, slash, base = name.rpartition("/")
        stem, dot, suffix = base.rpartition(".")
        return folder + slash + self._job.file_name(stem, dot + suffix)

    def _copy_sample(self, members: list[_Member]) -> None:
        """Copy the members of a sample, or none of them."""
        with ExitStack() as stack:
            made = dict[int, _Made]()
            facts: Facts = {"members": [], "seconds": 0.0, "losses": []}
            self.facts["clips"] += sum(member.is_audio for member in members)
            for number, member in enumerate(members):
                try:
                    self._check(member, members)
                    if member.is_audio:
                        content = stack.enter_context(temporary_file(self._name, member.info.size))
                        made[number] = self._resample(member, content, facts)
                except DiskFailure:
                    raise
                except Failure as failure:
                    if self._job.on_error == "fail":
                        raise
                    self._drop(members, member, failure)
                    return
            for number, member in enumerate(members):
                if number in made:
                    self._write(member, made[number])
                elif self._is_renamed(member):
                    self._pass(member.begin, member.info.offset)
                    self._out.write(self._header(member, 0))
                else:
                    self._pass(member.begin, member.end)
        self.facts["seconds"] += facts["seconds"]
        self.facts["members"] += facts["members"]
        self.facts["losses"] += facts["losses"]

    def _is_renamed(self, member: _Member) -> bool:
        link = member.info.linkname
        return member.name != member.info.name or self._new_name(link) != link

    def _check(self, member: _Member, members: list[_Member]) -> None:
        """Refuse a name that --format gives to two members, and a link to a member that was dropped."""
        info = member.info
        alike = {other.info.name for other in members if other.name == member.name}
        if len(alike) > 1:
            both = " and ".join(sorted(alike))
            raise Failure(f"{self._name}: {both} would both become {member.name}: leave out --format")
        if info.islnk() and info.linkname in self._gone:
            raise Failure(f"{self._name}/{info.name}: is a link to {info.linkname}, which was left out")

    def _drop(self, members: list[_Member], bad: _Member, failure: Failure) -> None:
        """Leave out a sample, and list its audio."""
        self.facts["clips"] += not bad.is_audio
        for member in members:
            self._gone.add(member.info.name)
            why = str(failure) if member is bad else f"left out with {bad.info.name}, which failed"
            if member.is_audio or member is bad:
                self.facts["dropped"].append([member.info.name, why])

    def _resample(self, member: _Member, content: Path, facts: Facts) -> _Made:
        """Resample a member into a file, add to the facts, and return the member's new header."""
        job, old = self._job, member.info.name
        with temporary_file(self._name, member.info.size) as held:
            with held.open("wb") as file:
                self._copy_content(member.info, file)
            one = replace(
                job,
                sources=[parse_path(f"{job.source}/{old}")],
                output=parse_path(f"{job.target}/{member.name}"),
                held_source=held,
                held_target=content,
            )
            result = run(one, no_progress, threads=1)
        frames, chosen = result.frames[1] or 0, result.plan.formats[1]
        assert chosen  # noqa: S101  # audio has a format
        facts["members"].append([member.name, frames, chosen.rate])
        facts["seconds"] += frames / chosen.rate
        facts["losses"] += losses(result)
        return _Made(self._header(member, content.stat().st_size), content)

    def _copy_content(self, info: tarfile.TarInfo, file: IO[bytes]) -> None:
        if info.issparse():
            raise Failure(
                f"{self._name}/{info.name}: is stored as a sparse file, which convt does not read"
            )
        self._copy(info.offset_data, info.offset_data + info.size, file)

    def _header(self, member: _Member, size: int) -> bytes:
        """Return the header of a member with its new name, and another size."""
        self._file.seek(member.info.offset_data - _BLOCK)
        is_gnu = self._file.read(_BLOCK)[257:265] == _GNU
        kind: Literal[1, 2] = tarfile.GNU_FORMAT if is_gnu else tarfile.PAX_FORMAT
        info = copy(member.info)
        info.name, info.linkname, info.size = member.name, self._new_name(info.linkname), size
        replaced = ("size", "path", "linkpath")
        info.pax_headers = {key: text for key, text in info.pax_headers.items() if key not in replaced}
        try:
            return info.tobuf(kind, "utf-8", "surrogateescape")
        except (ValueError, OverflowError) as error:
            raise Failure(f"{self._name}/{info.name}: its header cannot be written: {error}") from None

    def _write(self, member: _Member, made: _Made) -> None:
        self._pass(member.begin, member.info.offset)  # headers that are for all members from here on
        self._out.write(made.header)
        copy_all(made.content, self._out)
        self._out.write(bytes(-self._out.tell() % _BLOCK))

    def _pass(self, begin: int, end: int) -> None:
        """Pass bytes of the file on."""
        self._copy(begin, end, self._out)

    def _copy(self, begin: int, end: int, target: IO[bytes]) -> None:
        self._file.seek(begin)
        while begin < end and (piece := self._file.read(min(end - begin, _PIECE))):
            target.write(piece)
            begin += len(piece)


def _is_audio(name: str) -> bool:
    return Path(name).suffix.lower() in AUDIO_SUFFIXES
