"""What a Function and a result show of themselves."""

import re

import numpy as np
import pytest

from chainbp import backprop, cross_entropy, eta, lp_network, rho, sigma, squared_error, two_layer

W1, W2 = np.ones((4, 3)), np.ones((2, 4))


@pytest.mark.parametrize(
    ("function", "text", "latex"),
    [
        (sigma, "σ", r"\boldsymbol{\sigma}"),
        (rho[W1], "ρ[W]", r"\boldsymbol{\rho}[\![\mathbf{W}]\!]"),
        (rho[W1, np.ones(4)], "ρ[W, b]", r"\boldsymbol{\rho}[\![\mathbf{W}, \mathbf{b}]\!]"),
        (
            two_layer(W1, W2),
            "σ ∘ ρ[W⁽²⁾] ∘ σ ∘ ρ[W⁽¹⁾]",
            r"\boldsymbol{\sigma} \circ \boldsymbol{\rho}[\![\mathbf{W}^{(2)}]\!] \circ "
            r"\boldsymbol{\sigma} \circ \boldsymbol{\rho}[\![\mathbf{W}^{(1)}]\!]",
        ),
        (
            rho[W2] @ rho[W1, np.ones(4)],
            "ρ[W⁽²⁾] ∘ ρ[W⁽¹⁾, b⁽¹⁾]",
            r"\boldsymbol{\rho}[\![\mathbf{W}^{(2)}]\!] \circ "
            r"\boldsymbol{\rho}[\![\mathbf{W}^{(1)}, \mathbf{b}^{(1)}]\!]",
        ),
        (
            lp_network(W1, 2.5),
            "η_2.5 ∘ σ ∘ ρ[W]",
            r"\eta_{2.5} \circ \boldsymbol{\sigma} \circ \boldsymbol{\rho}[\![\mathbf{W}]\!]",
        ),
        (eta[np.inf], "η_∞", r"\eta_{\infty}"),
        (squared_error[1.0] @ eta[2], "‖t − ·‖² ∘ η_2", r"\lVert \mathbf{t} - \cdot\, \rVert_2^2 \circ \eta_{2}"),
        (cross_entropy[[1.0]] @ sigma, "H(t, ·) ∘ σ", r"H(\mathbf{t}, \cdot\,) \circ \boldsymbol{\sigma}"),
    ],
)
def test_functions_show_the_formula(function, text, latex):
    assert repr(function) == text
    assert function._repr_latex_() == f"$\\displaystyle {latex}$"


def test_a_result_is_a_table():
    bp = backprop(squared_error[[1.0, 0.0]] @ two_layer(W1, W2), [0.1, 0.2, 0.3])
    lines = repr(bp).splitlines()
    assert lines[0] == f"L = {bp.loss:.6g}"
    assert lines[1].split() == ["shape", "value", "error", "δ"]
    assert [line.split()[0] for line in lines[2:]] == ["x", "y′", "y", "z′", "z"]
    html = bp._repr_html_()
    assert re.findall(r'<th scope="row">(.*?)</th>', html) == ["x", "y′", "y", "z′", "z"]
    assert html.count("<td>") == 15
    assert f"{bp.deltas[4][0]:.4g}" in lines[-1]
    assert f"{bp.deltas[4][0]:.4g}" in html


@pytest.mark.parametrize(
    ("x", "shown"),
    [
        (2.0, "2"),
        ([2.0], "[2]"),
        ([1.0, 2.0, 3.0, 4.0], "[1 2 3 4]"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], "1 … 5"),
        ([[1.0, 2.0]], "1 … 2"),
        (np.arange(9.0), "0 … 8"),
    ],
    ids=["a number", "one entry", "four", "five", "a matrix", "nine"],
)
def test_short_variables_are_shown_and_long_ones_by_their_range(x, shown):
    line = repr(backprop(squared_error[np.zeros(np.shape(x))], x)).splitlines()[-1]
    assert re.split(r"\s{2,}", line)[2] == shown
