"""The command as a whole: help, version, completion, start-up."""

import os
import subprocess
import sys
from typing import Any, get_args

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt.design.designer import Kind, Phase
from convt.design.presets import Quality
from convt.geometry import DecoderPadding, NamedPadding
from convt_cli.app import app
from convt_cli.options import design_options, filter_options, values
from tests.support.command import CONVT


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"convt {convt.__version__}\n")


@pytest.mark.parametrize("module", ["convt", "convt_cli"])
def test_python_m_runs_the_command_under_its_own_name(module: str) -> None:
    def ended(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", module, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.returncode, result.stdout, result.stderr

    assert ended("--version") == (0, f"convt {convt.__version__}\n", "")
    code, _, said = ended("upsample", "--strid", "2")
    assert code == 2
    assert said.startswith("convt: unknown option --strid")
    assert said.endswith("(see 'convt upsample --help')\n")
    code, written, said = ended("upsample", "a.wav", "b.wav", "-d", "out", "-q")
    assert (code, written) == (1, "")
    assert "convt: 2 of 2 files failed: a.wav, b.wav" in said


def test_help_of_the_program_lists_its_commands() -> None:
    result = CliRunner().invoke(app, ["--help"], terminal_width=80)
    assert result.exit_code == 0
    assert "upsample  Raise it by a whole factor, or with your own kernel." in result.stdout
    assert result.stderr == ""


def test_without_a_command_the_help_goes_to_stderr() -> None:
    result = CliRunner().invoke(app, [])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: convt")


def test_help_of_upsample_shows_examples_the_length_and_every_option() -> None:
    text = CliRunner().invoke(app, ["upsample", "--help"]).stdout
    assert "convt upsample in.wav --weights w.npy --stride 2" in text
    assert "(L - 1)*stride - 2*padding + dilation*(K - 1) + output_padding + 1" in text
    options = {word.strip(",") for word in text.split() if word.startswith("--")}
    assert options >= {
        "--output",
        "--weights",
        "--stride",
        "--padding",
        "--output-padding",
        "--dilation",
        "--groups",
        "--bias",
        "--precision",
        "--overwrite",
        "--verbose",
        "--quiet",
        "--help",
    }


@pytest.mark.parametrize("arguments", [["--help"], ["upsample", "--help"], ["--version"], ["upsample"]])
def test_start_up_imports_nothing_heavy(arguments: list[str]) -> None:
    watch = (
        "import atexit, sys; atexit.register(lambda: print(*sorted({'numpy', 'scipy', 'soundfile', 'convt',"
        " 'matplotlib', 'rich', 'pydantic'} & set(sys.modules)), file=sys.stderr)); "
    )
    result = subprocess.run(
        [sys.executable, "-c", watch + CONVT[2], *arguments], capture_output=True, text=True, check=False
    )
    assert result.stderr.splitlines()[-1] == ""


def test_the_options_name_the_paddings_of_the_library() -> None:
    assert (*get_args(NamedPadding), *get_args(DecoderPadding)) == values.NAMED_PADDINGS


@pytest.mark.parametrize(
    ("option", "names"),
    [(filter_options.Quality, Quality), (filter_options.Phase, Phase), (design_options.Kind, Kind)],
)
def test_the_options_name_what_the_library_designs(option: Any, names: Any) -> None:
    choice, _none = get_args(get_args(option)[0])
    assert get_args(choice) == get_args(names)


def test_the_help_states_the_qualities_of_the_library() -> None:
    text = " ".join(CliRunner().invoke(app, ["upsample", "--help"], terminal_width=200).stdout.split())
    edges, depths = zip(*convt.QUALITIES.values(), strict=True)
    assert "flat to {:.2f}, {:.2f} or {} of the input's band".format(*edges) in text
    assert "images below -{:.0f}, -{:.0f} or -{:.0f} dB".format(*depths) in text


def test_upsampling_does_not_import_scipy() -> None:
    code = "import sys, convt, convt_cli.run.pipeline; convt.design_kernel(2)"
    code += "; assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("words", "completion"), [("convt up", "upsample"), ("convt upsample --str", "--stride")]
)
def test_shells_complete_commands_and_options(words: str, completion: str) -> None:
    environment = os.environ | {
        "_CONVT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'convt'; " + CONVT[2]]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.stdout.split() == [completion]


def test_a_wav_file_is_changed_without_libraries_that_are_slow_to_load() -> None:
    soundfile.write("in.wav", np.zeros(100), 8000, "PCM_16")
    code = (
        "import sys\n"
        "from convt_cli.entry import main\n"
        "sys.argv = ['convt', 'resample', 'in.wav', '--rate', '16k', '-q']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "slow = {'soundfile', 'multiprocessing', 'numpy.random', 'matplotlib', 'scipy', 'hashlib'}\n"
        "slow |= {'tempfile', 'convt.weights.load', 'convt.fitting', 'rich', 'pydantic', 'mutagen'}\n"
        "print(slow & set(sys.modules))\n"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.splitlines()[1:] == ["set()"], made.stdout


@pytest.mark.parametrize(
    ("given", "threads", "blas"),
    [({}, None, "1"), ({"CONVT_NUM_THREADS": "3"}, "3", "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "", "2")],
)
def test_blas_has_one_thread_unless_it_is_set(
    given: dict[str, str], threads: str | None, blas: str
) -> None:
    code = (
        "import os\n"
        "from convt_cli.entry import _use_own_threads\n"
        "_use_own_threads()\n"
        "print(os.environ.get('CONVT_NUM_THREADS', ''), os.environ['OPENBLAS_NUM_THREADS'], sep=',')\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    made = subprocess.check_output([sys.executable, "-c", code], env=clean | given, text=True).strip()
    assert made.split(",") == [str(len(os.sched_getaffinity(0))) if threads is None else threads, blas]
