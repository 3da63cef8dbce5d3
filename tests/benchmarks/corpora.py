"""Time corpora, by a plan and without: ``python -m tests.benchmarks.corpora`` writes a page."""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import numpy as np
import soundfile

from tests.benchmarks import page
from tests.benchmarks.pipelines import run
from tests.benchmarks.race import check_quiet, clean_environment

_HERE = Path(__file__).parent
_RATES = (44_100, 48_000, 22_050, 16_000)
_TARS = 32  # of which each has as many clips as a batch, or about
_STORE = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_EC2_METADATA_DISABLED": "true"}
_COPY = """
import sys
from multiprocessing import get_context

def copy(names):
    import s3fs
    store = s3fs.S3FileSystem()
    for name in names:
        store.pipe_file(f"corpora/copy/{name}", store.cat_file(f"corpora/raw/{name}"))

if __name__ == "__main__":
    names = open(sys.argv[1]).read().split()
    with get_context("spawn").Pool(2) as pool:
        pool.map(copy, [names[0::2], names[1::2]])
"""


class Used(NamedTuple):
    """Seconds from start to end, and of all processors."""

    wall: float
    cpu: float


class Servers:
    """A Dask scheduler with two workers, and a store, all on this machine."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        port, store = _free_port(), _free_port()
        self.address, self.endpoint = f"tcp://127.0.0.1:{port}", f"http://127.0.0.1:{store}"
        scheduler = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
        worker = ["distributed.cli.dask_worker", self.address, "--nthreads", "1", "--local-directory"]
        self._start("-m", *scheduler, "--no-dashboard")
        self.workers = [self._start("-m", *worker, f"{folder}/worker{number}") for number in range(2)]
        self._start("-m", "moto.server", "-H", "127.0.0.1", "-p", str(store))
        self.environment = {**_STORE, "AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
        os.environ.update(self.environment)
        _wait_for(self.endpoint)

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((self._folder / f"{arguments[1]}.log").open("ab"))
        command = [sys.executable, *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=clean_environment())
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        return process

    def cpu(self) -> float:
        """Seconds of all processors that the workers have used."""
        import psutil  # comes with distributed

        families = [psutil.Process(worker.pid) for worker in self.workers]
        processes = [each for one in families for each in (one, *one.children(recursive=True))]
        return sum(sum(each.cpu_times()[:2]) for each in processes)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            with urlopen(url):  # noqa: S310  # of this machine
                return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def make(folder: Path, count: int) -> None:
    """Write the clips, their manifest, tar files of them, and the same as objects."""
    import s3fs

    rng, store = np.random.default_rng(0), s3fs.S3FileSystem()
    (folder / "raw").mkdir()
    names = [f"clip{number:05d}.wav" for number in range(count)]
    for number, name in enumerate(names):
        rate = _RATES[number % 4]
        samples = 0.1 * rng.standard_normal(int(rate * rng.uniform(1, 3)))
        soundfile.write(folder / "raw" / name, samples, rate, "PCM_16")
    for which, root in (("here", f"{folder}/raw"), ("store", "s3://corpora/raw")):
        lines = [json.dumps({"path": f"{root}/{name}"}) + "\n" for name in names]
        (folder / f"{which}.jsonl").write_text("".join(lines))
    (folder / "names").write_text("\n".join(names))
    (folder / "bare.py").write_text(_COPY)
    for number in range(_TARS):
        with tarfile.open(folder / f"raw-{number:02d}.tar", "w") as tar:
            for name in names[number::_TARS]:
                tar.add(folder / "raw" / name, name)
    store.mkdir("corpora")
    store.put(f"{folder}/raw/", "corpora/raw/", recursive=True)


def commands(folder: Path, servers: Servers) -> dict[str, list[str]]:
    """The lines that are timed; OUT is a new folder each time."""
    resample = ["convt", "resample", "-r", "16k", "-q"]
    manifest, tars = ["--manifest", f"{folder}/here.jsonl"], [f"{folder}/raw-{{00..{_TARS - 1:02d}}}.tar"]
    store = ["--manifest", f"{folder}/store.jsonl", "-d", "s3://corpora/OUT"]
    return {
        "folder": [*resample, f"{folder}/raw", "-d", f"{folder}/OUT"],
        "manifest": [*resample, *manifest, "-d", f"{folder}/OUT"],
        "tar files": [*resample, *tars, "-d", f"{folder}/OUT"],
        "cluster": [*resample, *manifest, "-d", f"{folder}/OUT", "--cluster", servers.address],
        "tar files, cluster": [*resample, *tars, "-d", f"{folder}/OUT", "--cluster", servers.address],
        "store": [*resample, *store],
        "GET and PUT alone": [sys.executable, f"{folder}/bare.py", f"{folder}/names"],
    }


def timed(command: list[str], out: str, servers: Servers) -> Used:
    """Run a command, and return what it and the workers used."""
    before = servers.cpu()
    used = run([word.replace("OUT", out) for word in command])
    return Used(used.wall, used.cpu + servers.cpu() - before)


def check(folder: Path, count: int) -> None:
    """See that all ways have made the same bytes."""
    import s3fs

    names, store = (folder / "names").read_text().split(), s3fs.S3FileSystem()
    members = dict[str, bytes]()
    for number in range(_TARS):
        with tarfile.open(folder / f"tar_files0/raw-{number:02d}.tar") as tar:
            members |= {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    for name in names[:count]:
        wanted = (folder / "folder0" / name).read_bytes()
        made = [(folder / f"{way}0" / name).read_bytes() for way in ("manifest", "cluster")]
        if not {*made, members[name], store.cat_file(f"corpora/store0/{name}")} == {wanted}:
            raise ValueError(f"the ways differ in {name}")


def race(folder: Path, servers: Servers, count: int, rounds: int) -> str:
    """Run the commands in turns, and return their times compared with the folder's."""
    lines = commands(folder, servers)
    used: dict[str, list[Used]] = {name: [] for name in lines}
    for number in range(rounds + 1):
        for name, line in lines.items():
            used[name].append(timed(line, f"{name.replace(' ', '_')}{number}", servers))
        if number == 0:
            check(folder, count)
    rows = []
    for name, some in used.items():
        baseline = used["GET and PUT alone" if name == "store" else "folder"]
        speed_ratio = statistics.median(
            b.wall / a.wall for a, b in zip(some[1:], baseline[1:], strict=True)
        )
        cpu_ratio = statistics.median(a.cpu / b.cpu for a, b in zip(some[1:], baseline[1:], strict=True))
        wall = statistics.median(one.wall for one in some[1:])
        cpu = statistics.median(one.cpu for one in some[1:])
        than = "GET and PUT" if name == "store" else "folder"
        ratios = (
            [f"{speed_ratio:.2f} of {than}", f"{cpu_ratio:.2f} of {than}"] if name != "folder" else ["", ""]
        )
        rows.append([name, f"{count / wall:.0f}", ratios[0], f"{1e3 * cpu / count:.1f} ms", ratios[1]])
    heads = [f"medians of {rounds}", "files/s", "ratio", "CPU per file", "ratio"]
    return page.table(heads, rows)


def fixed_cost(folder: Path, servers: Servers, rounds: int) -> str:
    """Return the seconds that a cluster takes more than this machine, for one clip."""
    (folder / "one.jsonl").write_text((folder / "here.jsonl").read_text().splitlines()[0] + "\n")
    line = ["convt", "resample", "-r", "16k", "-q", "--manifest", f"{folder}/one.jsonl", "-d"]
    more = []
    for number in range(rounds):
        here = run([*line, f"{folder}/one{number}"]).wall
        there = run([*line, f"{folder}/there{number}", "--cluster", servers.address]).wall
        more.append(there - here)
    return f"{statistics.median(more):.2f} s"


def plan(folder: Path, lines: int) -> str:
    """Plan a long manifest, and return the time and the peak of memory."""
    path = folder / "long.jsonl"
    with path.open("w") as file:
        for number in range(lines):
            line = {
                "audio_filepath": f"/data/speaker{number % 5000:05d}/clip{number:08d}.flac",
                "duration": 3.52,
            }
            file.write(json.dumps(line | {"text": "the quick brown fox jumps over the lazy dog"}) + "\n")
    check_quiet()
    code = "import sys; from convt_cli import corpus; corpus.plan(*sys.argv[1:], rate=16000)"
    used = run([sys.executable, "-c", code, str(path), str(folder / "long")])
    return f"{used.wall:.1f} s, {used.memory:.0f} MiB"


@contextmanager
def servers_in(folder: Path) -> Iterator[Servers]:
    """Start the servers for a while."""
    with ExitStack() as stack:
        yield Servers(stack, folder)


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.corpora", description=__doc__)
    parser.add_argument("--clips", type=int, default=2000, help="how many")
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of the long manifest")
    parser.add_argument("--repeats", type=int, default=3, help="rounds that are counted")
    parser.add_argument("--page", type=Path, default=_HERE / "CORPORA.md", help="what is written")
    options = parser.parse_args()
    text = (_HERE / "corpora_template.md").read_text()
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as logs:
        folder = Path(name)
        with servers_in(Path(logs)) as servers:
            make(folder, options.clips)
            found = {
                "machine": page.machine(),
                "clips": f"{options.clips:,}",
                "table": race(folder, servers, options.clips, options.repeats),
                "fixed": fixed_cost(folder, servers, options.repeats),
            }
        found |= {"lines": f"{options.lines:,}", "plan": plan(folder, options.lines)}
    for key, section in found.items():
        text = text.replace(f"<!-- {key} -->", section.rstrip())
    options.page.write_text(text)


if __name__ == "__main__":
    main()
