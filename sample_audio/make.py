"""Makes the files in this folder: `python sample_audio/make.py`, with espeak-ng (1.51) installed.

Everything here is synthetic and under this project's licence: the words were written for it, and
espeak-ng (GPL-3.0-or-later) lays no claim to what it speaks.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import chirp, lfilter, resample_poly

import convt

Samples = NDArray[np.float64]

FOLDER = Path(__file__).parent
WORDS = (
    "Every sample that goes in adds the whole kernel to what comes out."
    " Six sharp whistles pierced the frosty air."
)
TEXT = (
    "A kernel can be learned. Play it both sides of a story, the dull one and the bright one, and it finds"
    " what leads from the first to the second, for as many words as you like."
    " Joyful foxes vex the quiet shepherd, while five big zebras jump over thick ice."
    " She sang of measured pleasure, of thin things and of those that breathe."
)


def speech(words: str, voice: str, rate: int) -> Samples:
    """Speak, (frames,) at a rate."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", "165", "-w", spoken, words], check=True)
        samples, own = soundfile.read(spoken)
    resampled = resample_poly(samples, rate, own, window=("kaiser", 12.0))
    scaled: Samples = 0.7 * resampled / np.abs(resampled).max()
    return scaled


def music() -> Samples:
    """Pluck a few strings, (frames, 2) at 22.05 kHz (K. Karplus and A. Strong, 1983)."""
    rate, seconds = 22_050, 5.0
    rng = np.random.default_rng(1983)
    mix = np.zeros((int(rate * seconds), 2))
    notes = (220.0, 277.18, 329.63, 440.0, 554.37, 659.26, 880.0, 659.26, 554.37, 1108.73)
    for n, frequency in enumerate(notes):
        start, pan = int(0.4 * n * rate), 0.2 + 0.6 * (n % 3) / 2
        note = _pluck(rng, frequency, rate, len(mix) - start)
        mix[start:] += note[:, np.newaxis] * np.sqrt([1 - pan, pan])
    mix *= np.minimum(1, np.arange(len(mix), 0, -1) / (0.2 * rate))[:, np.newaxis]
    scaled: Samples = 0.7 * mix / np.abs(mix).max()
    return scaled


def _pluck(rng: np.random.Generator, frequency: float, rate: int, frames: int) -> Samples:
    """Return a burst of noise that goes round a string, losing a little of its treble each time."""
    period = round(rate / frequency - 0.5)
    burst = np.zeros(frames)
    burst[:period] = rng.uniform(-1, 1, min(period, frames))
    loop = np.zeros(period + 2)
    loop[0], loop[period : period + 2] = 1, -0.498
    note: Samples = lfilter([1.0], loop, burst)
    return note


def sweep() -> Samples:
    """Sweep from 20 Hz to 7.8 kHz, 3 s, (frames,) at 16 kHz."""
    time = np.arange(3 * 16_000) / 16_000
    fade = np.minimum(1, np.minimum(time, time[::-1]) / 0.02)
    samples: Samples = 0.5 * fade * chirp(time, 20, time[-1], 7800, method="logarithmic", phi=-90)
    return samples


def learned(high: Samples) -> NDArray[np.float32]:
    """Return the 16 taps that best bring back every second sample of `high`, (1, 1, 16)."""
    taps, low = 16, resample_poly(high, 1, 2)
    rows = np.zeros((len(high), taps))
    for k in range(taps):  # output n is the sum over k of low[(n + 7 - k)/2]*w[k], where that is whole
        n = np.arange(len(high))
        index = (n + taps // 2 - 1 - k) // 2
        hit = ((n + taps // 2 - 1 - k) % 2 == 0) & (index >= 0) & (index < len(low))
        rows[hit, k] = low[index[hit]]
    weight = np.linalg.lstsq(rows, high)[0]
    return weight.astype(np.float32)[np.newaxis, np.newaxis]


def main() -> None:
    """Write the files."""
    spoken = speech(WORDS, "en-gb", 8000)
    soundfile.write(FOLDER / "speech_8k.wav", spoken, 8000, "PCM_16")
    soundfile.write(FOLDER / "speech_16k.flac", speech(TEXT, "en-gb", 16_000), 16_000, "PCM_16")
    soundfile.write(FOLDER / "music_22k.flac", music(), 22_050, "PCM_24")
    soundfile.write(FOLDER / "sweep_16k.wav", sweep(), 16_000, "FLOAT")
    np.save(FOLDER / "designed_x2.npy", convt.design_kernel(2))
    np.save(FOLDER / "learned_x2.npy", learned(spoken))
    drawing = [
        "convt",
        "inspect",
        "learned_x2.npy",
        "--rate",
        "8000",
        "--plot",
        "learned_x2.png",
        "--overwrite",
    ]
    subprocess.run(drawing, cwd=FOLDER, check=True)


if __name__ == "__main__":
    main()
