"""What a file holds beside its samples, and what of it another file can hold."""

from dataclasses import dataclass, field

from convt_cli.audio import chunks as riff
from convt_cli.audio.chunks import Chunk, Order

_RIFF = ("WAV", "WAVEX", "RF64")
_PLAIN_MASKS = {1: 0x4, 2: 0x3, 4: 0x33, 6: 0x3F, 8: 0x63F}  # what channels are for if nothing is said


@dataclass(slots=True)
class Metadata:
    """Texts, chunks and a channel mask.

    Attributes
    ----------
    tags : dict of str
        Texts by libsndfile's names.
    chunks : list of Chunk
        Of a RIFF file, texts included.
    order : {"<", ">"}
        Byte order of the numbers in chunks.
    mask : int
        Which loudspeakers the channels are for; 0 says nothing.
    lost : list of str
        Names of what is not kept.
    """

    tags: dict[str, str] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    order: Order = "<"
    mask: int = 0
    lost: list[str] = field(default_factory=list)

    def carried(self, container: str, order: Order, factor: int, channels: tuple[int, int]) -> "Metadata":
        """Return what a file of a container and byte order holds of it, at `factor` times the rate.

        A RIFF file holds all that is known of chunks, and any other the texts alone. `channels` are
        those of the input and of the output.
        """
        kept, lost = riff.carried(self.chunks, factor, self.order)
        mask = self.mask if channels[0] == channels[1] and container in _RIFF else 0
        if mask != self.mask and self.mask != _PLAIN_MASKS.get(channels[1]):
            lost.append("channel mask")
        if container in _RIFF and (order == self.order or not kept):
            info = None if any(map(riff.is_info, kept)) else riff.info_of(self.tags, order)
            lost += ["license"] if "license" in self.tags else []  # RIFF has no place for it
            return Metadata({}, [*kept, info] if info else kept, order, mask, self.lost + lost)
        texts = riff.tags_of(kept, self.order)
        lost += [riff.name_of(chunk) for chunk in kept if not riff.is_info(chunk)]
        return Metadata(self.tags | texts, [], order, 0, self.lost + lost)
