"""What all tests share: reproducible Hypothesis, and judges that know nothing of the chain rule."""

import numpy as np
import pytest
from hypothesis import settings

# The same examples everywhere, and no deadline: CI machines are slow and noisy.
settings.register_profile("chainbp", derandomize=True, deadline=None)
settings.load_profile("chainbp")


@pytest.fixture
def rng():
    return np.random.default_rng(20131120)


def _central(f, x, h=1e-6):
    """Central differences of f: one column for each entry of x."""
    x = np.asarray(x, dtype=float)
    columns = []
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h * max(1.0, abs(x[index]))
        columns.append(np.ravel(np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * step[index]))
    return np.stack(columns, axis=1)


@pytest.fixture
def central():
    return _central
