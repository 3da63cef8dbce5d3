"""Signals to files and to standard output.

A writer takes the blocks (channels, n) of each signal in turn. It lists the metadata that were `lost`
and, when it has finished, whether the file `is_rf64`, and `notes` on extra samples. System errors are
OSErrors.
"""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import convt
from convt_cli.audio.npy import NpyWriter
from convt_cli.audio.pcm import RIFF, PcmWriter, is_plain
from convt_cli.metadata.chunks import Order
from convt_cli.metadata.metadata import Metadata
from convt_cli.samples.formats import Format
from convt_cli.samples.quantise import Dither, Overs, Quantiser

if TYPE_CHECKING:
    from convt_cli.audio.sndfile_writer import SndfileWriter
AudioWriter: TypeAlias = "PcmWriter | SndfileWriter"
Writer: TypeAlias = "AudioWriter | NpyWriter"


def open_audio_writer(
    path: Path | None,
    chosen: Format,
    shape: tuple[int, int | None],
    meta: Metadata,
    *,
    gain: float,
    dither: Dither,
    overs: Overs,
    bitrate: float | None = None,
) -> AudioWriter:
    """Create an audio file, or begin a stream to standard output.

    Parameters
    ----------
    path : Path or None
        The file's name, None for standard output.
    chosen : Format
        The file's format.
    shape : tuple of int and (int or None)
        Channels, and frames if known.
    meta : Metadata
        The metadata to write.
    gain, dither, overs
        Same as in :class:`convt_cli.samples.quantise.Quantiser`.
    bitrate : float or None
        Bits per second of a lossy format; None for the best quality.
    """
    channels, frames = shape
    plain = is_plain(chosen)
    quantiser = Quantiser(chosen, channels, upper=not plain, gain=gain, dither=dither, overs=overs)
    if plain:
        return PcmWriter(path, chosen, channels, frames, meta, quantiser)
    from convt_cli.audio.sndfile_writer import SndfileWriter  # loads libsndfile

    return SndfileWriter(path, chosen, channels, meta, quantiser, bitrate)


def writable_metadata(
    meta: Metadata, chosen: Format | None, factor: Fraction, channels: tuple[int, int]
) -> Metadata:
    """Return the input's metadata that the output can hold, and the names of what is lost.

    Parameters
    ----------
    meta : Metadata
        The input's.
    chosen : Format or None
        The output's format; None for an array.
    factor : Fraction
        Output rate over input rate.
    channels : tuple of int
        Channels of input and output.
    """
    if chosen and is_plain(chosen) and chosen.container in RIFF:
        order: Order = ">" if chosen.big_endian else "<"
        return meta.as_chunks("RIFF", order, factor, channels, _step(chosen, channels[1]))
    if chosen and chosen.container == "AIFF":
        return meta.as_chunks("AIFF", ">", factor, channels)
    texts = meta.as_tags(factor, channels[1], chosen.container if chosen else "npy")
    if chosen and not is_plain(chosen):
        return texts
    return Metadata(lost=texts.lost + list(texts.tags))


def _step(chosen: Format, channels: int) -> str:
    """Return a line for the coding history of a broadcast WAVE file (EBU R 98)."""
    mode = {1: ",M=mono", 2: ",M=stereo"}.get(channels, "")
    kind = "; floating point" if chosen.is_float else ""
    return f"A=PCM,F={chosen.rate},W={chosen.bits}{mode},T=convt {convt.__version__}{kind}"
