"""Tags and pictures from each kind of file to each, as mutagen reads them; and their names without it."""

import base64
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen import apev2, flac, id3, oggopus, oggvorbis
from typer.testing import CliRunner

from convt_cli.app import app
from convt_cli.files.source import Source
from convt_cli.metadata.unread import unread_names
from tests.support.command import run, upsample
from tests.support.oracles import Array

PNG = b"\x89PNG" + bytes(range(100))
NAMES = {"COMPOSER": "TCOM", "ALBUMARTIST": "TPE2", "ISRC": "TSRC", "TITLE": "TIT2", "ARTIST": "TPE1"}
NAMES |= {"GENRE": "TCON", "DATE": "TDRC", "TRACKNUMBER": "TRCK", "COPYRIGHT": "TCOP"}
TEXTS = {name: [f"Thé {name.lower()}"] for name in NAMES}
TEXTS |= {"COMPOSER": ["One", "Two"], "DATE": ["2001-02-03"], "TRACKNUMBER": ["3/9"]}
TEXTS |= {"COMMENT": ["a comment"], "MY MOOD": ["calm"], "LYRICS": ["la\nla"]}
KINDS = ["mp3", "ogg", "opus", "flac", "wav", "aiff"]
OGG = {"ogg": oggvorbis.OggVorbis, "opus": oggopus.OggOpus}


def noise(rate: int = 24_000) -> Array:
    return np.random.default_rng(1).uniform(-0.1, 0.1, rate // 8)


def picture() -> flac.Picture:
    made = flac.Picture()
    made.data, made.mime, made.type, made.desc = PNG, "image/png", 3, "the front"
    return made


def frames() -> list[Any]:
    made = [getattr(id3, NAMES[name])(text=text) for name, text in TEXTS.items() if name in NAMES]
    made += [id3.COMM(lang="eng", desc="", text="a comment"), id3.TXXX(desc="My mood", text="calm")]
    made += [id3.USLT(lang="eng", desc="", text="la\nla"), id3.TSSE(text="an encoder")]
    return [*made, id3.APIC(mime="image/png", type=3, desc="the front", data=PNG)]


def tagged(name: str) -> None:
    """Write a file with tags and a picture."""
    kind = name.rpartition(".")[2]
    soundfile.write(name, noise(), 24_000, subtype="OPUS" if kind == "opus" else None, format=FORMATS[kind])
    if kind in OGG:
        file = OGG[kind](name)
        file.update(TEXTS | {"metadata_block_picture": [base64.b64encode(picture().write()).decode()]})
    elif kind == "flac":
        file = flac.FLAC(name)
        file.update(TEXTS)
        file.add_picture(picture())
    else:
        file = mutagen.File(name)
        file.add_tags()
        for frame in frames():
            file.tags.add(frame)
    file.save()


FORMATS = {"mp3": "MP3", "ogg": "OGG", "opus": "OGG", "flac": "FLAC", "wav": "WAV", "aiff": "AIFF"}


def held(name: str) -> tuple[dict[str, list[str]], list[tuple[int, str, str, bytes]]]:
    """The texts and the pictures of a file."""
    file = mutagen.File(name)
    if isinstance(file.tags, id3.ID3):
        texts = {name: list(map(str, file.tags[frame].text)) for name, frame in NAMES.items()}
        [comment], [lyrics] = file.tags.getall("COMM"), file.tags.getall("USLT")
        [mood] = [frame for frame in file.tags.getall("TXXX") if frame.desc.upper() == "MY MOOD"]
        texts |= {"COMMENT": comment.text, "LYRICS": [lyrics.text], "MY MOOD": mood.text}
        found = file.tags.getall("APIC")
        return texts, [(image.type, image.mime, image.desc, image.data) for image in found]
    images = getattr(file, "pictures", None)
    if images is None:
        blocks = file.tags["METADATA_BLOCK_PICTURE"]
        images = [flac.Picture(base64.b64decode(block)) for block in blocks]
    texts = {name: file.tags[name] for name in TEXTS}
    return texts, [(image.type, image.mime, image.desc, image.data) for image in images]


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_tags_and_pictures_go_from_each_kind_to_each(source: str, target: str) -> None:
    tagged(f"in.{source}")
    result = upsample(f"in.{source}", "-o", f"out.{target}")
    assert "does not keep" not in result.stderr
    assert held(f"out.{target}") == (TEXTS, [(3, "image/png", "the front", PNG)])
    assert soundfile.info(f"out.{target}").samplerate == 48_000
    assert (
        "an encoder" not in str(mutagen.File(f"out.{target}").tags) or source == target
    )  # a chunk is kept


def test_id3_frames_that_are_no_texts_stay_in_id3_and_are_named_elsewhere() -> None:
    soundfile.write("in.mp3", noise(), 24_000)
    tags = id3.ID3()
    tags.add(id3.POPM(email="a@b", rating=200, count=7))
    tags.add(id3.TYER(text="1999"))
    tags.add(id3.CHAP(element_id="c1", start_time=1, end_time=90, sub_frames=[id3.TIT2(text="One")]))
    tags.save("in.mp3", v2_version=3)
    assert "does not keep" not in upsample("in.mp3", "-o", "out.mp3").stderr
    made = id3.ID3("out.mp3", translate=False)
    assert (made.version[:2], made["POPM:a@b"].rating, str(made["TYER"])) == ((2, 3), 200, "1999")
    assert made["CHAP:c1"].end_time == 90
    result = upsample("in.mp3", "-o", "out.flac")
    assert "out.flac: not copied from in.mp3: POPM, CHAP\n" in result.stderr.replace(
        "CHAP, POPM", "POPM, CHAP"
    )
    assert flac.FLAC("out.flac")["DATE"] == ["1999"]


def test_names_that_vorbis_comments_cannot_have_are_changed() -> None:
    soundfile.write("in.mp3", noise(), 24_000)
    tags = id3.ID3()
    tags.add(id3.TXXX(desc="größe=x", text="12"))
    tags.save("in.mp3")
    upsample("in.mp3", "-o", "out.ogg")
    assert oggvorbis.OggVorbis("out.ogg")["GR_SSE_X"] == ["12"]


def test_loops_of_games_move_with_the_samples() -> None:
    soundfile.write("in.ogg", noise(), 22_050)
    file = oggvorbis.OggVorbis("in.ogg")
    file.update({"LOOPSTART": "1001", "LOOPLENGTH": "1000", "LOOPEND": "2001"})
    file.save()
    upsample("in.ogg", "--rate", "24k", "-o", "out.mp3")
    made = id3.ID3("out.mp3")
    # 1001 is at 1089.52, and 1000 samples are 1088.44.
    assert [str(made[f"TXXX:LOOP{name}"]) for name in ("START", "LENGTH", "END")] == [
        "1090",
        "1088",
        "2178",
    ]
    upsample("out.mp3", "--stride", "2", "-o", "again.mp3")
    assert str(id3.ID3("again.mp3")["TXXX:LOOPEND"]) == "4356"


def test_an_ape_tag_is_read_too() -> None:
    soundfile.write("in.mp3", noise(), 24_000)
    tags = apev2.APEv2()
    tags["Composer"], tags["Year"] = ["One", "Two"], "1999"
    tags["Cover Art (Front)"] = apev2.APEValue(b"front.png\0" + PNG, apev2.BINARY)
    tags.save("in.mp3")
    assert "does not keep" not in upsample("in.mp3", "-o", "out.flac").stderr
    made = flac.FLAC("out.flac")
    assert (made["COMPOSER"], made["DATE"]) == (["One", "Two"], ["1999"])
    assert (made.pictures[0].data, made.pictures[0].mime) == (PNG, "image/png")


def test_numbers_of_tracks_become_one_frame() -> None:
    soundfile.write("in.flac", noise(), 24_000)
    file = flac.FLAC("in.flac")
    file.update({"TRACKNUMBER": "3", "TRACKTOTAL": "9", "DISCNUMBER": "1", "TOTALDISCS": "2"})
    file.save()
    upsample("in.flac", "-o", "out.mp3")
    made = id3.ID3("out.mp3")
    assert (str(made["TRCK"]), str(made["TPOS"])) == ("3/9", "1/2")


def test_two_pictures_of_one_name_stay_two() -> None:
    soundfile.write("in.flac", noise(), 24_000)
    file = flac.FLAC("in.flac")
    for data in (b"one", b"two"):
        image = picture()
        image.data = data
        file.add_picture(image)
    file.save()
    upsample("in.flac", "-o", "out.mp3")
    assert sorted(image.data for image in id3.ID3("out.mp3").getall("APIC")) == [b"one", b"two"]


@pytest.mark.parametrize("kind", KINDS)
def test_without_mutagen_each_loss_is_named_and_the_extra_too(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged(f"in.{kind}")
    monkeypatch.setitem(sys.modules, "mutagen", None)
    monkeypatch.delitem(sys.modules, "convt_cli.metadata.tags", raising=False)
    target = "out.ogg" if kind != "ogg" else "out.flac"
    [line] = [
        line for line in upsample(f"in.{kind}", "-o", target).stderr.splitlines() if "not copied" in line
    ]
    names, hint = line.rpartition(f"{target}: not copied from in.{kind}: ")[2].split("; ")
    assert hint == "to keep tags and cover art: pip install 'convt[tags]'"
    lost = {"composer", "albumartist", "isrc", "cover art"}
    if kind in ("wav", "aiff"):
        assert names in ("id3", "ID3")
    else:
        assert lost <= set(names.split(", "))
    assert not {"software", "encoder", "TSSE", "title", "artist"} & set(names.split(", "))


def test_a_pipe_keeps_tags_too() -> None:
    tagged("in.mp3")
    with subprocess.Popen(["cat", "in.mp3"], stdout=subprocess.PIPE) as cat:  # noqa: S607
        done = run("upsample", "-", "-o", "out.flac", stdin=cat.stdout)
    assert done.returncode == 0, done.stderr
    assert "does not keep" not in done.stderr
    assert held("out.flac") == (TEXTS, [(3, "image/png", "the front", PNG)])


@pytest.mark.parametrize("kind", ["mp3", "ogg", "flac", "aiff", "wav"])
@pytest.mark.parametrize("seed", range(3))
def test_damaged_tags_end_no_run(kind: str, seed: int) -> None:
    tagged(f"in.{kind}")
    data, rng = bytearray(Path(f"in.{kind}").read_bytes()), np.random.default_rng(seed)
    places = [at for word in (b"One", b"TCOM", b"COMPOSER", b"PNG") if (at := data.find(word)) > 0]
    for at in places:
        data[at - rng.integers(1, 9)] ^= 1 << rng.integers(8)
    Path(f"in.{kind}").write_bytes(data)
    with closing(Source(Path(f"in.{kind}"))) as source:
        unread_names(source, {})
    result = CliRunner().invoke(app, ["upsample", f"in.{kind}", "-o", "out.flac"])
    assert result.exit_code in (0, 1)  # libsndfile refuses some
    assert isinstance(result.exception, SystemExit | None)
