"""What is installed: the wheel's contents, and the public names."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import convt

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.iterdir()
    return zipfile.ZipFile(wheel).namelist()


def test_the_wheel_holds_two_top_level_modules(wheel_names: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}
    assert tops == {"convt", "convt_cli", f"convt-{convt.__version__}.dist-info"}


def test_the_wheel_holds_every_module_its_types_and_its_licence(wheel_names: list[str]) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "convt").rglob("*.py")}
    modules |= {path.relative_to(ROOT / "cli").as_posix() for path in (ROOT / "cli").rglob("*.py")}
    info = f"convt-{convt.__version__}.dist-info"
    expected = modules | {"convt/py.typed", "convt_cli/py.typed"}
    expected |= {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    assert set(wheel_names) == expected | {f"{info}/licenses/LICENSE"}


def test_public_names_are_sorted_and_there() -> None:
    assert convt.__all__[1:] == sorted(convt.__all__[1:])  # constants stand first
    assert convt.__all__ == [
        "QUALITIES",
        "Chain",
        "ChainGeometry",
        "ConvtError",
        "Fit",
        "Fitter",
        "LayerResponse",
        "LineLevels",
        "LineMeter",
        "ParameterError",
        "ParameterTypeError",
        "Resampler",
        "Response",
        "StreamError",
        "Sum",
        "Upsampler",
        "WeightEntry",
        "WeightList",
        "Weights",
        "WeightsError",
        "balance_kernel",
        "balance_layer",
        "chain_geometry",
        "conv_transpose1d",
        "conv_transpose1d_vjp",
        "design_kernel",
        "fit",
        "line_levels",
        "list_weights",
        "load_weights",
        "output_length",
        "replace_weights",
        "resample",
    ]
    assert all(getattr(convt, name).__doc__ for name in convt.__all__ if name != "QUALITIES")


def test_dir_lists_every_public_name_before_any_is_used() -> None:
    program = "import convt; print('fit' in vars(convt), sorted(set(convt.__all__) - set(dir(convt))))"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout == "False []\n"


def test_every_python_that_is_declared_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    declared = [line.removeprefix(prefix) for line in project["classifiers"] if line.startswith(prefix)]
    tested = re.search(r"^supported=\((.*)\)$", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert tested
    assert tested[1].split() == declared
    assert project["requires-python"] == f">={declared[0]}"


def requirements() -> dict[str, set[str]]:
    """The names of the distributions that each extra needs, and that every installation does ("")."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = {"": project["dependencies"]} | project["optional-dependencies"]
    return {extra: {re.split(r"\W", line)[0] for line in lines} for extra, lines in lists.items()}


def test_runtime_dependencies_are_the_six() -> None:
    assert requirements()[""] == {"numpy", "rich", "scipy", "soundfile", "threadpoolctl", "typer"}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    files = [*(ROOT / "convt").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
    tops = {name.split(".")[0] for file in files for name in imports(file)}
    extras = requirements()
    declared = set[str]().union(
        *(extras[name] for name in ("", "cluster", "fast", "plot", "remote", "safetensors", "tags"))
    )
    assert tops - set(sys.stdlib_module_names) - set(PLACES) == declared


PLACES = {"convt": ROOT, "convt_cli": ROOT / "cli"}


def module_of(file: Path, package: str) -> str:
    parts = file.relative_to(PLACES[package]).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path) -> set[str]:
    """The modules that a file imports, in functions, too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            within = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {name for name in within if is_module(name)}
            names |= submodules or {node.module}
    return names


def imported(file: Path) -> set[str]:
    """The modules of convt and its command that a file imports."""
    return {name for name in imports(file) if name.split(".")[0] in PLACES}


def is_module(name: str) -> bool:
    place = PLACES.get(name.split(".")[0], ROOT / "none") / name.replace(".", "/")
    return place.is_dir() or place.with_suffix(".py").exists()


def import_graph(package: str) -> dict[str, set[str]]:
    """The modules of a package, each with those that it imports."""
    modules = {module_of(file, package): file for file in (PLACES[package] / package).rglob("*.py")}
    return {name: imported(file) & set(modules) for name, file in modules.items()}


@pytest.mark.parametrize("package", PLACES)
def test_imports_go_one_way(package: str) -> None:
    graph = import_graph(package)
    graph.pop("convt", None)  # the package itself hands out the names of its modules, and none imports it
    assert not any("convt" in names for names in graph.values())
    TopologicalSorter(graph).prepare()  # or there is a cycle


# Each room imports only from itself and from those before it.
ROOMS = {
    "convt": [
        "errors",
        "arguments",
        "arrays",
        "geometry",
        "kernel",
        "engines",
        "streaming",
        "analysis",
        "stream",
        "conv",
        "design",
        "resampling",
        "resample",
        "chains",
        "gradient",
        "weights",
        "fitting",
        "__main__",
    ],
    "convt_cli": [
        "errors",
        "files",
        "options",
        "samples",
        "metadata",
        "audio",
        "kernels",
        "plots",
        "run",
        "text",
        "jobs",
        "corpus",
        "habits",
        "commands",
        "app",
        "entry",
        "__main__",
    ],
}


@pytest.mark.parametrize("package", PLACES)
def test_rooms_import_only_from_those_before_them(package: str) -> None:
    graph = import_graph(package)
    del graph[package]
    place = {name: ROOMS[package].index(name.split(".")[1]) for name in graph}
    assert set(place.values()) == set(range(len(ROOMS[package])))
    backward = {
        (name, other) for name, others in graph.items() for other in others if place[other] > place[name]
    }
    assert not backward


def test_the_library_knows_the_command_only_to_start_it() -> None:
    files = sorted((ROOT / "convt").rglob("*.py"))
    users = [file.name for file in files if any(name.startswith("convt_cli") for name in imported(file))]
    assert users == ["__main__.py"]


def test_the_command_uses_public_names_alone() -> None:
    for file in sorted((ROOT / "cli").rglob("*.py")):
        assert {name for name in imported(file) if name.split(".")[0] == "convt"} <= {"convt"}, file
        used = {
            node.attr
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "convt"
        }
        assert used <= {*convt.__all__, "__version__"}, file


# What Python has on POSIX systems alone, or on some of them.
POSIX = """
for name in (
    "fchown fork forkpty getegid geteuid getgid getpgid getuid killpg mkfifo O_CLOEXEC O_NONBLOCK O_TMPFILE"
    " posix_fallocate pread pwrite register_at_fork sched_getaffinity sendfile setsid statvfs sysconf uname"
).split():
    delattr(os, name)
for name in "SIGALRM SIGHUP SIGKILL SIGPIPE pthread_sigmask setitimer".split():
    delattr(signal, name)
sys.modules |= dict.fromkeys(("fcntl", "grp", "pwd", "resource", "termios"))
"""


def test_the_library_needs_nothing_that_windows_lacks(tmp_path: Path) -> None:
    code = f"""
import os, pkgutil, signal, sys
from importlib import import_module
import numpy as np, scipy, soundfile, threadpoolctl  # which know Windows
threadpoolctl.ThreadpoolController()  # it asks for os.uname once, where it is no Windows
{POSIX}
import convt
for module in pkgutil.walk_packages(convt.__path__, "convt."):
    if module.name != "convt.__main__":
        import_module(module.name)
soundfile.write("w.wav", [0.25, 0.5, 0.25], 8000)
weight = convt.load_weights("w.wav").weight
print(*convt.conv_transpose1d([[1.0] * 100_000] * 2, [[weight]] * 2, groups=2, stride=2, threads=2)[1, :4])
"""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("0.25 0.5 0.5 0.5\n", "")


def test_the_library_names_no_option_of_the_command() -> None:
    for file in sorted((ROOT / "convt").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"(^|[\s(])--[a-z]", node.value), (file, node.value)


def test_every_cache_of_a_function_with_arguments_is_bounded() -> None:
    for file in [*(ROOT / "convt").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        functions = (
            node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)
        )
        for function in functions:
            for decorator in map(
                ast.unparse, function.decorator_list if ast.unparse(function.args) else ()
            ):
                if "cache" in decorator and decorator != "cached_property":
                    assert re.fullmatch(r"lru_cache\(maxsize=\d+\)|array_cache\(.+\)", decorator), file


def test_the_map_for_contributors_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"^\| (.*?) \|", text, flags=re.MULTILINE))
    rooms = {name for cell in named for name in re.findall(r"`(\w+)(?:/|\.py)`", cell)}
    paths = [path for package, place in PLACES.items() for path in (place / package).iterdir()]
    there = {path.stem for path in paths if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms == there - {"__init__"}
