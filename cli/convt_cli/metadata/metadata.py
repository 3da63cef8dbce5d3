"""Metadata of an audio file, and the part of it that another file can hold."""

from dataclasses import dataclass, field
from fractions import Fraction

from convt_cli.metadata import chunks as riff
from convt_cli.metadata.chunks import Chunk, Order

_PLAIN_MASKS = {1: 0x4, 2: 0x3, 4: 0x33, 6: 0x3F, 8: 0x63F}  # speakers of channels without a mask


@dataclass(slots=True)
class Metadata:
    """Texts, chunks and a channel mask.

    Attributes
    ----------
    tags : dict of str
        Texts by libsndfile's names.
    chunks : list of Chunk
        Chunks of a RIFF file, texts included.
    order : {"<", ">"}
        Byte order of the numbers in chunks.
    mask : int
        Loudspeakers of the channels; 0 if not stated.
    lost : list of str
        Names of metadata that are not kept.
    """

    tags: dict[str, str] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    order: Order = "<"
    mask: int = 0
    lost: list[str] = field(default_factory=list)

    def as_chunks(self, order: Order, factor: Fraction, channels: tuple[int, int]) -> "Metadata":
        """Return the part of it that a RIFF file of this byte order holds, at `factor` times the rate.

        `channels` are the numbers of the input and the output.
        """
        kept, lost = riff.rescaled(self.chunks, factor, self.order)
        texts = self.tags | riff.tags_of(kept, self.order)
        if order != self.order:
            kept, lost = [], lost + self._names(kept)
        if not any(map(riff.is_info, kept)) and (info := riff.info_of(texts, order)):
            kept.append(info)
        lost += ["license"] if "license" in self.tags else []  # RIFF has no field for it
        mask = self.mask if channels[0] == channels[1] else 0
        lost += self._lost_mask(mask, channels[1])
        return Metadata({}, kept, order, mask, self.lost + lost)

    def as_tags(self, factor: Fraction, channels: int) -> "Metadata":
        """Return the texts: other files hold nothing else of it."""
        kept, lost = riff.rescaled(self.chunks, factor, self.order)
        texts = self.tags | riff.tags_of(kept, self.order)
        lost += self._names(kept) + self._lost_mask(0, channels)
        return Metadata(texts, [], "<", 0, self.lost + lost)

    def _lost_mask(self, kept: int, channels: int) -> list[str]:
        return [] if self.mask in (kept, _PLAIN_MASKS.get(channels)) else ["channel mask"]

    def _names(self, chunks: list[Chunk]) -> list[str]:
        """Return the names of chunks, and of texts, that have no tag."""
        others = [riff.name_of(chunk) for chunk in chunks if not riff.is_info(chunk)]
        return others + riff.untagged(chunks, self.order)
