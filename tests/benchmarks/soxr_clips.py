"""A loop over soxr: ``python -m tests.benchmarks.soxr_clips FOLDER RATE PROCESSES FILES``."""

import sys
from multiprocessing import Pool
from pathlib import Path

import soundfile


def convert(task: tuple[str, str, int]) -> None:
    """Change the rate of one file, and write it with 16 bits."""
    import soxr  # of the extra `bench`

    source, folder, rate = task
    samples, before = soundfile.read(source, dtype="float32", always_2d=True)
    made = soxr.resample(samples, before, rate, "VHQ")
    soundfile.write(Path(folder, Path(source).name), made, rate, "PCM_16")


def main() -> None:
    folder, rate, processes, *files = sys.argv[1:]
    tasks = [(name, folder, int(rate)) for name in files]
    with Pool(int(processes)) as pool:
        for _ in pool.imap_unordered(convert, tasks, chunksize=8):
            pass


if __name__ == "__main__":
    main()
