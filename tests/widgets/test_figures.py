"""The figures as Python sees them: traits, results, errors and text."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import traitlets
from sklearn.datasets import load_digits
from widget_cases import CASES, made, make
from widget_cases import explore as explore_case

from chainbp import Family, Function, backprop, check_gradient, conv2d, eta, rho, sigma, squared_error
from chainbp.widgets import chain_rule, descent, explore, learning_p, lp_pooling, pooling_map, sigmoid
from chainbp.widgets.base import STATIC

W = [[0.8, -1.2], [1.5, 0.4], [-0.6, 0.9]]
LOSS = squared_error[0.2] @ eta[3] @ sigma @ rho[W]
every_figure = pytest.mark.parametrize("name", CASES)


def test_pooling_follows_chainbp():
    w = lp_pooling(y=[3, -4, 0.5], p=3)
    for p in (0.3, 1, 7.5, np.inf):
        w.p = p
        z, pull = eta[p].vjp(w.y)
        assert w.z == z
        assert w.gradient == tuple(pull.x(1.0))
        assert w.network()(w.y) == z
    w.y = np.array([1, 2])
    assert (w.y, w.z, w.gradient) == ((1.0, 2.0), 2.0, (0.0, 1.0))


@pytest.mark.parametrize("p", [0.2, 1, 3, 40, 2000, np.inf])
@pytest.mark.parametrize(
    "y", [[4, -3, 2, 1], [1, 1, -1], [-3.12524329, 3.12524329], [0, 2], [0, 0], [-5], [1e-200, 3e-200], [1] * 8]
)
def test_learning_p_follows_chainbp(y, p):
    w = learning_p(y=y, p=p)
    z, pull = eta[p].vjp(w.y)
    assert (w.z, w.slope) == (z, pull.theta(1.0)[0])
    assert sum(w.shares) == pytest.approx(1, rel=1e-14)
    by_entropy = 0 if np.isinf(p) else -z / p**2 * w.entropy
    assert w.slope == pytest.approx(by_entropy, rel=1e-12, abs=0)
    assert -1e-16 <= w.entropy <= np.log(len(y)) + 1e-15


def test_learning_p_where_powers_say_nothing():
    w = learning_p(y=[3, -3, 1], p=np.inf)
    assert w.shares == (0.5, 0.5, 0)
    assert w.entropy == pytest.approx(np.log(2))
    assert (w.z, w.slope) == (3, 0)
    w.y = [0, 0]
    assert (w.z, w.shares, w.slope) == (0, (0.5, 0.5), 0)
    w = learning_p(y=[2, 0, -2], p=1e-4)  # 2^(1/p) times 2 is beyond all floats
    assert (w.z, w.shares, w.slope) == (np.inf, (0.5, 0, 0.5), -np.inf)


@pytest.mark.filterwarnings("error")
def test_float32_is_taken_without_a_word():
    assert explore(LOSS, np.array([1, -2], np.float32)).x == (1, -2)
    assert lp_pooling(y=np.array([1, -2], np.float32)).y == (1, -2)
    assert sigmoid(x=np.float32(2)).x == 2


def test_sigmoid_follows_chainbp():
    w = sigmoid(x=-1.5)
    assert w.y == sigma(-1.5)
    assert w.gradient == w.y * (1 - w.y)
    assert w.network() is sigma


def test_results_can_be_observed_and_inputs_linked():
    a, b = lp_pooling(y=[3, -4], p=2), lp_pooling(y=[1, 1], p=1)
    seen = []
    a.observe(lambda change: seen.append(change.new), names="z")
    link = traitlets.link((a, "y"), (b, "y"))
    assert b.z == 7
    a.p = 1
    b.y = [1, -2]
    link.unlink()
    assert seen == [7.0, 3.0]


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ({"p": -1}, ValueError, "lp_pooling: p must be one number greater than 0, or inf; got -1"),
        ({"p": np.nan}, ValueError, "lp_pooling: p must be one number greater than 0"),
        ({"p": "three"}, TypeError, "lp_pooling: p must be real numbers"),
        ({"y": []}, ValueError, "lp_pooling: y must be a vector of 1 to 12 numbers; got shape (0,)"),
        ({"y": [[1.0]]}, ValueError, "lp_pooling: y must be a vector of 1 to 12 numbers; got shape (1, 1)"),
        ({"y": [np.nan]}, ValueError, "lp_pooling: y must be finite; got [nan]"),
        ({"y": np.ones(13)}, ValueError, "lp_pooling: y must be a vector of 1 to 12 numbers; got shape (13,)"),
        ({"y": [[1], [1, 2]]}, ValueError, "lp_pooling: y must be a rectangular array; got rows"),
    ],
)
def test_wrong_use_raises_a_clear_error(inputs, error, message):
    with pytest.raises(error, match=re.escape(message)):
        lp_pooling(**inputs)
    w = lp_pooling()
    before = (w.y, w.p, w.z)
    ((name, value),) = inputs.items()
    with pytest.raises(error, match=re.escape(message)):
        setattr(w, name, value)
    assert (w.y, w.p, w.z) == before


FOLD = Function(lambda x: (x.reshape(2, 2), lambda delta: delta.reshape(4), None), name="fold")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: explore(LOSS, [1, 0.5], step=1.5), "explore: step must be a whole number from 0 to 4; got 1.5"),
        (lambda: explore(LOSS, [1, 0.5], step=5), "explore: step must be a whole number from 0 to 4; got 5"),
        (lambda: explore(LOSS, [1, 0.5], sample=1), "explore: sample must be a whole number from 0 to 0; got 1"),
        (lambda: explore(LOSS, [1, 0.5], chosen=[0, 6]), "explore: chosen must be the index of a parameter"),
        (lambda: explore(LOSS, [1, np.nan]), "explore: x must be finite; got [1, nan]"),
        (
            lambda: explore(squared_error[0] @ eta[2], [np.nan, *range(200)]),
            "explore: x must be finite; got an array of shape (201,)",
        ),
        (lambda: sigmoid(x=-1e201), "sigmoid: x must be at most 1e200 in size; got -1e+201"),
        (lambda: explore(LOSS, [1]), "W of shape (3, 2) needs shape (2,)"),
        (
            lambda: explore(squared_error[np.zeros((2, 2))] @ FOLD, [1, 2, 3, 4]),
            "explore draws vectors, or a batch with one sample per column; got shapes [(4,), (2, 2)]",
        ),
        (lambda: explore(eta[2] @ sigma, [[1, 2], [3, 4]]), "needs a loss that gives one number"),
        (lambda: explore(LOSS @ rho[np.ones((2, 600))], np.ones(600)), "draws at most 1000 parameters; got 1207"),
        (lambda: setattr(explore(LOSS, [1, 0.5]), "x", [1]), "explore: x must keep its shape, (2,); got shape (1,)"),
        (lambda: setattr(explore(LOSS, [1, 0.5]), "parameters", [W]), "explore: parameters must keep their shapes"),
        (lambda: setattr(explore(LOSS, [1, 0.5]), "parameters", 3), "explore: parameters must be a list of 2; got int"),
        (lambda: setattr(explore(LOSS, [1, 0.5]), "parameters", [W, -1]), "η_p: p must be"),
        (lambda: learning_p(y=np.ones(9)), "learning_p: y must be a vector of 1 to 8 numbers; got shape (9,)"),
        (lambda: learning_p(p=0), "learning_p: p must be one number greater than 0, or inf; got 0"),
        (lambda: chain_rule([1, 2]), "chain_rule: widths must be a vector of 3 to 5 numbers; got shape (2,)"),
        (lambda: chain_rule([1, 2.5, 3]), "chain_rule: widths must be whole numbers from 1 to 12"),
        (lambda: chain_rule([2, 2, 1], factors=[np.full((2, 2), np.nan), [[1, 1]]]), "factors must be finite; got"),
        (lambda: chain_rule(step=3), "chain_rule: step must be a whole number from 0 to 2; got 3"),
        (lambda: chain_rule(entry=[1]), "chain_rule: entry must be a vector of 2 numbers; got shape (1,)"),
        (
            lambda: chain_rule([2, 2, 1], factors=[[[1, 2]], [[1]]]),
            "factors must have the shapes (2, 2), (1, 2), the data's first; got (1, 2), (1, 1)",
        ),
        (lambda: lp_pooling(p_from=0.1), "lp_pooling: p_from must be from 0.2 to 1; got 0.1"),
        (
            lambda: pooling_map(np.ones((2, 3))),
            "pooling_map: Y must be a matrix of 3 to 6 rows and columns; got shape (2, 3)",
        ),
        (lambda: pooling_map(np.ones(3)), "pooling_map: Y must be a matrix of 3 to 6 rows and columns; got shape (3,)"),
        (lambda: pooling_map(size=4), "pooling_map: size must be a whole number from 2 to 3; got 4"),
        (lambda: pooling_map(stride=0), "pooling_map: stride must be a whole number from 1 to 3; got 0"),
        (lambda: pooling_map(p=0), "pooling_map: p must be one number greater than 0, or inf; got 0"),
        (lambda: pooling_map(cell=[1]), "pooling_map: cell must be a vector of 2 numbers; got shape (1,)"),
        (
            lambda: pooling_map(delta=[[1, 2]]),
            "pooling_map: delta must be one number, or have the shape of Z, (3, 3), or of Y, (6, 6); got shape (1, 2)",
        ),
        (lambda: descent(p=np.inf), "descent: p must be finite"),
        (lambda: descent(rate=0), "descent: rate must be one number greater than 0; got 0"),
        (lambda: explore(LOSS, [1.0, -0.5], rate=-1), "explore: rate must be one number greater than 0; got -1"),
        (lambda: descent(axes=[0, 0]), "descent: axes must be two different numbers from 0 to 4"),
        (lambda: setattr(descent(), "axes", [0, 0]), "descent: axes must be two different numbers from 0 to 4"),
        (lambda: setattr(descent(), "axes", [0, 5]), "descent: axes must be whole numbers from 0 to 4; got [0, 5]"),
        (lambda: descent(axes=[0, 1, 2]), "descent: axes must be a vector of 2 numbers; got shape (3,)"),
        (lambda: descent(X=[[1, 2]]), "descent: X must have shape (2, 6)"),
    ],
)
def test_wrong_use_of_a_network_raises_a_clear_error(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


SURE = "explore(cross_entropy[[1]] @ sigma @ rho[[[1]]], x=[1])"
SOFT = "explore(softmax_cross_entropy[[1, 0]] @ rho[[[1], [2]]], x=[1])"


def seen(w):
    """What the class of a figure says of it: its inputs and its results."""
    return {name: getattr(w, name) for name in vars(type(w)) if w.has_trait(name)}


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        (SURE, "x", [-1000]),
        (SURE, "x", [1, 2]),
        (SURE, "t", [2]),
        (SURE, "parameters", [[[-2000]]]),
        (SURE, "parameters", [[[1, 1]]]),
        (SURE, "step", 4),
        (SURE, "chosen", [0, 1]),
        (SURE, "sample", 1),
        (SURE, "rate", np.inf),
        (SURE, "rate", "fast"),
        (SURE, "parameters", [[["a"]]]),
        (SOFT, "t", [2, 0]),
        (explore_case.EXAMPLE, "parameters", [W, -1]),
        (CASES["descent"].EXAMPLE, "axes", [3, 3]),
        (CASES["descent"].EXAMPLE, "rate", None),
        (CASES["lp_pooling"].EXAMPLE, "p_from", 2),
    ],
)
def test_a_refused_assignment_changes_nothing(code, name, value, held):
    w = made(code)
    before = seen(w)
    told: list[str] = []
    w.observe(lambda change: told.append(change.name))

    def assign() -> None:
        with w.hold_trait_notifications() if held else nullcontext():
            if held and w.has_trait("x") and name != "x":
                w.x = np.multiply(w.x, 0.5)  # goes back with what is refused
            setattr(w, name, value)

    with pytest.raises(ValueError, match=r"must|cannot|needs"):
        assign()
    assert (seen(w), told) == (before, [])
    # Nothing is in the way of another.
    for other in w._inputs():
        setattr(w, other, getattr(w, other))
    w._refresh()
    assert (seen(w), repr(w)) == (before, code)


def test_given_factors_stay():
    w = chain_rule([2, 2, 1], factors=[[[1, 2], [3, 4]], [[5, 6]]])
    with pytest.raises(traitlets.TraitError, match="read-only"):
        w.given = [[[1]]]
    assert w.product == ((23.0, 34.0),)


def test_explore_follows_chainbp():
    for code in [explore_case.EXAMPLE, *explore_case.MORE]:
        w = made(code)
        w.x = np.sin(np.arange(np.size(w.x))).reshape(np.shape(w.x))
        w.parameters = [np.abs(np.array(theta)) * 0.9 for theta in w.parameters]
        bp = backprop(w.loss_function(), w.x)
        assert w.loss == bp.loss
        for name in ("hidden", "deltas", "gradients"):
            for ours, theirs in zip(getattr(w, name), getattr(bp, name), strict=True):
                np.testing.assert_array_equal(ours, theirs)
        assert made(repr(w)).loss == pytest.approx(w.loss, rel=1e-4)
        assert w.computed == {}
        assert w.loss_function() == w.loss_function().functions[-1] @ w.network()


def test_explore_moves_the_target_and_keeps_an_infinite_order():
    w = explore(LOSS, [1, 0.5])
    assert w.loss_function() == LOSS
    w.t = 0.5
    assert w.loss_function() == squared_error[0.5] @ eta[3] @ sigma @ rho[W]
    w.parameters = (W, np.inf)
    assert w.loss_function() == squared_error[0.5] @ eta[np.inf] @ sigma @ rho[W]
    assert w.gradients[1] == 0
    # The message of a browser that moved p.
    w.set_state({"parameters": [W, "Infinity"]})
    assert w.parameters[1] == np.inf


@pytest.mark.parametrize("code", [explore_case.EXAMPLE, *explore_case.MORE])
def test_what_explore_begins_with_is_the_largest_gradient_of_the_first_matrix(code):
    w = made(code)
    k, i = w.chosen
    assert abs(np.ravel(w.gradients[k])[i]) == np.abs(w.gradients[k]).max()


def scaled(least=-np.inf):
    """A layer of a reader's own, which goes no further than `least`."""

    @Family
    def scale(a):
        def forward(x):
            assert a >= least, "no further"
            return a * x, lambda delta: a * delta, lambda delta: ((delta * x).sum(),)

        return Function(forward, (a,), name="scale", symbols=("a",))

    return scale


def test_explore_sends_the_results_of_a_layer_that_it_does_not_know():
    w = explore(squared_error[[0.2, 1.0]] @ rho[[[1, 2], [3, 4]]].fixed() @ scaled()[3.0], [1, 0.5])
    kinds = [link["kind"] for link in w.chain["links"]]
    assert kinds == ["own", "rho", "squared_error"]
    for w.parameters in ([2.0], [-1.0]):
        check = check_gradient(w.loss_function(), w.x)
        assert w.computed["loss"] == w.loss
        assert w.computed["gradients"] == list(w.gradients)
        assert w.computed["difference"] == pytest.approx(float(check.comparisons[1].difference), rel=1e-6)
    w.chosen = (-1, 1)
    assert w.computed["difference"] == pytest.approx(w.deltas[0][1], rel=1e-6)
    w.chosen = (-2, 0)
    assert w.computed["difference"] == pytest.approx(-w.deltas[-1][0], rel=1e-6)


def test_a_layer_that_ends_at_the_chosen_value_has_no_difference_there():
    w = explore(squared_error[[1.0]] @ scaled(least=0)[1.0], [1.0])
    w.set_state({"parameters": [0.0]})
    assert (w.parameters, w.loss) == ((0.0,), 1.0)
    assert w.computed["difference"] is None
    with pytest.raises(traitlets.TraitError, match="no further"):
        w.set_state({"parameters": [-1.0]})
    assert (w.parameters, w.loss) == ((0.0,), 1.0)


def test_a_stranger_of_a_known_name_is_no_acquaintance():
    stranger = Function(lambda x: (2 * x, lambda d: 2 * d, None), name="σ")
    assert explore(squared_error[[1.0]] @ stranger, [1.0]).chain["links"][0]["kind"] == "own"


def test_descent_follows_chainbp():
    w = descent(axes=[1, 4])
    w.p = 3.5
    bp = backprop(squared_error[list(w.T)] @ w.network(), w.X)
    assert w.loss == bp.loss
    assert w.gradient == (bp.gradients[0][0, 1], bp.gradients[1])


def test_chain_rule_follows_chainbp():
    w = chain_rule([2, 5, 3])
    np.testing.assert_allclose(w.product, w.network().jacobian(w.data()), rtol=1e-12)
    assert (w.left, w.right) == (3 * 5 * 2, 3 * 5 * 2)
    A, B = np.array([[1, 2], [3, 4], [5, 6]]), np.array([[7, 8, 9]])
    w = chain_rule([2, 3, 1], factors=[A, B])
    assert w.product == tuple(map(tuple, (B @ A).tolist()))
    np.testing.assert_array_equal(w.network().jacobian(w.data()), B @ A)
    assert repr(w).startswith("chain_rule(widths=[2, 3, 1], side=0, step=0, entry=[0, 0], factors=[[[1.0, 2.0],")
    w.widths = [1, 3, 2]
    left, right = w.factors()
    np.testing.assert_array_equal(right, A[:, :1])
    np.testing.assert_array_equal(left[:1], B)


def test_pooling_map_follows_chainbp():
    w = pooling_map()
    for w.size, w.stride, w.p in [(2, 2, 1), (2, 1, np.inf), (3, 2, 0.3), (3, 3, 5), (2, 3, 2)]:
        Z, pull = w.network().vjp(w.Y)
        delta = np.array(w.delta)
        for (i, j), v in np.ndenumerate(w.delta_Z):
            assert v == delta[i * w.stride, j * w.stride]
        np.testing.assert_array_equal(w.Z, Z)
        np.testing.assert_array_equal(w.delta_Y, pull.x(w.delta_Z))
    w.Y = np.zeros((6, 6))
    assert not np.any(w.delta_Y)
    assert not np.any(w.Z)


def test_pooling_map_takes_an_error_for_each_window():
    Y = np.arange(12.0).reshape(3, 4)
    assert pooling_map(Y).delta == ((1.0,) * 4,) * 3
    assert pooling_map(Y, delta=0.5).delta_Z == ((0.5, 0.5),)
    w = pooling_map(Y, delta=[[1, 2, 3], [4, 5, 6]], stride=1)
    assert w.delta_Z == ((1, 2, 3), (4, 5, 6))
    w.stride = 2
    assert w.delta_Z == ((1, 3),)
    assert pooling_map(Y, delta=w.delta, stride=1).delta_Z == ((1, 2, 3), (4, 5, 6))


def test_pooling_map_shows_a_seven():
    image = load_digits().images[7] / 16
    diagonal = np.array([[1, 1, 0], [1, 0, -1], [0, -1, -1]]) / 3
    response = np.round(conv2d[diagonal[None, None]](image[None, None])[0, 0], 1)
    response[np.abs(response) < 0.3] = 0
    np.testing.assert_allclose(pooling_map().Y, response)


def test_results_cannot_be_set():
    with pytest.raises(traitlets.TraitError, match="read-only"):
        sigmoid().y = 1.0


@every_figure
def test_text_is_stable_and_makes_the_figure_again(name):
    assert repr(make(name)) == CASES[name].EXAMPLE


@every_figure
def test_output_holds_the_view_and_a_text(name):
    bundle, _ = make(name)._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/plain"}


@every_figure
def test_browser_messages_with_infinity_are_understood(name):
    w = make(name)
    state = w.get_state()
    assert state["figure"] == name
    assert state["_start"] == {name: state[name] for name in [*w._inputs(), "answer"]}
    w.set_state({name: state[name] for name in w._inputs()})
    if name in ("lp_pooling", "learning_p", "pooling_map"):
        w.set_state({"p": "Infinity"})
        assert w.p == np.inf
        assert w.get_state()["p"] == "Infinity"


@every_figure
def test_a_message_that_is_refused_is_answered_with_what_is(name, monkeypatch):
    w = make(name)
    state, sent = w.get_state(), []
    monkeypatch.setattr(w, "send_state", sent.extend)
    inputs = w._inputs()
    for message in [[trait] for trait in inputs] + [inputs]:
        with pytest.raises(traitlets.TraitError):
            w.set_state(dict.fromkeys(message, "NaN"))
        assert sent == message
        sent.clear()
    assert w.get_state() == state


@every_figure
def test_traits_are_those_that_the_drawing_names(name):
    source = (STATIC.parent / "js" / "figures" / f"{name}.js").read_text(encoding="utf-8")
    (listed,) = re.findall(r"traits: \[(.*?)\]", source)
    assert re.findall(r'"(\w+)"', listed) == make(name)._inputs()


def test_chainbp_does_not_import_the_widgets():
    code = "import chainbp, sys; sys.exit('anywidget' in sys.modules or 'chainbp.widgets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
