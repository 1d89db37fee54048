"""backprop and check_gradient."""

import tracemalloc

import numpy as np
import pytest

from chainbp import (
    Function,
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
    squared_error,
    two_layer,
)


@pytest.fixture
def parts(rng):
    return rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=3), np.array([1.0, 0.0])


def test_two_layer_by_hand(parts):
    W1, W2, x, t = parts
    bp = backprop(squared_error[t] @ sigma @ rho[W2] @ sigma @ rho[W1], x)
    y = 1 / (1 + np.exp(-W1 @ x))
    z = 1 / (1 + np.exp(-W2 @ y))
    delta_z = -2 * (t - z)
    delta_z1 = delta_z * z * (1 - z)
    delta_y = W2.T @ delta_z1
    delta_y1 = delta_y * y * (1 - y)
    assert bp.loss == pytest.approx(((t - z) ** 2).sum())
    assert isinstance(bp.loss, float)
    for got, expected in zip(bp.hidden, [x, W1 @ x, y, W2 @ y, z], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-13)
    for got, expected in zip(bp.deltas, [W1.T @ delta_y1, delta_y1, delta_y, delta_z1, delta_z], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    for got, expected in zip(bp.gradients, [np.outer(delta_y1, x), np.outer(delta_z1, y)], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_shapes_match(rng, parts):
    W1, W2, _, _ = parts
    X, T = rng.normal(size=(3, 7)), rng.normal(size=(2, 7))
    loss = squared_error[T] @ two_layer(W1, W2)
    bp = backprop(loss, X)
    assert [d.shape for d in bp.deltas] == [h.shape for h in bp.hidden]
    assert [g.shape for g in bp.gradients] == [theta.shape for theta in loss.parameters]
    singles = [backprop(squared_error[T[:, k]] @ two_layer(W1, W2), X[:, k]) for k in range(7)]
    assert bp.loss == pytest.approx(sum(s.loss for s in singles))
    for i, gradient in enumerate(bp.gradients):
        np.testing.assert_allclose(gradient, sum(s.gradients[i] for s in singles), rtol=1e-11, atol=1e-13)


def test_check_gradient_leaves_out_infinite_entries_of_a_parameter(rng):
    y = rng.uniform(0.5, 1.5, size=4)
    p = check_gradient(squared_error[[0.1, 0.2]] @ eta[[2.0, np.inf], 2], y).comparisons[1]
    assert p.difference == pytest.approx(p.gradient, rel=1e-7)
    assert p.gradient[0] < 0 == p.gradient[1]

    def wrong(p):
        def forward(y):
            z, pull = eta[p, 2].vjp(y)
            return z, pull.x, lambda delta: (pull.theta(delta)[0] + [0.01, 0],)

        return Function(forward, (p,), rebind=wrong)

    assert not check_gradient(squared_error[[0.1, 0.2]] @ wrong(np.array([2.0, np.inf])), y)


def planted(pooling, p, wrong):
    """A pooling of groups or channels with an order each; the first order's gradient is `wrong` times the right one."""
    pool = pooling(p)

    def forward(y):
        z, pull = pool.vjp(y)
        return z, pull.x, lambda delta: (pull.theta(delta)[0] * np.where(np.arange(len(p)) == 0, wrong, 1.0),)

    return Function(forward, (p,), symbols=("p",), rebind=lambda p: planted(pooling, p, wrong))


@pytest.mark.parametrize("wrong", [1.0, 1.001])
@pytest.mark.parametrize("p", [[0.3, 1000.0], [0.3, 1e6], [0.05, 1e9, np.inf], [0.02, 0.02]])
def test_the_step_suits_each_entry(rng, p, wrong):
    t, y = rng.normal(size=len(p)), rng.uniform(0.5, 1.5, size=4 * len(p))
    report = check_gradient(squared_error[t] @ planted(lambda p: eta[p, 4], np.array(p), wrong), y)
    # Beside p = 1e9, rounding may hide the rest.
    right = ["agrees"] if max(p) < 1e9 else ["agrees", "cannot tell"]
    assert report.worst.verdict in (right if wrong == 1 else ["WRONG"]), report
    images = y.reshape(1, len(p), 2, 2)
    loss = squared_error[t[:, None]] @ flatten @ planted(lambda p: lp_pool2d[p, 2], np.array(p), wrong)
    report = check_gradient(loss, images)
    assert report.worst.verdict in (right if wrong == 1 else ["WRONG"]), report


def test_a_tiny_entry_beside_large_ones_is_checked_to_the_digits_that_a_difference_has():
    W, x = np.array([[1.0, 1e-6, 0.0, 1000.0]]), np.array([0.5, -0.8, 0.3, 0.001])
    report = check_gradient(squared_error[0.3] @ eta[2.0] @ sigma @ rho[W], x)
    # One number alone has a norm that does not depend on p.
    assert [c.verdict for c in report.comparisons] == ["agrees", "agrees", "cannot tell"]
    np.testing.assert_allclose(report.comparisons[1].difference, report.comparisons[1].gradient, rtol=1e-8)


def test_rounding_that_is_coarser_than_eps_is_not_taken_for_certainty():
    """In float32 a short step moves nothing: two differences of 0 agree, and are worth nothing."""

    def forward(x):
        return (x.astype(np.float32) ** 2).astype(float), lambda delta: 2 * delta * x, None

    x = np.array([0.7, -0.4, 1.1])
    c = check_gradient(squared_error[np.zeros(3)] @ Function(forward, name="single"), x).worst
    assert c.verdict == "cannot tell"
    np.testing.assert_allclose(c.difference, c.gradient, rtol=0.1)


def test_a_step_that_leaves_the_domain_of_the_loss_tells_nothing():
    assert check_gradient(cross_entropy[[1.0, 0.5]], [0.9, 1e-7])
    c = check_gradient(cross_entropy[[1.0, 0.0]], [0.9, 0.0]).worst
    assert (c.verdict, "cannot tell" in c.reason, "kink" in c.reason) == ("cannot tell", True, False)


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, 20, 300, 5000, np.inf])
def test_lp_network_passes_the_check(parts, p):
    W1, _, x, _ = parts
    verdicts = {c.name: c.verdict for c in check_gradient(squared_error[0.3] @ lp_network(W1, p), x).comparisons}
    # From p = 300 on, ∂L/∂p is 0 but for rounding; at inf there is none.
    of_p = {} if p == np.inf else {"p": "agrees" if p < 300 else "cannot tell"}
    assert verdicts == {"x": "agrees", "W": "agrees"} | of_p


def test_the_error_of_x_is_computed_when_read_and_once():
    calls = []

    def forward(x):
        return x * 2, lambda delta: calls.append(1) or delta * 2, None

    double = Function(forward, name="double")
    bp = backprop(squared_error[[0.0]] @ double, [1.0])
    assert calls == []
    np.testing.assert_array_equal(bp.deltas, [[8.0], [4.0]])
    assert bp.deltas is bp.deltas
    assert calls == [1]


def test_one_pull_per_link_whatever_the_depth():
    calls = []

    def forward(x):
        return np.tanh(x), lambda delta: calls.append(1) or delta * (1 - np.tanh(x) ** 2), None

    f = Function(forward, name="tanh")
    chain = f
    for _ in range(49):
        chain = f @ chain
    backprop(squared_error[np.zeros(3)] @ chain, np.ones(3))
    assert len(calls) == 49  # every link but the first, whose δ nobody read


def test_no_jacobian_is_formed():
    """The Jacobians of one layer would take 8·1000·1000·100 bytes for this batch; the whole run takes far less."""
    n, samples = 1000, 100
    loss = squared_error[np.zeros((n, samples))] @ sigma @ sigma @ sigma
    x = np.zeros((n, samples))
    tracemalloc.start()
    backprop(loss, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * x.nbytes


def test_a_result_holds_its_variables_and_not_what_the_way_back_needed(rng):
    loss = squared_error[np.zeros((2 * 16 * 16, 4))] @ flatten @ conv2d[rng.normal(size=(2, 3, 5, 5))]
    x = rng.normal(size=(4, 3, 20, 20))
    backprop(loss, x)
    tracemalloc.start()
    bp = backprop(loss, x)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    variables = sum(h.nbytes for h in bp.hidden)
    assert held < 3 * variables < most
    assert bp.deltas[0].shape == x.shape


def test_the_variables_have_the_paper_s_names(parts):
    W1, W2, x, _ = parts

    def names(loss):
        return [line.split()[0] for line in repr(backprop(loss, x)).splitlines()[2:]]

    assert names(squared_error[[1.0, 0.0]] @ two_layer(W1, W2)) == ["x", "y′", "y", "z′", "z"]
    assert names(squared_error[1.0] @ lp_network(W1, 2)) == ["x", "y′", "y", "z"]
    assert names(squared_error[1.0] @ eta[2]) == ["x", "z"]
    deep = sigma @ rho[np.ones((1, 2))] @ two_layer(W1, W2)
    assert names(squared_error[[1.0]] @ deep) == ["x", "h1′", "h1", "h2′", "h2", "h3′", "h3"]


def test_a_wrong_layer_is_caught(rng):
    def forward(x):
        y = np.sin(x)
        return y, lambda delta: delta * np.sin(x), None  # should be the cosine

    loss = squared_error[rng.normal(size=3)] @ Function(forward, name="sine") @ rho[rng.normal(size=(3, 3))]
    report = check_gradient(loss, rng.normal(size=3))
    assert not report
    assert report.worst.error > 0.01
    assert "WRONG" in repr(report)
    assert "central difference" in repr(report)


def test_a_small_wrong_entry_is_found_where_it_is(rng):
    def layer(W):
        def forward(x):
            def wrong(delta):
                gradient = np.outer(delta, x)
                gradient[1, 2] *= 1.001
                return (gradient,)

            return W @ x, lambda delta: delta @ W, wrong

        return Function(forward, (W,), name="layer", symbols=("W",), rebind=layer)

    report = check_gradient(squared_error[np.zeros(3)] @ layer(rng.normal(size=(3, 4))), rng.normal(size=4))
    assert report.worst.where == (1, 2)
    assert report.worst.error == pytest.approx(1e-3, rel=0.01)


def test_small_entries_are_no_false_alarm(rng):
    assert check_gradient(squared_error[[0.3]] @ sigma @ rho[[[1.0, 1e-6]]], [1.0, 0.5])
    assert check_gradient(squared_error[[0.3]] @ sigma @ rho[1e-5 * rng.normal(size=(1, 4))], 1e-4 * rng.normal(size=4))
    deep = sigma @ rho[rng.normal(size=(4, 4))]
    for _ in range(9):
        deep = sigma @ rho[rng.normal(size=(4, 4))] @ deep
    assert check_gradient(squared_error[np.zeros(4)] @ deep, rng.normal(size=4))


def test_the_ready_made_networks_take_rows_as_tuples():
    rows = ((1.0, -1.0), (0.5, 2.0))
    x = [1.0, 0.5]
    np.testing.assert_array_equal(two_layer(rows, rows) @ x, two_layer(np.array(rows), np.array(rows)) @ x)
    np.testing.assert_array_equal(lp_network(rows, 3.0) @ x, lp_network(np.array(rows), 3.0) @ x)
