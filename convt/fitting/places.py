"""Compute the errors of kernels fitted at many places, for about the cost of a few.

A place gives each phase of the outputs a window of lags (see `least_squares.py`), and the phases of all
places use the same few windows. Neighbouring windows share most of their lags: the windows are halved again
and again, and the lags that all windows of a part have in common are eliminated once for the whole part::

    lags         0 1 2 3 4 5 6 7 8
    0 to 5       # # # # # #            first 3 to 5, for all windows
    1 to 6         # # # # # #          then 1 and 2 for the upper two, and 6 and 7 for the others
    2 to 7           # # # # # #
    3 to 8             # # # # # #

Let A and C be the products of the fitted samples, G and D those of the samples to judge by, and e the
energy of the latter. With the unknowns x split into the common c and the rest, the normal equations give
x_c = P - R x_rest, with P = A_cc^-1 C_c and R = A_cc^-1 A_c,rest. Inserted into A x = C and into the error
e - 2 D'x + x'G x, this keeps their form with fewer unknowns. With Q lags all windows together take about
Q**3 operations, not Q**4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Reals
from convt.fitting.correlations import Sums
from convt.fitting.least_squares import Placement

Window = tuple[int, int]


def place_errors(
    fitted: Sequence[Sums], judged: Sequence[Sums], places: Sequence[Placement], ridge: float
) -> Reals:
    """Return the squared errors on `judged` of the kernels fitted to `fitted` at each place.

    They are infinite if the ridge is too small for a unique solution. All places must have the same taps,
    stride and first lag.
    """
    groups = [list(place.groups()) for place in places]
    windows = sorted({(group.lags.start, group.lags.stop) for place in groups for group in place})
    errors = np.zeros(len(places))
    for teaching, judging in zip(fitted, judged, strict=True):
        if not teaching.gram.any():
            errors += judging.energy.sum()
            continue
        lost = dict.fromkeys(windows, np.full(places[0].stride, np.inf))
        lost |= _lost(_Unknowns.of(teaching, judging, ridge), windows)
        errors += [
            sum(float(lost[group.lags.start, group.lags.stop][group.phases].sum()) for group in place)
            for place in groups
        ]
    return errors


def _lost(unknowns: "_Unknowns", windows: Sequence[Window]) -> dict[Window, Reals]:
    """Return the error of each phase, (stride,), for each window with a solution."""
    begins, ends = zip(*windows, strict=True)
    left = unknowns.reduced((min(begins), max(ends)), (max(begins), min(ends)))
    if left is None:
        return {}
    if len(windows) == 1:
        return {windows[0]: left.energy.sum(0)}
    half = len(windows) // 2
    return _lost(left, windows[:half]) | _lost(left, windows[half:])


@dataclass(frozen=True, slots=True)
class _Unknowns:
    """The taps that are not eliminated yet.

    Attributes
    ----------
    lags : ndarray of int, (n,)
        The lag of each.
    grams : ndarray, (2, n, n)
        A and G.
    crosses : ndarray, (2, n, C_out*stride)
        C and D.
    energy : ndarray, (C_out, stride)
        e.
    """

    lags: NDArray[np.intp]
    grams: Reals
    crosses: Reals
    energy: Reals

    @classmethod
    def of(cls, fitted: Sums, judged: Sums, ridge: float) -> "_Unknowns":
        channels, count = fitted.gram.shape[:2]
        order = channels * count
        grams = np.stack([sums.gram.reshape(order, order) for sums in (fitted, judged)])
        grams[0].flat[:: order + 1] += ridge * np.trace(grams[0]) / order
        crosses = np.stack([sums.cross.reshape(order, -1) for sums in (fitted, judged)])
        return cls(np.tile(np.arange(count), channels), grams, crosses, judged.energy)

    def reduced(self, kept: Window, common: Window) -> "_Unknowns | None":
        """Return the unknowns at the lags `kept`, without those at `common` lags; None if singular."""
        from scipy.linalg.lapack import dposv  # slow to import, and rarely needed

        is_kept = (self.lags >= kept[0]) & (self.lags < kept[1])
        is_common = (self.lags >= common[0]) & (self.lags < common[1])
        rest = np.flatnonzero(is_kept & ~is_common)
        order = np.concatenate([np.flatnonzero(is_common), rest])
        grams, crosses = self.grams[:, order[:, np.newaxis], order], self.crosses[:, order]
        energy, count = self.energy, len(order) - len(rest)
        if count:
            between, judged_between = grams[:, :count, count:]
            judged_cross, columns = crosses[1, :count], crosses.shape[2]
            right = np.hstack([crosses[0, :count], between])
            _, solved, failed = dposv(grams[0, :count, :count], right, lower=True)
            if failed:
                return None
            constant, slope = solved[:, :columns], solved[:, columns:]
            pulled = grams[1, :count, :count] @ constant - judged_cross
            energy = energy + ((pulled - judged_cross) * constant).sum(0).reshape(energy.shape)
            bent = slope.T @ (judged_between - grams[1, :count, :count] @ slope / 2)
            grams, crosses = grams[:, count:, count:], crosses[:, count:]
            grams[0] -= between.T @ slope
            grams[1] -= bent + bent.T
            crosses[0] -= between.T @ constant
            crosses[1] += slope.T @ pulled - judged_between.T @ constant
        return _Unknowns(self.lags[rest], grams, crosses, energy)
