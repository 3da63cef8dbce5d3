"""Signals to files and to standard output.

A writer takes the blocks (channels, n) of each signal in turn, says what metadata were `lost` and, once
it has finished, whether it `is_rf64`. What the system refuses is an OSError.
"""

from fractions import Fraction
from pathlib import Path

from convt_cli.audio.metadata import Metadata
from convt_cli.audio.npy import NpyWriter
from convt_cli.audio.pcm import RIFF, PcmWriter, is_plain
from convt_cli.audio.sndfile import SndfileWriter
from convt_cli.samples.formats import Format
from convt_cli.samples.quantise import Dither, Overs, Quantiser

AudioWriter = PcmWriter | SndfileWriter
Writer = AudioWriter | NpyWriter


def open_audio_writer(
    path: Path | None,
    chosen: Format,
    shape: tuple[int, int | None],
    meta: Metadata,
    *,
    gain: float,
    dither: Dither,
    overs: Overs,
) -> AudioWriter:
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
        As of :class:`convt_cli.samples.quantise.Quantiser`.
    """
    channels, frames = shape
    plain = is_plain(chosen)
    quantiser = Quantiser(chosen, channels, upper=not plain, gain=gain, dither=dither, overs=overs)
    if plain:
        return PcmWriter(path, chosen, channels, frames, meta, quantiser)
    return SndfileWriter(path, chosen, channels, meta, quantiser)


def writable_metadata(
    meta: Metadata, chosen: Format | None, factor: Fraction, channels: tuple[int, int]
) -> Metadata:
    """Return what an output can hold of an input's metadata, and what it loses.

    Parameters
    ----------
    meta : Metadata
        The input's.
    chosen : Format or None
        The output's format; None for an array.
    factor : Fraction
        Output rate over input rate.
    channels : tuple of int
        Those of the input and of the output.
    """
    if chosen and is_plain(chosen) and chosen.container in RIFF:
        return meta.as_chunks(">" if chosen.big_endian else "<", factor, channels)
    texts = meta.as_tags(factor, channels[1])
    if chosen and not is_plain(chosen):
        return texts
    return Metadata(lost=texts.lost + list(texts.tags))
