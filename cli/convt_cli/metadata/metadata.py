"""Metadata of an audio file, and the part of it that the output can hold."""

from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from convt_cli.metadata import chunks as riff
from convt_cli.metadata.chunks import Chunk, Order
from convt_cli.metadata.tag_names import SNDFILE_COMMENTS

if TYPE_CHECKING:
    from convt_cli.metadata.tags import Tags

Family = Literal["RIFF", "AIFF"]
_PLAIN_MASKS = {1: 0x4, 2: 0x3, 4: 0x33, 6: 0x3F, 8: 0x63F}  # default speakers, without a mask
_ID3: dict[Family, bytes] = {"RIFF": b"id3 ", "AIFF": b"ID3 "}
# Texts that each file type keeps without mutagen; libsndfile truncates texts in MP3 files.
_HELD: dict[str, set[str]] = {
    "RIFF": {*SNDFILE_COMMENTS} - {"license"},
    "AIFF": {"title", "artist", "comment", "copyright"},
    "MP3": set(),
    "FLAC": {*SNDFILE_COMMENTS},
    "OGG": {*SNDFILE_COMMENTS},
}
_INSTALL = "to keep tags and cover art: pip install 'convt[tags]'"


@dataclass(slots=True)
class Metadata:
    """Texts, chunks and a channel mask.

    Attributes
    ----------
    tags : dict of str
        Texts under libsndfile's names.
    chunks : list of Chunk
        Chunks of a RIFF or AIFF file, including RIFF's texts.
    family : {"RIFF", "AIFF"}
        The file type of the chunks.
    order : {"<", ">"}
        Byte order of the numbers in chunks.
    mask : int
        Speaker positions of the channels; 0 if not stated.
    unread : list of str
        Names of tags and pictures that libsndfile does not return.
    full : Tags or None
        All tags and pictures, if some are unread and mutagen is installed. They replace `tags` in the
        output.
    lost : list of str
        Names of metadata that are lost.
    hint : str
        How to keep more.
    """

    tags: dict[str, str] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    family: Family = "RIFF"
    order: Order = "<"
    mask: int = 0
    unread: list[str] = field(default_factory=list)
    full: "Tags | None" = None
    lost: list[str] = field(default_factory=list)
    hint: str = ""

    def as_chunks(
        self, family: Family, order: Order, factor: Fraction, channels: tuple[int, int], step: str = ""
    ) -> "Metadata":
        """Return the part that a RIFF or AIFF file can hold, at `factor` times the sample rate.

        Parameters
        ----------
        family, order
            The file type, and its byte order.
        factor : Fraction
            New rate over old.
        channels : tuple of int
            Channels of input and output.
        step : str
            A line for the coding history in bext.
        """
        kept, lost = riff.rescaled(self.chunks, factor, self.order, step)
        texts = self.tags | riff.tags_of(kept, self.order)
        result, full = Metadata({}, kept, family, order), None
        is_moved = (family, order) != (self.family, self.order)
        if is_moved or not self.chunks:
            full = self._all_tags(result, texts, kept, factor, family)
            result.chunks, lost = [], lost + self._names(kept, full)
        if family == "AIFF":
            garbled = {"copyright"} if not texts.get("copyright", "").isascii() else set()  # by libsndfile
            result.tags = {name: text for name, text in texts.items() if name not in garbled}
            lost += [] if full else garbled
        else:
            if not any(map(riff.is_info, result.chunks)) and (info := riff.info_of(texts, order)):
                result.chunks.append(info)
            lost += ["license"] if "license" in texts and not full else []  # it has no field
            result.mask = self.mask if channels[0] == channels[1] else 0
        if full:
            result.chunks.append((_ID3[family], full.as_id3_bytes()))
        result.lost = self.lost + lost + self._lost_mask(result.mask, channels[1])
        return result

    def as_tags(self, factor: Fraction, channels: int, container: str) -> "Metadata":
        """Return the texts, and the cover art if the file type has a place for them.

        `container` is the file type, one that can hold no other metadata.
        """
        kept, lost = riff.rescaled(self.chunks, factor, self.order)
        result = Metadata(self.tags | riff.tags_of(kept, self.order))
        if container in _HELD:
            result.full = self._all_tags(result, result.tags, kept, factor, container)
        lost += self._names(kept, result.full) + self._lost_mask(0, channels)
        result.lost = self.lost + lost
        return result

    def _all_tags(
        self, result: "Metadata", texts: dict[str, str], kept: list[Chunk], factor: Fraction, kind: str
    ) -> "Tags | None":
        """Return all tags and pictures; None if there are only `texts`, which this file type keeps.

        Without mutagen return None, and set the hint of `result`.
        """
        tag = dict(kept).get(_ID3[self.family])
        others = riff.untagged(kept, self.order)
        if not (self.unread or tag or others or texts.keys() - _HELD[kind] - {"software"}):
            return None
        try:
            from convt_cli.metadata.tags import Tags, add_id3
        except ImportError:
            result.hint = _INSTALL
            return None
        full = self.full or Tags()
        if tag:
            add_id3(full, BytesIO(tag))
        full.add_texts((name, [text]) for name, text in texts.items() if name != "software")
        full.add_texts((name.removeprefix("INFO "), [text]) for name, text in others.items())
        full.rescale(factor)
        return full

    def _lost_mask(self, kept: int, channels: int) -> list[str]:
        return [] if self.mask in (kept, _PLAIN_MASKS.get(channels)) else ["channel mask"]

    def _names(self, chunks: list[Chunk], full: "Tags | None") -> list[str]:
        """Return the names of chunks and texts that another file type cannot hold."""
        others = [riff.name_of(chunk) for chunk in chunks if not riff.is_info(chunk)]
        if full:
            return [name for name in others if name.lower() != "id3"]
        return [*others, *riff.untagged(chunks, self.order), *self.unread]
