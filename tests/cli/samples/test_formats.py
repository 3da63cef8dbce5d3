"""The table of WAV sample formats that avoids loading libsndfile, compared with libsndfile."""

import pytest
import soundfile

from convt_cli.samples.formats import _OF_WAV, _can_write


@pytest.mark.parametrize("endian", ["FILE", "LITTLE"])
def test_the_sample_formats_of_wav_are_those_of_libsndfile(endian: str) -> None:
    for subtype in soundfile.available_subtypes():
        expected = soundfile.check_format("WAV", subtype, endian) and not subtype.startswith("MPEG")
        assert _can_write("WAV", subtype, endian) == expected
    assert all(soundfile.check_format("WAV", subtype, endian) for subtype in _OF_WAV)
