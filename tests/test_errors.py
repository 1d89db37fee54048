"""Wrong use: the message names the function, what was given, and what was needed."""

import numpy as np
import pytest

from chainbp import (
    backprop,
    check_gradient,
    conv2d,
    cross_entropy,
    eta,
    flatten,
    lp_network,
    lp_pool2d,
    rho,
    sigma,
    softmax,
    softmax_cross_entropy,
    squared_error,
    train,
    two_layer,
)

W = np.ones((2, 3))
X, T = np.ones((3, 4)), np.ones((2, 4))
loss = squared_error[np.ones(2)] @ sigma @ rho[W]
K = np.ones((4, 3, 2, 2))

SHAPES = [
    (lambda: rho[W] @ [1.0, 2.0], ["ρ[W]", "(2, 3)", "(3,) or (3, K)", "(2,)"]),
    (lambda: rho[W] @ np.ones((3, 4, 5)), ["ρ[W]", "(3, 4, 5)"]),
    (lambda: rho[W] @ 1.0, ["ρ[W]", "()"]),
    (lambda: rho[[1.0, 2.0]], ["ρ[W]", "matrix", "(2,)"]),
    (lambda: rho[np.ones((0, 3))], ["ρ[W]", "(0, 3)"]),
    (lambda: rho[W, np.ones(3)], ["ρ[W, b]", "(2, 3)", "(2,)", "(3,)"]),
    (lambda: rho[[[1.0, 2.0], [3.0]]], ["ρ[W]: W", "rows of different lengths"]),
    (lambda: sigma @ [[1.0, 2.0], [3.0]], ["σ: x", "rows of different lengths"]),
    (lambda: squared_error[np.ones(2)] @ np.ones(3), ["squared_error[t]", "(2,)", "(3,)"]),
    (lambda: squared_error[np.ones((2, 3, 4))], ["squared_error[t]", "(2, 3, 4)"]),
    (lambda: squared_error[[]], ["squared_error[t]", "at least one entry"]),
    (lambda: (squared_error[T] @ sigma @ rho[W]) @ np.ones((3, 5)), ["‖t − ·‖²", "σ", "(2, 5)", "(2, 4)"]),
    (lambda: cross_entropy[np.ones(2)] @ np.ones((2, 2)), ["cross_entropy[t]", "(2,)", "(2, 2)"]),
    (lambda: eta[2] @ [], ["η_p", "at least one entry", "(0,)"]),
    (lambda: eta[2] @ np.ones((0, 3)), ["η_p", "(0, 3)"]),
    (lambda: eta[2] @ 1.0, ["η_p", "()"]),
    (lambda: eta[2] @ np.ones((2, 2, 2)), ["η_p", "(2, 2, 2)"]),
    (lambda: eta[2, 4] @ np.ones(6), ["groups of 4", "(6,)"]),
    (lambda: sigma.vjp([1.0, 2.0])[1].x([1.0]), ["σ: delta", "(2,)", "(1,)"]),
    (lambda: sigma.vjp([1.0, 2.0])[1].x(1.0), ["σ: delta", "(2,)", "()"]),
    (lambda: rho[W].vjp(np.ones(3))[1].theta(np.ones((2, 1))), ["ρ[W]: delta", "(2,)", "(2, 1)"]),
    (lambda: sigma.jacobian(X), ["σ", "one sample", "(3, 4)"]),
    (lambda: backprop(sigma @ rho[W], np.ones(3)), ["one number", "(2,)", "squared_error[t] @"]),
    (lambda: backprop(loss, [1.0]), ["ρ[W]", "(3,)", "(1,)"]),
    (lambda: loss.with_parameters([]), ["1 parameters", "got 0"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T[:, :3]), ["train", "(3, 4)", "(2, 3)"]),
    (lambda: train(sigma @ rho[W], squared_error, np.ones(3), np.ones(2)), ["train", "(3,)"]),
    (lambda: train(flatten @ conv2d[K], squared_error, np.ones((5, 3, 4, 4)), T), ["(5, 3, 4, 4)", "(2, 4)"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, rate=[0.1, 0.2]), ["train: rate", "1", "got 2"]),
    (lambda: eta[[2.0, 3.0], 2] @ np.ones(6), ["2 orders", "groups of 2", "(6,)"]),
    (lambda: lp_pool2d[2, 3] @ np.ones((2, 5)), ["lp_pool2d", "3×3", "H ≥ 3", "(2, 5)"]),
    (lambda: lp_pool2d[2, 2] @ np.ones(5), ["lp_pool2d", "(..., H, W)", "(5,)"]),
    (lambda: lp_pool2d[2, 2] @ np.ones((0, 4, 4)), ["lp_pool2d", "(0, 4, 4)"]),
    (lambda: lp_pool2d[[1.0, 2.0], 2] @ np.ones((3, 4, 4)), ["2 orders", "(..., 2, H, W)", "(3, 4, 4)"]),
    (lambda: lp_pool2d[[1.0, 2.0], 2] @ np.ones((4, 4)), ["2 orders", "(4, 4)"]),
    (lambda: lp_pool2d[2, (2, 2, 2)], ["lp_pool2d: size", "pair", "(2, 2, 2)"]),
    (lambda: conv2d[np.ones((2, 2))], ["conv2d[K]: K", "(O, C, h, w)", "(2, 2)"]),
    (lambda: conv2d[K, np.ones(3)], ["conv2d[K, b]", "(4, 3, 2, 2)", "(4,)", "(3,)"]),
    (lambda: conv2d[K] @ np.ones((1, 2, 5, 5)), ["conv2d[K]", "(N, 3, H, W)", "(1, 2, 5, 5)"]),
    (lambda: conv2d[K] @ np.ones((1, 3, 1, 5)), ["H ≥ 2", "(1, 3, 1, 5)"]),
    (lambda: conv2d[K] @ np.ones((3, 5, 5)), ["(N, 3, H, W)", "(3, 5, 5)"]),
    (lambda: flatten @ np.ones((2, 3)), ["flatten", "(N, C, H, W)", "(2, 3)"]),
    (lambda: softmax @ np.ones((2, 3, 4)), ["softmax", "(N,) or (N, K)", "(2, 3, 4)"]),
    (lambda: softmax @ [], ["softmax", "at least one entry"]),
    (lambda: softmax_cross_entropy[np.eye(3)] @ np.ones((3, 2)), ["softmax_cross_entropy[t]", "(3, 3)", "(3, 2)"]),
]
VALUES = [
    (lambda: eta[0], ["η_p: p", "greater than 0", "0"]),
    (lambda: eta[-1.5], ["η_p: p", "-1.5"]),
    (lambda: eta[np.nan], ["η_p: p", "nan"]),
    (lambda: eta[[2.0, 3.0]], ["η_p: p", "one number", "[2. 3.]"]),
    (lambda: eta[[2.0, -3.0], 2], ["η_p: p", "one for each group", "-3."]),
    (lambda: eta[[], 2], ["η_p: p", "[]"]),
    (lambda: lp_pool2d[0, 2], ["lp_pool2d: p", "greater than 0", "0"]),
    (lambda: lp_pool2d[[1.0, np.nan], 2], ["lp_pool2d: p", "each channel", "nan"]),
    (lambda: lp_pool2d[2, 0], ["lp_pool2d: size", "at least 1", "0"]),
    (lambda: lp_pool2d[2, 2, (1, -1)], ["lp_pool2d: stride", "-1"]),
    (lambda: softmax_cross_entropy[[0.5, 0.6]], ["softmax_cross_entropy[t]", "sum to 1"]),
    (lambda: softmax_cross_entropy[[1.5, -0.5]], ["softmax_cross_entropy[t]", "probabilities", "-0.5"]),
    (lambda: softmax_cross_entropy[[np.nan, 1.0]], ["softmax_cross_entropy[t]", "nan"]),
    (lambda: eta[2, 0], ["η_p", "at least 1", "0"]),
    (lambda: lp_network(W, -np.inf), ["η_p: p", "-inf"]),
    (lambda: cross_entropy[[2.0]], ["cross_entropy[t]: t", "[0, 1]", "2.0"]),
    (lambda: cross_entropy[[np.nan]], ["cross_entropy[t]: t", "nan"]),
    (lambda: cross_entropy[[1.0]] @ [1.5], ["cross_entropy[t]: z", "[0, 1]", "1.5"]),
    (lambda: cross_entropy[[1.0]] @ [np.nan], ["cross_entropy[t]: z", "nan"]),
    (lambda: check_gradient(loss, [np.nan, 0.0, 0.0]), ["check_gradient: x", "finite"]),
    (lambda: check_gradient(loss, np.ones(3), tolerance=0), ["check_gradient", "tolerance", "0"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, steps=0), ["train: steps", "0"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, rate=-1), ["train: rate", "-1"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, rate=np.nan), ["train: rate", "nan"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, batch=5), ["train: batch", "4", "5"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, momentum=1), ["train: momentum", "1"]),
    (lambda: train(sigma, squared_error, T, T), ["train", "σ", "no parameters"]),
]
TYPES = [
    (lambda: sigma @ "abc", ["σ: x", "real numbers", "str"]),
    (lambda: sigma @ [1j], ["σ: x", "real numbers", "complex"]),
    (lambda: sigma @ None, ["σ: x", "real numbers", "NoneType"]),
    (lambda: rho[np.array([["a"]])], ["ρ[W]: W", "real numbers"]),
    (lambda: rho[1j * W], ["ρ[W]: W", "complex"]),
    (lambda: rho[W, "b"], ["ρ[W, b]: b", "str"]),
    (lambda: eta["2"], ["η_p: p", "str"]),
    (lambda: eta[2j], ["η_p: p", "complex"]),
    (lambda: eta[2, 1.5], ["group size n", "1.5"]),
    (lambda: eta[2, True], ["group size n", "True"]),
    (lambda: lp_pool2d["2", 2], ["lp_pool2d: p", "str"]),
    (lambda: lp_pool2d[2, 2.0], ["lp_pool2d: size", "integer", "2.0"]),
    (lambda: lp_pool2d[2, 2, (1, "1")], ["lp_pool2d: stride", "'1'"]),
    (lambda: conv2d["K"], ["conv2d[K]: K", "str"]),
    (lambda: conv2d[K, "b"], ["conv2d[K, b]: b", "str"]),
    (lambda: softmax_cross_entropy["t"], ["softmax_cross_entropy[t]: t", "str"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, rate=["1"]), ["train: rate", "number", "'1'"]),
    (lambda: squared_error["t"], ["squared_error[t]: t", "str"]),
    (lambda: cross_entropy[None], ["cross_entropy[t]: t", "NoneType"]),
    (lambda: two_layer("W1", W), ["two_layer: W1", "str"]),
    (lambda: sigma.vjp([1.0])[1].x("d"), ["σ: delta", "str"]),
    (lambda: backprop(np.sin, [1.0]), ["backprop", "Function", "ufunc"]),
    (lambda: backprop(loss, "x"), ["backprop: x", "str"]),
    (lambda: check_gradient(np.sin, [1.0]), ["check_gradient", "Function", "ufunc"]),
    (lambda: check_gradient(loss, np.ones(3), tolerance="1"), ["check_gradient", "tolerance", "'1'"]),
    (lambda: train(np.sin, squared_error, X, T), ["train", "Function", "ufunc"]),
    (lambda: train(sigma @ rho[W], np.sin, X, T), ["train: cost", "squared_error"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, steps=1.5), ["train: steps", "integer", "1.5"]),
    (lambda: train(sigma @ rho[W], squared_error, X, T, rate="1"), ["train: rate", "number", "'1'"]),
    (lambda: sigma @ np.sin, ["σ ∘ sin", "plain callable"]),
    (lambda: sigma @ rho, ["rho", "no parameters yet", "rho[...]"]),
    (lambda: rho @ sigma, ["rho", "no parameters yet"]),
    (lambda: rho(X), ["rho", "rho[...]"]),
    (lambda: X @ sigma, ["left of a function", "σ @ x"]),
    (lambda: [1.0] @ rho[W], ["left of a function"]),
    (lambda: lp_pool2d[2.0], ["lp_pool2d[p, size, stride] needs p and size, and stride may follow; got 1 argument"]),
    (lambda: lp_pool2d[2.0, 2, 2, 2], ["lp_pool2d[p, size, stride] needs p and size", "got 4 arguments"]),
    (lambda: conv2d[K, np.ones(4), 2], ["conv2d[K, b] needs K, and b may follow; got 3 arguments"]),
    (lambda: eta[2.0, 2, 2], ["eta[p, n] needs p, and n may follow; got 3 arguments"]),
    (lambda: eta[()], ["eta[p, n] needs p", "got 0 arguments"]),
    (lambda: rho[[1.0], [1.0], [1.0]], ["rho[W, b] needs W, and b may follow; got 3 arguments"]),
    (lambda: squared_error[1.0, 0.0], ["squared_error[t] needs t; got 2 arguments (a tuple", "write a list"]),
    (lambda: cross_entropy[1.0, 0.0], ["cross_entropy[t] needs t; got 2 arguments"]),
    (lambda: softmax_cross_entropy[1.0, 0.0], ["softmax_cross_entropy[t] needs t; got 2 arguments"]),
]


def check(error, call, parts):
    with pytest.raises(error) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(("call", "parts"), SHAPES)
def test_wrong_shapes(call, parts):
    check(ValueError, call, parts)


@pytest.mark.parametrize(("call", "parts"), VALUES)
def test_wrong_values(call, parts):
    check(ValueError, call, parts)


@pytest.mark.parametrize(("call", "parts"), TYPES)
def test_wrong_types(call, parts):
    check(TypeError, call, parts)


@pytest.mark.parametrize(
    ("compose", "parts"),
    [
        (lambda: rho[np.ones((2, 5))] @ rho[W], ["ρ[W] with W of shape (2, 5)", "after ρ[W] with W of shape (2, 3)"]),
        (lambda: rho[np.ones((2, 5))] @ sigma @ rho[W], ["W of shape (2, 5)", "after σ ∘ ρ[W] with W of shape (2, 3)"]),
        (lambda: rho[np.ones((2, 5))] @ eta[2] @ rho[W], ["needs 5 rows", "η_2", "one number per sample"]),
        (lambda: rho[W] @ eta[2, 2] @ sigma @ rho[np.ones((4, 1))], ["needs 3 rows", "gets 2 rows"]),
        (lambda: squared_error[np.ones(3)] @ rho[W], ["‖t − ·‖²", "W of shape (2, 3)", "needs 3 rows"]),
        (lambda: squared_error[1.0] @ rho[W], ["one number per sample", "gets 2 rows"]),
        (lambda: squared_error[T] @ eta[2] @ rho[W], ["‖t − ·‖²", "η_2", "needs 2 rows"]),
        (lambda: eta[[1.0, 2.0], 3] @ rho[W], ["η_p", "needs 6 rows", "gets 2 rows"]),
        (lambda: softmax_cross_entropy[np.eye(3)] @ rho[W], ["H(t, softmax ·)", "needs 3 rows", "gets 2 rows"]),
    ],
)
def test_a_misfit_names_both_functions_before_any_data_flows(compose, parts):
    check(ValueError, compose, ["does not fit after", *parts])


def test_a_misfit_of_data_names_both_functions():
    check(
        ValueError,
        lambda: squared_error[np.ones((2, 3))] @ sigma @ np.ones((2, 4)),
        ["squared_error[t]", "(2, 3)", "(2, 4)"],
    )
    check(ValueError, lambda: eta[2, 4] @ sigma @ np.ones(6), ["η_2 cannot take what σ gave", "(6,)"])
