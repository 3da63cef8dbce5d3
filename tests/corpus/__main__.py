"""Make some 800 files, upsample them, and print what became of each kind: ``python -m tests.corpus``.

Each is upsampled twice: into floating-point numbers, which shows what was read, and into its own format.
It is "ok" if every sample of the output is the one that the definition of the operator gives, as far as the
format holds it, and their number is right; "refused" if it has to be, with the message that it should have.
Everything else is "wrong", also a refusal of a file that is whole.
"""

import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from tests.corpus.verdict import AS_NUMBERS, Verdict, verdicts, whole_corpus

_WORDS = ("ok", "refused", "wrong")


def _table(read: list[Verdict], kept: list[Verdict]) -> None:
    """Print the numbers of each kind: of what was read, and of what was written in the same format."""
    counts: dict[str, list[Counter[str]]] = defaultdict(lambda: [Counter(), Counter()])
    for which, found in enumerate((read, kept)):
        for verdict in found:
            counts[verdict.made.kind][which][verdict.word] += 1
            counts["all"][which][verdict.word] += 1
    print(f"{'':24}{'read':^27}{'written as it was':^27}")
    print(f"{'files of':24}" + 2 * "".join(f"{word:>9}" for word in _WORDS))
    for kind in [*(kind for kind in counts if kind != "all"), "all"]:
        print(f"{kind:24}" + "".join(f"{side[word] or '':>9}" for side in counts[kind] for word in _WORDS))


def _messages(found: list[Verdict], word: str) -> None:
    for verdict in found:
        if verdict.word == word:
            print(f"  {verdict.made.name!r}: {verdict.why}")


def main() -> int:
    """Return 1 if anything is wrong."""
    corpus = whole_corpus()
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        read = list(verdicts(corpus, Path(first), *AS_NUMBERS))
        kept = list(verdicts(corpus, Path(second)))
    _table(read, kept)
    print("\nRefused, as they should be:")
    _messages(read, "refused")
    print("\nRead, and refused to be written as they were, as they should be:")
    refused = {verdict.made.name for verdict in read if verdict.word == "refused"}
    _messages([verdict for verdict in kept if verdict.made.name not in refused], "refused")
    wrong = [verdict for verdict in read + kept if verdict.word == "wrong"]
    if wrong:
        print("\nWrong:")
        _messages(wrong, "wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
