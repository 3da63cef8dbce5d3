"""What people type by habit is understood, or refused with the line to type."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from convt_cli.options import values
from tests.support.command import refused, upsample

pytestmark = pytest.mark.usefixtures("silent_input")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sr", "48000"], "unknown option --sr. Did you mean --rate 48k?"),
        (["--sample-rate", "48000"], "unknown option --sample-rate. Did you mean --rate 48k?"),
        (["--bits", "24"], "unknown option --bits. Did you mean --subtype PCM_24?"),
        (["-b", "24"], "unknown option -b. Did you mean --subtype PCM_24?"),
        (["-rate", "48k"], "unknown option -rate. Did you mean --rate?"),
        (["-ar", "48k"], "unknown option -ar. Did you mean --rate 48k?"),
        (["—rate", "48k"], "'—rate' begins with a long dash, as documents have it: type --rate"),
        (["–r", "48k"], "'–r' begins with a long dash, as documents have it: type -r"),  # noqa: RUF001
        (["--force"], "unknown option --force. Did you mean --overwrite?"),
        (["-y"], "unknown option -y. Did you mean --overwrite?"),
        (["--no-dither"], "unknown option --no-dither. Did you mean --dither none?"),
        (["--factor", "2"], "unknown option --factor. Did you mean --stride 2?"),
        (["--recursive"], "unknown option --recursive: it is not needed, a folder as input means"),
        (["--weigths", "w.npy"], "unknown option --weigths. Did you mean --weights?"),
        (["--nonsense"], "unknown option --nonsense (see"),
        (["--stride", "1.5"], "1 or more, got 1.5: for a ratio of rates use --rate"),
        (["--stride", "0"], "--stride must be a whole number, 1 or more, got 0"),
        (["--padding", "-1"], "--padding must be 0 or more, or full, center, same, causal, hifigan,"),
        (["--passband", "20000"], "must be a fraction of the Nyquist frequency, such as 0.95; got 2"),
        (["--passband", "wide"], "--passband must be a fraction of the Nyquist frequency"),
        (["--rate"], "--rate needs a value, such as --rate 48k"),
        (["--layout", "kera"], "keras, jax, mlx or onnx, got kera. Did you mean keras?"),
        (["-o", ""], "--output must be a name; got an empty one"),
        (["--verbose", "--quiet"], "--verbose and --quiet contradict each other"),
        (["--skip-existing", "--overwrite"], "--skip-existing keeps outputs that exist"),
        (["out.wav"], "two inputs and no -d. Did you mean -o out.wav?"),
        (["--subtype", "pcm23"], "--subtype: unknown format: PCM23. "),
        (["--format", "aac"], "--format: AAC cannot be written. Usual are WAV, FLAC, AIFF, OGG, MP3"),
        (["--format", "flc"], "--format: unknown format: FLC. Did you mean FLAC?"),
    ],
)  # fmt: skip
def test_options_of_other_tools(words: list[str], said: str) -> None:
    assert said in refused("upsample", "in.wav", *words, code=2)
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav"]


def test_web_pages_are_no_outputs() -> None:
    said = refused("upsample", "https://a.org/b.wav", code=2)
    assert (
        "https://a.org/b_x2.wav: https:// is read only, as web servers take no uploads: name another"
        in said
    )


def test_files_and_folders_in_place_of_a_command() -> None:
    Path("a folder").mkdir()
    assert refused("in.wav", code=2) == (
        "convt: 'in.wav' is a file, not a command. Try: convt upsample in.wav\n"
    )
    assert "Try: convt resample in.wav -r 48k" in refused("in.wav", "--rate", "48k", code=2)
    assert "Try: convt resample 'a folder' -r 48k -d DIR" in refused("a folder", code=2)
    assert "Try: convt resample 'a folder' -r 48k -d DIR" in refused("a folder", "-r", "48k", code=2)
    assert "'no.wav' is neither a command nor a file that exists" in refused("no.wav", code=2)
    assert "no such command: resampel. Did you mean resample?" in refused("resampel", code=2)


def test_help_and_version_by_any_name() -> None:
    def printed(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), terminal_width=80)
        assert result.exit_code == 0
        return result.stdout

    assert printed("-h") == printed("--help") == printed("help")
    assert printed("upsample", "-h") == printed("upsample", "--help") == printed("help", "upsample")
    assert printed("-V") == printed("--version") == printed("version") == f"convt {convt.__version__}\n"


@pytest.mark.parametrize(
    "command", ["resample", "upsample", "design", "inspect", "lines", "weights", "balance", "fit"]
)
def test_help_has_headings_and_fits_a_terminal(command: str) -> None:
    text = CliRunner().invoke(app, [command, "-h"], terminal_width=80).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "Input and output:" in text or command == "weights"
    assert "..." not in CliRunner().invoke(app, ["-h"], terminal_width=80).stdout.split("Commands:")[1]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("24", "PCM_24"),
        ("pcm24", "PCM_24"),
        ("s24", "PCM_24"),
        ("s24le", "PCM_24"),
        ("pcm_s16le", "PCM_16"),
        ("16bit", "PCM_16"),
        ("u8", "PCM_U8"),
        ("f32", "FLOAT"),
        ("float", "FLOAT"),
        ("double", "DOUBLE"),
        ("opus", "OPUS"),
        ("PCM_S8", "PCM_S8"),
    ],
)
def test_sample_formats_by_the_names_of_others(typed: str, meant: str) -> None:
    assert values.parse_subtype(typed) == meant


def test_a_dot_before_a_file_type_is_dropped() -> None:
    assert upsample("in.wav", "-q", "--format", ".flac", "--subtype", "s24").stdout == "in_x2.flac\n"
    assert soundfile.info("in_x2.flac").subtype == "PCM_24"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rejection", "500"], "--rejection must be 20 to 250 dB, got 500"),
        (["--weights", "none.npy"], "none.npy: no such file"),
        (["--weights", "three.npy"], "three.npy: weights of shape (3, 1, 4)"),
    ],
)
def test_an_output_that_exists_does_not_hide_another_mistake(options: list[str], said: str) -> None:
    np.save("three.npy", np.ones((3, 1, 4)))
    Path("in_x2.wav").write_bytes(b"precious")
    result = CliRunner().invoke(app, ["upsample", "in.wav", *options])
    assert said in result.stderr
    assert "already exists" not in result.stderr
    assert "already exists" in refused("upsample", "in.wav", code=1)


def test_rate_has_one_short_name_in_every_command() -> None:
    for command in ("resample", "upsample", "design", "inspect"):
        assert "-r, --rate HZ" in CliRunner().invoke(app, [command, "-h"]).stdout


def test_features_and_layers_that_do_not_go_together() -> None:
    np.save("layer.npy", np.ones((512, 2, 16)))
    np.save("turned.npy", np.ones((100, 512)))
    said = refused("upsample", "turned.npy", "--weights", "layer.npy", "--stride", "8", code=1)
    assert "turned.npy: the signal looks transposed: the layer takes 512 channels, and this has 100" in said
    said = refused("upsample", "in.wav", "--weights", "layer.npy", "--stride", "8", code=1)
    assert "layer.npy takes 512 channels of features: give it an .npy file of shape (512, L)" in said
    np.save("column.npy", np.ones((64, 1)))
    said = refused("upsample", "in.wav", "--weights", "column.npy", code=1)
    assert "column.npy: shape (64, 1) looks transposed: save the taps as (64,)" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["design", "--kind", "lanczos", "--passband", ".9"],
            "--kind lanczos takes no --quality",
        ),
        (["design", "--balance"], "use --from FILE --balance"),
        (["fit", "in.wav", "--taps", "8"], "fit needs pairs LOW HIGH"),
        (["fit", "in.wav"], "--taps is missing"),
        (
            ["inspect", "long.wav"],
            "40000 samples of audio, and inspect measures kernels.",
        ),
        (["inspect"], "W is missing"),
        (["weights"], "FILE is missing"),
    ],
)
def test_other_commands(words: list[str], said: str) -> None:
    soundfile.write("long.wav", np.zeros(40_000), 8000)
    assert said in refused(*words, code=2)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["in.wav", "out.wav"], "convt upsample in.wav -o out.wav"),
        (["in.wav", "-r", "48000", "out.wav"], "convt resample in.wav -r 48000 -o out.wav"),
        (["in.wav", "48000", "out.wav"], "convt resample in.wav -r 48000 -o out.wav"),
        (["in.wav", "--rate=44.1k"], "convt resample in.wav -r 44.1k"),
        (["folder", "-r", "16k", "-d", "o"], "convt resample folder -r 16k -d o"),
    ],
)
def test_the_line_to_type_is_whole(words: list[str], line: str) -> None:
    Path("folder").mkdir()
    assert refused(*words, code=2).endswith(f"Try: {line}\n")


def test_other_names_of_a_command() -> None:
    for word in ("downsample", "convert"):
        assert f"no such command: {word}. Did you mean resample?" in refused(word, "in.wav", code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plot", "--overwrite"], "--plot needs a value, such as --plot spectra.png"),
        (["-o", "--overwrite"], "-o needs a value, such as -o out.wav"),
        (["-d", "-q"], "-d needs a value, such as -d DIR"),
        (["-q", "high", "-o", "b.wav"], "high: no such file; and -o names one output"),
        (["--files-from", "in.wav", "-d", "out"], "in.wav: is not a list of file names, but other data"),
        (["--version"], "unknown option --version. Did you mean convt --version?"),
    ],
)
def test_options_and_values_in_the_wrong_place(words: list[str], said: str) -> None:
    soundfile.write("in.wav", np.random.default_rng(1).uniform(-0.5, 0.5, 500), 8000)
    code = 1 if "--files-from" in words else 2
    first = [] if "--files-from" in words else ["in.wav"]
    assert said in refused("upsample", *first, *words, code=code)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["design", "2"], "unexpected: 2. Did you mean --stride 2? (see 'convt design --help')"),
        (["design", "k.npy"], "unexpected: k.npy. Did you mean -o k.npy?"),
        (["inspect", "a.npy", "b c"], "unexpected: b c. If the shell has replaced a pattern, quote it"),
        (["lines", "a.wav", "--strides", "8", "8", "2"], "unexpected: 8 2. Separate strides by commas"),
        (
            ["upsample", "a.npy", "--stride", "8,2"],
            "--stride must be one whole number, got 8,2: for several",
        ),
        (["balance", "a.npz", "-o", "b.npz"], "--layers is missing, such as --layers 'ups.*'"),
    ],
)
def test_words_that_belong_to_no_option(words: list[str], said: str) -> None:
    assert said in refused(*words, code=2)
