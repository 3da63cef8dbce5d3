"""MP3 data, frame by frame."""

DELAY = 1105  # samples that an encoder and a decoder add in front: 576 and 529


def unstated(whole: bytes) -> bytes:
    """An MP3 file without its first frame, which states the length: the second begins like the first."""
    assert b"Xing" in whole[:64] or b"Info" in whole[:64]
    return whole[whole.index(whole[:2], 72) :]


def decoded(data: bytes) -> int:
    """The samples of data that do not state their length: frames of as many, all with the same 11 bits.

    Between frames there is nothing; within one, bytes that are like a header are not at the right place.
    """
    kind, at, frames = data[1], 0, 0
    version, rates = (
        kind >> 3 & 3,
        {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)},
    )
    kilobits = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    slower = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    while data[at : at + 2] == data[:2]:
        rate = (kilobits if version == 3 else slower)[(data[at + 2] >> 4) - 1]
        hertz = rates[version][data[at + 2] >> 2 & 3]
        at += (144 if version == 3 else 72) * rate * 1000 // hertz + (data[at + 2] >> 1 & 1)
        frames += 1
    assert at == len(data)
    return frames * (1152 if version == 3 else 576)
