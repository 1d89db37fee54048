"""What all tests share: reproducible Hypothesis, random numbers, and the judges, who stand beside this file."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# The same examples everywhere, and no deadline: CI machines are slow and noisy.
settings.register_profile("chainbp", derandomize=True, deadline=None)
settings.load_profile("chainbp")


@pytest.fixture
def rng():
    return np.random.default_rng(20131120)
