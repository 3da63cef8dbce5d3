"""Signals to files and to standard output.

A writer takes the blocks (channels, n) of each signal in turn, says what metadata were `lost` and, once
it has finished, whether it `is_rf64`. What the system refuses is an OSError.
"""

from pathlib import Path

from convt_cli.audio import headers
from convt_cli.audio.formats import Format
from convt_cli.audio.metadata import Metadata
from convt_cli.audio.npy import NpyWriter
from convt_cli.audio.pcm import PcmWriter, is_plain
from convt_cli.audio.quantise import Dither, Overs, Quantiser
from convt_cli.audio.sndfile import SoundWriter

SoundTarget = PcmWriter | SoundWriter
Writer = SoundTarget | NpyWriter


def open_sound(
    path: Path | None,
    chosen: Format,
    shape: tuple[int, int | None],
    meta: Metadata,
    *,
    gain: float,
    dither: Dither,
    overs: Overs,
) -> SoundTarget:
    """Begin a sound file, or a stream to standard output.

    Parameters
    ----------
    path : Path or None
        The file's name, None for standard output.
    chosen : Format
        Its format.
    shape : tuple of int and (int or None)
        Channels, and frames as far as they are known.
    meta : Metadata
        What else it is to hold.
    gain, dither, overs
        As of :class:`convt_cli.audio.quantise.Quantiser`.
    """
    channels, frames = shape
    plain = is_plain(chosen)
    quantiser = Quantiser(chosen, channels, upper=not plain, gain=gain, dither=dither, overs=overs)
    if plain:
        return PcmWriter(path, chosen, channels, frames, meta, quantiser)
    return SoundWriter(path, chosen, channels, meta, quantiser)


def predicted_size(chosen: Format | None, channels: int, frames: int | None) -> int | None:
    """Return the bytes of a file without metadata; None where the length or a coder decides."""
    if chosen is None or frames is None or not is_plain(chosen):
        return None
    length = frames * channels * chosen.bits // 8
    return len(headers.build(chosen, channels, Metadata(), length)) + length + length % 2
