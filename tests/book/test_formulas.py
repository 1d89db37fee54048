"""Quantities in formulas have the hues of the palette, and nothing else changes."""

from __future__ import annotations

import re

import pytest
from katex_build import colored, set_formula


@pytest.mark.parametrize(
    ("latex", "kinds"),
    [
        (
            r"\boldsymbol{\delta}_{\mathbf{y}'} = \mathbf{W}^{(2)T} \boldsymbol{\delta}_{\mathbf{z}'}",
            "error weight error",
        ),
        (
            r"\frac{\partial L}{\partial \mathbf{W}^{(1)}} = \boldsymbol{\delta}_{\mathbf{y}'} \mathbf{x}^T",
            "gradient error",
        ),
        (r"\partial L/\partial p = \delta_z\, \partial z/\partial p", "gradient error"),
        (
            r"\frac{\partial L_k}{\partial W_{nm}} \partial L/\partial \mathbf{K} \partial L/\partial \mathbf{b}",
            "gradient gradient gradient",
        ),
        (
            r"\frac{\partial L}{\partial w} \frac{\partial L}{\partial \boldsymbol{\theta}} \partial L/\partial c",
            "gradient gradient gradient",
        ),
        (r"\frac{\partial L}{\partial \mathbf{x}} + \partial L/\partial z'", ""),
        (r"W_{21} x_1 + \sum_m W_{nm}", "weight weight"),
        (r"\Delta \mathbf{x}, \mathbf{Wx}, \delta", "error"),
        (r"\frac{\partial z}{\partial y_i} = \sigma(\mathbf{y})", ""),
    ],
)
def test_each_quantity_has_its_hue(latex, kinds):
    assert re.findall(r"cbp-(\w+)", colored(latex)) == kinds.split()
    assert re.sub(r"\\htmlClass\{cbp-\w+\}", "", colored(latex)).replace("{", "").replace("}", "") == latex.replace(
        "{", ""
    ).replace("}", "")
    html = set_formula(latex)
    assert set(re.findall(r'class="[^"]*cbp-(\w+)', html)) == set(kinds.split())
    assert "htmlClass" not in html, "who copies the formula gets it as it was written"
