"""All tags and pictures of a file, read with mutagen: ID3 frames, Vorbis comments and APE items alike.

Texts have the names of Vorbis comments, see :mod:`convt_cli.metadata.tag_names`.
"""

import base64
import copy
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from mutagen import MutagenError, apev2, flac, id3, oggopus, oggvorbis

from convt_cli.metadata.tag_names import (
    ALIASES,
    COVER,
    ENCODER_COMMENTS,
    ENCODING_FRAMES,
    FRAMES,
    PICTURE_COMMENTS,
)

_NAMED = {name: frame for frame, name in FRAMES.items()}
_TOTALS = {"TRACKNUMBER": ("TRACKTOTAL", "TOTALTRACKS"), "DISCNUMBER": ("DISCTOTAL", "TOTALDISCS")}
_PEOPLE = {"arranger", "engineer", "producer", "mixer", "djmixer"}
_LOOPS = ("LOOPSTART", "LOOPLENGTH", "LOOPEND")
_MUSICBRAINZ = re.compile("MUSICBRAINZ (.+) ID")
_NOT_IN_A_NAME = re.compile(r"[^ -<>-}]")
_FRONT = 3
_OGG = {"VORBIS": oggvorbis.OggVorbis, "OPUS": oggopus.OggOpus}
# mutagen's exceptions for damaged tags.
_DAMAGE = (MutagenError, ValueError, LookupError, TypeError, EOFError)


@dataclass(slots=True)
class Tags:
    """Texts and pictures, and the ID3 frames that they came from.

    Attributes
    ----------
    texts : dict of list of str
        Texts under the names of Vorbis comments, in capitals.
    pictures : list of Picture
        Cover art and other pictures.
    frames : ID3 or None
        ID3 frames of the input, if it has any.
    nameless : list of str
        Frames that are neither text nor picture.
    held : set of str
        Names of the texts that are in the frames.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[flac.Picture] = field(default_factory=list)
    frames: id3.ID3 | None = None
    nameless: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    def add_texts(self, texts: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Add the texts whose names are new."""
        for name, values in texts:
            if name.upper() not in ENCODER_COMMENTS and any(values):
                self.texts.setdefault(name.upper(), [str(value) for value in values])

    def rescale(self, factor: Fraction) -> None:
        """Multiply the loop points that games use; a loop keeps its length."""
        counts = {name: value for name, value in map(self._count, ("START", "LENGTH", "END")) if value}
        if (start := counts.get("START")) is not None:
            begin = round(start * factor)
            self.texts["LOOPSTART"] = [str(begin)]
            if end := counts.get("END"):
                self.texts["LOOPEND"] = [str(begin + round((end - start) * factor))]
        if length := counts.get("LENGTH"):
            self.texts["LOOPLENGTH"] = [str(round(length * factor))]

    def _count(self, name: str) -> tuple[str, int | None]:
        text = self.texts.get(f"LOOP{name}", [""])[0]
        return name, int(text) if text.isdecimal() else None

    def as_id3(self) -> id3.ID3:
        """Return ID3 frames: those of the input, and new ones for other texts and pictures."""
        made = copy.deepcopy(self.frames) if self.frames is not None else id3.ID3()
        for kind in (*ENCODING_FRAMES, *(f"TXXX:{name}" for name in _LOOPS)):
            made.delall(kind)
        texts = {name: values for name, values in self.texts.items() if name not in self.held}
        for name, totals in _TOTALS.items():
            total = next((texts.pop(total) for total in totals if total in texts), None)
            if name in texts and total and "/" not in texts[name][0]:
                texts[name] = [f"{texts[name][0]}/{total[0]}"]
        for name, values in texts.items():
            made.add(_frame_of(name, values))
        for picture in self.pictures if self.frames is None else ():
            made.add(_apic(picture, made))
        return made

    def as_id3_bytes(self) -> bytes:
        """Return the bytes of an ID3 tag."""
        file = BytesIO()
        frames = self.as_id3()
        frames.save(file, v2_version=self.version, padding=lambda _: 0)
        return file.getvalue()

    @property
    def version(self) -> int:
        """The version of ID3v2, 3 or 4."""
        return 3 if self.frames is not None and self.frames.version[:2] == (2, 3) else 4


def read_tags(file: IO[bytes], container: str, subtype: str) -> Tags:
    """Return the tags of an MP3, FLAC or Ogg file that are not damaged."""
    tags = Tags()
    with suppress(*_DAMAGE):
        if container == "FLAC":
            found = flac.FLAC(file)
            tags.pictures += found.pictures
            _add_comments(tags, found.tags or ())
        elif container == "OGG" and subtype in _OGG:
            _add_comments(tags, _OGG[subtype](file).tags)
        elif container == "MP3":
            with suppress(id3.ID3NoHeaderError):
                add_id3(tags, file)
            with suppress(apev2.APENoHeaderError):
                file.seek(0)
                _add_ape(tags, apev2.APEv2(file))
    return tags


def add_id3(tags: Tags, file: IO[bytes]) -> None:
    """Add the frames of an ID3 tag."""
    with suppress(*_DAMAGE):
        frames = id3.ID3(file, translate=False)
        if frames.version[:2] != (2, 3):
            frames.update_to_v24()
        file.seek(0)
        for frame in id3.ID3(file).values():
            if isinstance(frame, id3.APIC):
                tags.pictures.append(_picture(frame))
            elif found := list(_texts_of_frame(frame)):
                tags.add_texts(found)
            elif frame.FrameID not in ENCODING_FRAMES:
                tags.nameless.append(frame.FrameID)
        tags.frames = frames
        tags.held = tags.texts.keys() - set(_LOOPS)


def write_tags(path: Path, container: str, subtype: str, tags: Tags) -> list[str]:
    """Add tags and pictures to an MP3, FLAC or Ogg file; return the names of what it cannot hold.

    Raises
    ------
    OSError
        The file cannot be written, for example because the disk is full.
    """
    try:
        return _write(path, container, subtype, tags)
    except MutagenError as error:
        if isinstance(error.__cause__ or error.__context__, OSError):
            raise (error.__cause__ or error.__context__) from None
        return [*map(str.lower, tags.texts), *[COVER for _ in tags.pictures]]


def _write(path: Path, container: str, subtype: str, tags: Tags) -> list[str]:
    if container == "MP3":
        frames = tags.as_id3()
        frames.save(path, v2_version=tags.version)
        return []
    texts = {_NOT_IN_A_NAME.sub("_", name): values for name, values in tags.texts.items()}
    if container == "FLAC":
        found = flac.FLAC(path)
        for picture in tags.pictures:
            found.add_picture(picture)
    else:
        found = _OGG[subtype](path)
        blocks = [base64.b64encode(picture.write()).decode() for picture in tags.pictures]
        texts |= {PICTURE_COMMENTS[0]: blocks} if blocks else {}
    for name, values in texts.items():
        found[name] = values
    found.save()
    return tags.nameless


def _add_comments(tags: Tags, comments: Iterable[tuple[str, str]]) -> None:
    texts, covers = dict[str, list[str]](), dict[str, list[str]]()
    for name, text in comments:
        side = covers if name.upper() in PICTURE_COMMENTS else texts
        side.setdefault(name.upper(), []).append(text)
    tags.add_texts(texts.items())
    for block in covers.get("METADATA_BLOCK_PICTURE", ()):
        with suppress(*_DAMAGE, flac.error):
            tags.pictures.append(flac.Picture(base64.b64decode(block)))
    for number, cover in enumerate(covers.get("COVERART", ())):
        mime = covers.get("COVERARTMIME", [])[number : number + 1] or ["image/"]
        with suppress(ValueError):
            tags.pictures.append(_new_picture(base64.b64decode(cover), mime[0], _FRONT, ""))


def _add_ape(tags: Tags, items: apev2.APEv2) -> None:
    for name, value in items.items():
        if value.kind == apev2.BINARY:
            if name.lower().startswith("cover art"):
                text, _, data = value.value.partition(b"\0")
                mime = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
                tags.pictures.append(_new_picture(data, mime, _FRONT, text.decode(errors="replace")))
            else:
                tags.nameless.append(name)
        else:
            texts = list(value) if value.kind == apev2.TEXT else [str(value)]
            tags.add_texts([(ALIASES.get(name.upper(), name), texts)])


def _texts_of_frame(frame: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield the names and the texts of a frame."""
    kind = frame.FrameID
    if kind in ENCODING_FRAMES:
        return
    if kind in ("TIPL", "TMCL", "IPLS"):
        for role, name in frame.people:
            is_named = role.lower() in _PEOPLE
            yield (role.upper(), [name]) if is_named else ("PERFORMER", [f"{name} ({role})"])
    elif kind == "UFID" and "musicbrainz" in frame.owner:
        yield "MUSICBRAINZ_TRACKID", [frame.data.decode("ascii", "replace")]
    elif kind == "TCON":
        yield FRAMES[kind], frame.genres
    elif kind[0] == "W":
        yield FRAMES.get(kind, getattr(frame, "desc", "").upper() or kind), [frame.url]
    elif hasattr(frame, "text"):
        texts = frame.text if isinstance(frame.text, list) else [frame.text]
        yield _text_name(frame), [str(text) for text in texts]


def _text_name(frame: Any) -> str:
    kind, text = frame.FrameID, getattr(frame, "desc", "").upper()
    if kind == "TXXX":
        found = _MUSICBRAINZ.fullmatch(text)
        return f"MUSICBRAINZ_{found[1].replace(' ', '')}ID" if found else text or kind
    if kind == "COMM":
        return f"COMMENT:{text}".rstrip(":")
    return "LYRICS" if kind == "USLT" else FRAMES.get(kind, kind)


def _frame_of(name: str, values: Sequence[str]) -> Any:
    kind, text = _NAMED.get(ALIASES.get(name, name)), {"encoding": id3.Encoding.UTF8, "text": list(values)}
    if kind and kind[0] == "W":
        return getattr(id3, kind)(url=values[0])
    if kind:
        return getattr(id3, kind)(**text)
    if name == "COMMENT" or name.startswith("COMMENT:"):
        return id3.COMM(lang="XXX", desc=name[8:], **text)
    if name == "LYRICS":
        return id3.USLT(lang="XXX", desc="", encoding=id3.Encoding.UTF8, text="\n".join(values))
    return id3.TXXX(desc=name, **text)


def _picture(frame: id3.APIC) -> flac.Picture:
    return _new_picture(frame.data, frame.mime, int(frame.type), frame.desc)


def _new_picture(data: bytes, mime: str, kind: int, text: str) -> flac.Picture:
    picture = flac.Picture()
    picture.data, picture.mime, picture.type, picture.desc = data, mime, kind, text
    return picture


def _apic(picture: flac.Picture, others: id3.ID3) -> id3.APIC:
    text = picture.desc
    while f"APIC:{text}" in others:  # no two have the same
        text += " "
    return id3.APIC(
        encoding=id3.Encoding.UTF8, mime=picture.mime, type=picture.type, desc=text, data=picture.data
    )
