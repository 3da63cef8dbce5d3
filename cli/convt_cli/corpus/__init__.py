"""Corpora: many clips, by a manifest or in tar files, in batches that are done once.

From Python::

    from convt_cli import corpus

    plan = corpus.plan("train.jsonl", "out", rate=16000)
    plan.run()
    plan.gather()

    plan.do(12)  # one batch, by any engine: the plan can be pickled
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

    from convt_cli.corpus.clips import Outcome
    from convt_cli.corpus.gather import Gathered
    from convt_cli.options.resample_options import ResampleOptions

__all__ = ["Plan", "plan"]

# Options of the command that a plan has no use for, or states itself.
_UNUSED = {"sources", "output", "directory", "files_from", "skip_existing", "plot", "dry_run", "json"}
_UNUSED |= {"manifest", "cluster"}


def plan(inputs: str | Path | Sequence[str | Path], folder: str | Path, **options: Any) -> "Plan":
    """Plan to resample a corpus, or go on with a plan that was made before.

    Parameters
    ----------
    inputs : str, Path or sequence of those
        A manifest, ``.jsonl`` or ``.csv``; or tar files, also as a pattern such as
        ``shard-{000..999}.tar``.
    folder : str or Path
        Folder for the outputs and the records.
    **options
        The options of ``convt resample``, such as ``rate=16000`` (Hz), ``quality="best"`` or
        ``subtype="PCM_16"``: with underscores for hyphens, True for one without a value.

    Returns
    -------
    Plan
        The plan, with its batches.

    Raises
    ------
    convt_cli.errors.Failure
        The manifest cannot be read, two of its lines would become one output, or the folder holds a plan of
        another manifest, or with other options.
    TypeError
        There is no such option.

    Examples
    --------
    >>> from pathlib import Path
    >>> from convt_cli import corpus
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "all.jsonl").write_text('{"path": "/none.wav"}')
    >>> corpus.plan(folder / "all.jsonl", folder / "out", rate="16k").batches
    1
    """
    from convt_cli.errors import Misuse
    from convt_cli.options.keywords import options_of  # these are heavy
    from convt_cli.options.resample_options import ResampleOptions

    files = [str(inputs)] if isinstance(inputs, str | Path) else list(map(str, inputs))
    are_tar_files = all(file.lower().endswith(".tar") for file in files)
    if not files or not (are_tar_files or isinstance(inputs, str | Path)):
        raise Misuse(f"{inputs}: must be one manifest, or tar files")
    for name in _UNUSED & options.keys():
        raise TypeError(f"{name} is no option of a plan")
    place = str(folder) if "://" in str(folder) else str(Path(folder).absolute())  # for other processes
    given: dict[str, Any] = {"sources": files} if are_tar_files else {"manifest": files[0]}
    return Plan(options_of(ResampleOptions, given | {"directory": place} | options))


class Plan:
    """The batches of a corpus, which may be done in any order, in any process, and more than once.

    Attributes
    ----------
    batches : int
        How many there are.
    """

    def __init__(self, options: "ResampleOptions") -> None:
        from convt_cli.corpus.corpus_plan import CorpusPlan  # heavy
        from convt_cli.run.prepare import check_options

        check_options(options)
        self._options = options
        self._plan = CorpusPlan.of(options)
        self.batches = self._plan.batches

    def undone(self) -> list[int]:
        """Return the numbers of the batches that have no record, from 0."""
        undone: list[int] = self._plan.undone().tolist()
        return undone

    def do(self, batch: int) -> "Outcome":
        """Make the clips of a batch that are not made yet, in this thread, and write its record.

        Parameters
        ----------
        batch : int
            Its number, from 0.

        Returns
        -------
        Outcome
            Numbers of ``clips`` and of those that ``failed``, ``seconds`` of audio, and ``errors``.

        Raises
        ------
        IndexError
            There is no such batch.
        convt_cli.errors.Failure
            Outputs or the record cannot be written.
        """
        from convt_cli.corpus.clips import do_batch

        if not 0 <= batch < self.batches:
            raise IndexError(f"batch must be 0 to {self.batches - 1}; got {batch}")
        return do_batch(self._plan, batch, self._options)

    def run(self, *, client: "Client | None" = None, jobs: int | None = None) -> "Outcome":
        """Do all batches that are not done, on this machine or on a Dask cluster.

        Parameters
        ----------
        client : distributed.Client or None
            A connection to a cluster whose workers see the same files.
        jobs : int or None
            How many processes of this machine; None for the number of cores.

        Returns
        -------
        Outcome
            As :meth:`do`, of all of these batches.

        Raises
        ------
        convt_cli.errors.Failure
            A record cannot be written; or workers of the cluster have no convt, or another version, or the
            scheduler or all workers are gone. The work so far is kept.
        """
        from dataclasses import replace

        from convt_cli.corpus.run import run_plan
        from convt_cli.errors import Misuse
        from convt_cli.text.report import Reporter

        if jobs is not None and jobs < 1:
            raise Misuse(f"jobs must be at least 1; got {jobs}")
        options = replace(self._options, jobs=jobs or self._options.jobs)
        return run_plan(self._plan, options, Reporter(options.quiet, options.verbose), client)

    def gather(self) -> "Gathered":
        """Check that every clip is done, and write the manifest of the outputs, and failed.jsonl.

        Returns
        -------
        Gathered
            The path of the ``manifest``, the numbers of ``clips``, of ``seconds`` of audio and of clips
            that ``failed``, and the ``names`` of some of the latter.

        Raises
        ------
        convt_cli.errors.Failure
            Batches are not done, or outputs are gone.
        """
        from convt_cli.corpus.gather import gather_plan

        return gather_plan(self._plan)
