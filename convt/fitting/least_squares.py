"""Solve the normal equations for the kernel of the least squared error.

The outputs of phase r depend only on every s-th tap, at some lags q of the input. So each phase is a
separate problem, with the part of `gram` and of `cross` that belongs to its lags (see `correlations.py`)::

    (gram + ridge*power*I) h[r] = cross[:, r],    power = trace(gram)/order

It is solved by Cholesky factors. The gains of the phases, g[r] = sum_q h[r][q], a matrix (C_in, C_out), can
be constrained to be equal (by Lagrange multipliers): with S[r] = B A^-1 B^T, where A is the matrix on the
left and B sums over the lags,

    h'[r] = h[r] + A^-1 B^T S[r]^-1 (g - g[r]),    g = (sum_r S[r]^-1)^-1 sum_r S[r]^-1 g[r]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Reals
from convt.fitting.correlations import Sums


@dataclass(frozen=True, slots=True)
class Placement:
    """The lag of each tap: for outputs of phase r, tap k = q*stride + r + lead weights the input at lag q.

    Attributes
    ----------
    taps, stride : int
        K and s.
    lead : int
        Outputs of the full convolution before the first wanted one; negative if that one comes earlier.
    first : int
        The first lag of the sums.
    """

    taps: int
    stride: int
    lead: int
    first: int

    @property
    def taps_per_phase(self) -> int:
        """The maximum number of taps of a phase."""
        return -(-self.taps // self.stride)

    def groups(self) -> Iterator["Group"]:
        """Yield the phases of the outputs, grouped by the lags of their taps."""
        phases: dict[tuple[int, int], list[int]] = {}
        for phase in range(self.stride):
            tap = (phase + self.lead) % self.stride
            lag = (tap - self.lead - phase) // self.stride - self.first
            count = len(range(tap, self.taps, self.stride))
            phases.setdefault((lag, lag + count), []).append(phase)
        for (begin, end), members in phases.items():
            taps = (np.array(members) + self.lead) % self.stride
            rows = np.arange(end - begin)[:, np.newaxis]
            yield Group(np.array(members), slice(begin, end), taps + self.stride * rows)


class Group(NamedTuple):
    """P phases of the outputs whose taps are at the same Q lags.

    Attributes
    ----------
    phases : ndarray of int, (P,)
        The phases.
    lags : slice
        Their lags, among those of the sums.
    taps : ndarray of int, (Q, P)
        The tap at each lag.
    """

    phases: NDArray[np.intp]
    lags: slice
    taps: NDArray[np.intp]

    def gram(self, sums: Sums) -> Reals:
        """Return the products of the inputs at these lags, (C_in, Q, C_in, Q)."""
        return sums.gram[:, self.lags][:, :, :, self.lags]

    def cross(self, sums: Sums) -> Reals:
        """Return their products with the outputs of these phases, (C_in, Q, C_out, P)."""
        return sums.cross[:, self.lags][..., self.phases]

    def of(self, taps: Reals) -> Reals:
        """Return the taps at these lags, (C_in, Q, C_out, P), from all taps, (C_in, C_out, K)."""
        return taps[..., self.taps].swapaxes(1, 2)


def solve(sums: Sums, place: Placement, ridge: float, *, balance: bool = False) -> Reals | None:
    """Return the taps (C_in, C_out, K) of the least squared error; None if they are not determined.

    For silence they are zeros.
    """
    if not sums.gram.any():
        return np.zeros((sums.cross.shape[0], sums.cross.shape[2], place.taps))
    try:
        solved = [_Solved.of(sums, group, ridge) for group in place.groups()]
    except np.linalg.LinAlgError:
        return None
    if balance:
        _balance(solved)
    taps = np.zeros((sums.cross.shape[0], sums.cross.shape[2], place.taps))
    for part in solved:
        taps[..., part.group.taps] = part.solution.swapaxes(1, 2)
    return taps


@dataclass(slots=True)
class _Solved:
    """The solution for a group, (C_in, Q, C_out, P)."""

    group: Group
    factors: tuple[Reals, bool]
    solution: Reals

    @classmethod
    def of(cls, sums: Sums, group: Group, ridge: float) -> "_Solved":
        from scipy.linalg import cho_factor  # slow to import, and rarely needed

        gram, cross = group.gram(sums), group.cross(sums)
        order = gram.shape[0] * gram.shape[1]
        left = gram.reshape(order, order).copy()
        left[np.diag_indices(order)] += ridge * np.trace(left) / order
        factors = cho_factor(left, lower=True, overwrite_a=True, check_finite=False)
        return cls(group, factors, _inverted(factors, cross.reshape(order, -1)).reshape(cross.shape))

    def spread(self) -> Reals:
        """Return A^-1 B^T, (C_in, Q, C_in)."""
        channels, lags = self.solution.shape[:2]
        ones = np.repeat(np.eye(channels), lags, axis=0)
        return _inverted(self.factors, ones).reshape(channels, lags, channels)


def _inverted(factors: tuple[Reals, bool], right: Reals) -> Reals:
    from scipy.linalg import cho_solve

    solution: Reals = cho_solve(factors, right, check_finite=False)
    return solution


def _balance(solved: list[_Solved]) -> None:
    """Change the solutions so that all phases have equal gains."""
    spreads = [part.spread() for part in solved]
    weights = [np.linalg.inv(spread.sum(1)) for spread in spreads]
    gains = [part.solution.sum(1) for part in solved]  # (C_in, C_out, P)
    every = sum(len(part.group.phases) * weight for part, weight in zip(solved, weights, strict=True))
    pulls = sum(weight @ gain.sum(-1) for weight, gain in zip(weights, gains, strict=True))
    common = np.linalg.solve(every, pulls)[..., np.newaxis]
    for part, spread, weight, gain in zip(solved, spreads, weights, gains, strict=True):
        change = np.einsum("ij,jop->iop", weight, common - gain)
        part.solution = part.solution + np.einsum("iqj,jop->iqop", spread, change)
