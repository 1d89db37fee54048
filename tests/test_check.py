"""`check_gradient` is to be trusted: right gradients are never WRONG, wrong ones never "agree"."""

from math import erf

import numpy as np
import pytest

from chainbp import (
    Composition,
    Family,
    Function,
    backprop,
    check_gradient,
    conv2d,
    cross_entropy,
    eta,
    flatten,
    lp_pool2d,
    relu,
    rho,
    sigma,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
    squared_error,
    tanh,
    train,
)


def verdicts(loss, x, **options):
    return {c.name: c.verdict for c in check_gradient(loss, x, **options).comparisons}


# ---- right gradients ----


def network(rng, depth=2, width=4, inputs=3, outputs=2):
    f = rho[rng.normal(size=(width, inputs))]
    for _ in range(depth - 1):
        f = rho[rng.normal(size=(width, width)), rng.normal(size=width)] @ (sigma, tanh)[rng.integers(2)] @ f
    return rho[rng.normal(size=(outputs, width))] @ sigma @ f


def ordinary(rng):
    return squared_error[rng.normal(size=2)] @ network(rng), rng.normal(size=3)


def batch(rng):
    return squared_error[rng.normal(size=(2, 5))] @ network(rng, 3), rng.normal(size=(3, 5))


def perfect_fit(rng):
    net, x = network(rng), rng.normal(size=3)
    return squared_error[net @ x] @ net, x


def trained(rng):
    net, X = rho[rng.normal(size=(1, 3))] @ sigma @ rho[rng.normal(size=(3, 2))], rng.normal(size=(2, 4))
    T = rng.normal(size=(1, 4))
    return squared_error[T] @ train(net, squared_error, X, T, steps=300, rate=0.3, progress=False).network, X


def large_targets(rng):
    net, x = network(rng), rng.normal(size=3)
    return squared_error[1e6 + (net @ x) + 1] @ Function(lambda z: (z + 1e6, lambda d: d, None), name="shift") @ net, x


def saturated(rng):
    W, x = rng.normal(size=(2, 3)), rng.normal(size=3)
    logits = W @ x
    W = W * (rng.uniform(12, 34, 2) / logits)[:, None]
    return cross_entropy[[0.5, 1.0]] @ sigma @ rho[W], x


def saturated_and_fused(rng):
    return sigmoid_cross_entropy[[1.0, 0.0]] @ rho[30 * rng.normal(size=(2, 3))], rng.normal(size=3)


def classes(rng):
    T = np.eye(4)[:, rng.integers(4, size=3)]
    return softmax_cross_entropy[T] @ rho[10 * rng.normal(size=(4, 3))], rng.normal(size=(3, 3))


def tiny_numbers(rng):
    return squared_error[[0.5, 0.5]] @ sigma @ rho[1e-4 * rng.normal(size=(2, 3))], 1e-4 * rng.normal(size=3)


def huge_numbers(rng):
    return squared_error[[1e9, -1e9]] @ rho[1e6 * rng.normal(size=(2, 3))], 1e6 * rng.normal(size=3)


def pooling(rng):
    p = rng.choice([0.7, 1.0, 1.5, 2.0, 3.0, 8.0, 60.0])
    return squared_error[rng.normal()] @ eta[p] @ sigma @ rho[rng.normal(size=(4, 3))], rng.normal(size=3)


def images(rng):
    maps = lp_pool2d[rng.uniform(1, 4), 2, 1] @ tanh @ conv2d[rng.normal(size=(2, 1, 2, 2)), rng.normal(size=2)]
    return squared_error[rng.normal(size=(18, 2))] @ flatten @ maps, rng.normal(size=(2, 1, 5, 5))


def kinks(rng):
    """Half of the inputs are exactly 0, where relu has a kink."""
    x = rng.normal(size=6) * (np.arange(6) % 2)
    return squared_error[rng.normal(size=2)] @ rho[rng.normal(size=(2, 6))] @ relu, x


def apart(rng):
    """A residual a million times larger than the other."""
    net, x = network(rng), rng.normal(size=3)
    return squared_error[(net @ x) + [1e6, 1.0]] @ net, x


REGIMES = [
    ordinary, batch, perfect_fit, trained, large_targets, saturated, saturated_and_fused, classes, tiny_numbers,
    huge_numbers, pooling, images, kinks, apart,
]  # fmt: skip
PLAIN = [ordinary, batch, saturated_and_fused, classes, tiny_numbers, images]


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.__name__)
@pytest.mark.parametrize("seeds", [range(3), pytest.param(range(3, 33), marks=pytest.mark.soak)], ids=["few", "many"])
def test_no_right_gradient_is_wrong(regime, seeds):
    for seed in seeds:
        found = verdicts(*regime(np.random.default_rng(seed)))
        assert "WRONG" not in found.values(), seed
        if regime in PLAIN and seed < 3:
            assert set(found.values()) == {"agrees"}, (seed, found)


# ---- wrong ones ----


def wrong(kind, f):
    """f with a fault on its way back. Some faults need a parameter: then f = ρ[W], or None is returned."""

    @Family
    def faulty(*theta):
        g = f.with_parameters(theta) if theta else f

        def forward(x):
            y, pull = g.vjp(x)

            def pull_x(delta):
                back = pull.x(delta)
                if kind == "factor":
                    return 2 * back
                if kind == "small factor":
                    return 1.001 * back
                if kind == "sign":
                    return -back
                if kind == "one entry":
                    back = np.array(back)
                    seen = np.where(np.abs(back) > 1e-7 * np.abs(back).max(), np.abs(back), np.inf)
                    back.flat[np.argmin(seen)] *= 0.5
                    return back
                if kind == "constant":
                    return back + 0.1
                if kind == "of δ = 1":
                    return pull.x(np.ones_like(delta))
                if kind == "reversed":
                    return back.ravel()[::-1].reshape(back.shape)
                return back

            def pull_theta(delta):
                gradients = pull.theta(delta)
                if kind == "factor of θ":
                    return tuple(0.5 * g for g in gradients)
                if kind == "sign of θ":
                    return tuple(-g for g in gradients)
                if kind == "zero of θ":
                    return tuple(np.zeros_like(g) for g in gradients)
                if kind == "missing sum":
                    samples = max(1, np.size(delta) // len(delta) if delta.ndim else 1)
                    return tuple(g / samples - 0.01 for g in gradients)
                if kind == "mean":
                    return tuple(np.full_like(g, g.mean()) for g in gradients)
                return gradients

            return y, pull_x, pull_theta if theta else None

        return Function(forward, theta, name="faulty", symbols=f.symbols)

    return faulty[tuple(f.parameters)]


OF_X = ["factor", "small factor", "sign", "one entry", "constant", "of δ = 1", "reversed"]
OF_THETA = ["factor of θ", "sign of θ", "zero of θ", "missing sum", "mean"]


def says(f, x, delta):
    _, pull = f.vjp(x)
    return [pull.x(delta), *pull.theta(delta)]


def with_fault(kind, loss, x):
    """The loss with one link replaced by a faulty one: each link in turn where the fault makes a difference."""
    links, rng = loss.functions, np.random.default_rng(0)
    for i, (link, h) in enumerate(zip(links, backprop(loss, x).hidden)):
        if kind in OF_X or link.parameters:
            faulty, delta = wrong(kind, link), rng.normal(size=np.shape(link(h)))
            if not all(map(np.array_equal, says(link, h, delta), says(faulty, h, delta))):
                yield i, Composition([*links[:i], faulty, *links[i + 1 :]])


KINDS = OF_X + OF_THETA
FEW = [regime for regime in REGIMES if regime not in (batch, large_targets, images)]
SOAK = pytest.mark.soak
EVERYWHERE = [pytest.param(regime, None, marks=SOAK, id=f"{regime.__name__}-every link") for regime in REGIMES]
HERE_AND_THERE = [pytest.param(regime, i, id=regime.__name__) for i, regime in enumerate(FEW)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("regime", "which"), HERE_AND_THERE + EVERYWHERE)
def test_no_wrong_gradient_agrees(kind, regime, which):
    loss, x = regime(np.random.default_rng(11))
    faulty = list(with_fault(kind, loss, x))
    if which is not None and faulty:
        faulty = [faulty[(which + KINDS.index(kind)) % len(faulty)]]
    caught = 0
    for i, net in faulty:
        report = check_gradient(net, x)
        assert not report.ok, (i, report)
        caught += report.worst.verdict == "WRONG"
        assert all(c.verdict != "cannot tell" or "cannot tell" in c.reason for c in report.comparisons)
    if regime in PLAIN and kind in ("factor", "sign", "factor of θ"):
        assert caught


@pytest.mark.parametrize("p", [1.2, 1.5, 1.7, 2.0])
def test_what_bends_much_at_zero_is_no_kink(p):
    layer = rho[[[1.0, 2.0], [-1.0, -3.0], [0.5, 0.2]]]
    assert check_gradient(squared_error[1.0] @ eta[p] @ relu @ layer, [1.0, 2.0])
    wrong = elementwise(lambda x: abs(x) ** p, lambda x: np.sign(x) * abs(x) ** (p - 1), "without p")
    assert check_gradient(squared_error[[1.0, 1.0]] @ wrong, [3.0, 0.0]).worst.verdict == "WRONG"


def test_a_kink_is_called_by_its_name():
    report = check_gradient(squared_error[[1.0, 1.0]] @ relu, [0.0, 2.0])
    assert report.worst.verdict == "cannot tell"
    assert "kink at [0]" in str(report)


def test_rebind_must_keep_every_number():
    @Family
    def scale(a, c):
        return Function(
            lambda x: (c * a * x, lambda d: c * a * d, lambda d: ((c * d * x).sum(),)),
            (a,),
            name="scale",
            symbols=("a",),
            rebind=lambda a: scale[a, 1.0],  # c is lost
        )

    report = check_gradient(squared_error[[1.0, 2.0]] @ scale[3.0, 2.0], [1.0, -1.0])
    assert report.worst.verdict == "WRONG"
    assert "with_parameters" in str(report)


def test_a_pull_must_not_change_what_it_is_given():
    def forward(x):
        y = np.tanh(x)

        def pull(delta):
            delta *= 1 - y * y
            return delta

        return y, pull, None

    loss = squared_error[[1.0]] @ sigma @ Function(forward, name="greedy") @ tanh
    for ask in (check_gradient, backprop):
        with pytest.raises(ValueError, match=r"greedy cannot send back δ .* read-only"):
            ask(loss, [0.3])


def test_a_layer_must_not_change_its_input_wherever_it_stands():
    greedy = Function(lambda x: (x.__imul__(2), lambda delta: 2 * delta, None), name="greedy")
    x = np.array([0.3])
    for f in (greedy, tanh @ greedy, tanh @ greedy @ tanh):
        for ask in (f, f.vjp):
            with pytest.raises(ValueError, match=r"greedy cannot take .* read-only"):
                ask(x)
    assert x == [0.3]


def test_softmax_before_the_squared_error_agrees():
    rng = np.random.default_rng(0)
    loss = squared_error[[1.0, 0.0, 0.0]] @ softmax @ rho[rng.normal(size=(3, 2))]
    report = check_gradient(loss, rng.normal(size=2))
    assert report.ok
    assert {c.reason for c in report.comparisons} == {"agrees with central differences within 1e-06"}


@pytest.mark.parametrize("seed", range(12))
def test_a_perfect_fit_on_round_numbers_is_no_false_alarm(seed):
    rng = np.random.default_rng(seed)
    t = rng.integers(-1, 2, size=rng.integers(1, 7)).astype(float)
    assert "WRONG" not in verdicts(squared_error[t], t).values()
    net, x = relu @ rho[rng.integers(-3, 4, size=(3, 3)), [0.5] * 3], rng.choice([-1.0, 1.0], 3)
    assert "WRONG" not in verdicts(squared_error[net @ x] @ net, x).values()


@pytest.mark.parametrize("p", [0.1, 1.2, 1.5, 1.75])
def test_a_small_entry_beside_a_large_one_is_no_false_alarm(p):
    """|y|^p has no second derivative at 0: differences across it do not settle."""
    for small in (1e-6, 1e-7, 1e-8):
        assert "WRONG" not in verdicts(squared_error[0.0] @ eta[p], [1.0, small]).values()
    for large, small in ((10, 1e-7), (100, 1e-8), (1e5, 1e-5), (1, 1e-310)):
        assert "WRONG" not in verdicts(squared_error[0.5] @ eta[p], [large, small]).values()
    rng = np.random.default_rng(0)
    y = rng.normal(size=(5, 5)) * 10.0 ** rng.integers(-6, 6, size=(5, 5))
    assert "WRONG" not in verdicts(squared_error[np.zeros((4, 4))] @ lp_pool2d[p, 2, 1], y).values()


def test_a_layer_with_fewer_digits_inside_is_no_false_alarm():
    single = Function(lambda x: (np.tanh(x.astype("f4")).astype(float), lambda d: d * (1 - np.tanh(x) ** 2), None))
    assert "WRONG" not in verdicts(squared_error[[0.1, 0.2, 0.3]] @ single, [0.3, 0.7, -0.4]).values()


@pytest.mark.parametrize("dtype", ["int", "complex", "float16"])
def test_a_gradient_of_another_type_is_refused(dtype):
    @Family
    def scale(a):
        return Function(lambda x: (a * x, lambda d: a * d, lambda d: ((d * x).sum(keepdims=True).astype(dtype),)), (a,))

    with pytest.raises(ValueError, match=f"cannot send back .* {dtype}"):
        check_gradient(squared_error[[1.0, 2.0]] @ scale[[3.0]], [1.0, -1.0])


def test_the_work_grows_with_the_chain_and_not_with_its_square():
    calls = []

    def forward(x):
        y = np.tanh(x)
        calls.append(1)
        return y, lambda delta: (1 - y * y) * delta, None

    def work(depth):
        calls.clear()
        chain = Composition([Function(forward, name="counted"), rho[np.eye(2)]] * depth)
        assert check_gradient(squared_error[[0.3, 0.4]] @ chain, [0.5, -0.6])
        return len(calls)

    assert work(12) < 2.2 * work(6)


def test_large_targets_do_not_hide_a_right_gradient():
    for seed in range(3):
        report = check_gradient(*large_targets(np.random.default_rng(seed)))
        assert report.ok
        assert "agrees by the dot-test of each layer within 1e-06" in str(report)


def test_of_entries_that_are_all_wrong_by_one_factor_that_off_by_most_is_named():
    rng = np.random.default_rng(0)
    report = check_gradient(squared_error[rng.normal(size=5)] @ wrong("sign", tanh), rng.normal(size=5))
    x = report.worst
    assert x.verdict == "WRONG"
    assert x.where == (np.argmax(np.abs(x.gradient)),)


def elementwise(f, slope, name):
    return Function(lambda x: (f(x), lambda delta: delta * slope(x), lambda delta: ()), name=name)


@pytest.mark.parametrize("w", 10.0 ** np.arange(1, 11))
def test_a_fast_wave_is_told_or_not_but_never_called_wrong(w):
    wave = elementwise(lambda x: np.sin(w * x), lambda x: w * np.cos(w * x), "wave")
    report = check_gradient(squared_error[[0.3, -0.7, 0.2]] @ wave, [1.0, -0.5, 2.0])
    assert report.worst.verdict == ("agrees" if w <= 1e3 else "cannot tell")


@pytest.mark.parametrize(("size", "w"), [(1e-3, 1e5), (1e-6, 1e6)])
def test_a_fine_wave_on_a_slope_is_never_called_wrong(size, w):
    """Where long steps see the slope alone, and short ones the wave."""
    rough = elementwise(lambda x: x + size * np.sin(w * x), lambda x: 1 + size * w * np.cos(w * x), "rough")
    for seed in range(20):
        x = np.random.default_rng(seed).standard_normal(3)
        assert "WRONG" not in verdicts(squared_error[np.zeros(3)] @ rough, x).values()


@pytest.mark.parametrize("k", range(4, 20))
def test_steps_that_are_whole_waves_do_not_deceive(k):
    w, x, loss = 2.0**k * np.pi, [0.3, 0.7], squared_error[[0.1, 0.2]]
    wave = elementwise(lambda x: np.sin(w * x), lambda x: w * np.cos(w * x), "wave")
    left_out = elementwise(lambda x: x + np.sin(w * x), np.ones_like, "wave left out")
    stairs = elementwise(lambda x: np.round(x * 2.0**k) / 2.0**k, np.ones_like, "stairs")
    assert "WRONG" not in verdicts(loss @ wave, x).values()
    assert not check_gradient(loss @ left_out, x).ok
    if k <= 12:  # finer stairs are rounding
        assert not check_gradient(loss @ stairs, x).ok


@np.vectorize
def gelu(x):
    return x / 2 * (1 + erf(x / np.sqrt(2)))


@np.vectorize
def gelu_slope(x):
    return (1 + erf(x / np.sqrt(2))) / 2 + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


SOFTPLUS = elementwise(lambda x: np.log(1 + np.exp(x)), sigmoid, "softplus")
GELU = elementwise(gelu, gelu_slope, "gelu")
MAGNIFIED = elementwise(lambda x: 1e9 * np.log(1 + np.exp(x)), lambda x: 1e9 * sigmoid(x), "magnified")


@pytest.mark.parametrize("layer", [SOFTPLUS, GELU, MAGNIFIED], ids=str)
@pytest.mark.parametrize("x", [-3.0, -8.0, -20.0, -36.5, -38.0, -90.0])
@pytest.mark.parametrize("other", [1.0, 0.1, -80.0])
def test_what_a_saturated_layer_rounds_inside_is_no_false_alarm(layer, x, other):
    assert "WRONG" not in verdicts(squared_error[[0.3, 0.2]] @ layer, [other, x]).values()


@pytest.mark.parametrize("z", [-600.0, -690.0, -700.0, -708.0, -720.0, -745.0, -800.0])
@pytest.mark.parametrize("start", [np.array, lambda z: [1e-306 * z, 1e-305]], ids=["logit", "tiny"])
def test_numbers_near_the_smallest_are_no_false_alarm(z, start):
    for layer in (sigma, tanh, eta[2.0, 1], sigma @ rho[[[1e-306] * np.size(start(z))]]):
        x = np.ravel(start(z))
        assert "WRONG" not in verdicts(squared_error[0.5 * np.ones(np.shape(layer @ x))] @ layer, x).values()


@pytest.mark.parametrize("x", [-1.0, -0.1, -0.05, -0.01, -1e-3])
def test_a_forgotten_mask_is_no_rounding(x):
    unmasked = elementwise(lambda x: np.maximum(x, 0), np.ones_like, "unmasked")
    assert verdicts(squared_error[[1.0]] @ unmasked, [x]) == {"x": "WRONG"}
    in_float32 = elementwise(lambda x: np.maximum(x.astype(np.float32), 0).astype(float), np.ones_like, "unmasked")
    assert verdicts(squared_error[[1.0]] @ in_float32, [x]) == {"x": "WRONG"}


def implicit(x):
    """y = tanh(A y + x), and the pull, both by iterations that stop at a tolerance of their own."""
    A, y = np.array([[0.3, -0.2], [0.1, 0.4]]), np.zeros_like(x)
    while abs((new := np.tanh(A @ y + x)) - y).max() > 1e-13:
        y = new
    slope = 1 - new * new

    def pull(delta):
        u = delta
        while abs((better := delta + A.T @ (slope * u)) - u).max() > 1e-10:
            u = better
        return slope * better

    return new, pull, None


def by_directions(x):
    """A pull that works with δ/‖δ‖, whose squares may vanish or overflow."""
    M = np.array([[2.0, 1.0], [1.0, 3.0]])

    def pull(delta):
        size = np.sqrt((delta * delta).sum())
        return M.T @ (delta / size) * size

    return M @ x, pull, None


def by_logarithms(x):
    scores = lambda v: (v + 1e5) - 1e5  # noqa: E731
    return np.exp(scores(x)), lambda d: np.sign(d) * np.exp((np.log(abs(d)) + (x + 1e5)) - 1e5), None


@pytest.mark.parametrize("forward", [implicit, by_directions, by_logarithms], ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [1.0, 1e-5, 1e-150])
def test_a_pull_that_is_linear_but_for_its_own_rounding_is_no_false_alarm(forward, size):
    for seed in range(20):
        x, t = np.random.default_rng(seed).normal(size=(2, 2))
        assert "WRONG" not in verdicts(squared_error[t] @ Function(forward, name="mine"), size * x).values(), seed


@pytest.mark.parametrize("x", [-82.0, -85.0, -87.0])
def test_errors_too_large_for_float32_are_no_false_alarm(x):
    def forward(x):
        y = 1 / (1 + np.exp(-x.astype(np.float32)))
        return y, lambda delta: delta * y * (1 - y), None

    assert "WRONG" not in verdicts(squared_error[[0.5]] @ Function(forward, name="σ"), [x]).values()


# Right on paper, and rounded beside a large number on the way; their slopes.
NAIVE = {
    "x + 273.15 − 273.15": (lambda x: (x + 273.15) - 273.15, np.ones_like),
    "ln(1 + x)": (lambda x: np.log(1 + x), lambda x: 1 / (1 + x)),
    "e^x − 1": (lambda x: np.exp(x) - 1, np.exp),
    "1 − cos x": (lambda x: 1 - np.cos(x), np.sin),
    "√(1 + x²) − 1": (lambda x: np.sqrt(1 + x * x) - 1, lambda x: x / np.sqrt(1 + x * x)),
    "ln cosh x": (lambda x: np.log(np.cosh(x)), np.tanh),
    "arcosh(1 + x²)": (lambda x: np.arccosh(1 + x * x), lambda x: 2 * np.sign(x) / np.sqrt(2 + x * x)),
    "arccos(cos x)": (lambda x: np.arccos(np.cos(x)), np.sign),
    "√((1 + x)² − 2(1 + x) + 1)": (lambda x: np.sqrt(abs((1 + x) ** 2 - 2 * (1 + x) + 1)), np.sign),
    "σ in float32": (lambda x: sigmoid(x.astype(np.float32)).astype(float), lambda x: sigmoid(x) * (1 - sigmoid(x))),
}


@pytest.mark.parametrize("name", NAIVE)
@pytest.mark.parametrize("exponent", range(-9, 1))
def test_a_naive_formula_is_no_false_alarm_and_hides_no_wrong_slope(name, exponent, rng):
    f, slope = NAIVE[name]
    loss = squared_error[[0.5, 0.2]]
    for _ in range(3):
        x = rng.uniform(-0.9, 0.9, 2) * 10.0**exponent
        assert "WRONG" not in verdicts(loss @ elementwise(f, slope, name), x).values()
        wrong_report = check_gradient(loss @ elementwise(f, lambda x: 2 * slope(x), name), x)
        assert not wrong_report.ok
        if exponent == 0:
            assert wrong_report.worst.verdict == "WRONG"


IN_FLOAT32 = {
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "square": (np.square, lambda x: 2 * x),
    "sin": (np.sin, np.cos),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x))),
    "x beside 1000": (lambda x: (x + 1000) - 1000, np.ones_like),
    "10⁵ (√(1 + x²) − 1)": (lambda x: 1e5 * (np.sqrt(1 + x * x) - 1), lambda x: 1e5 * x / np.sqrt(1 + x * x)),
    "that times π": (
        lambda x: np.float64(np.pi) * (np.sqrt(1 + x * x) - 1).astype(float),
        lambda x: np.pi * x / np.sqrt(1 + x * x),
    ),
}


def in_float32(name):
    value, slope = IN_FLOAT32[name]
    return elementwise(lambda x: value(x.astype(np.float32)).astype(float), slope, name)


@pytest.mark.parametrize("name", IN_FLOAT32)
def test_a_right_layer_that_computes_in_float32_inside_is_no_false_alarm(name):
    layer = in_float32(name)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=3) * 10 ** rng.uniform(-3, 1.5)
        assert "WRONG" not in verdicts(squared_error[rng.normal(size=3)] @ layer, x).values(), seed


def test_tanh_that_has_become_1_in_float32_is_no_false_alarm():
    layer = elementwise(lambda x: 1000 * np.tanh(x.astype(np.float32)), lambda x: 1000 * (1 - np.tanh(x) ** 2), "tanh")
    for x in (9.5, 10.5, 10.9, 12.0):
        assert "WRONG" not in verdicts(squared_error[[1.0, 2.0]] @ layer, [-x, 2.8]).values(), x


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_how_well_differences_are_known_is_told_beside_the_gradient(size):
    loss = squared_error[[0.1, 0.2, 0.3]] @ in_float32("square")
    report = check_gradient(loss, size * np.array([-2.0, 0.5, 3.0]))
    assert "cannot tell: rounding leaves differences known to 3e-05 only" in str(report)


@pytest.mark.parametrize("small", [-24.0, -26.0, -28.0])
def test_what_vanishes_beside_a_large_number_inside_a_layer_is_no_false_alarm(small):
    def forward(x):
        hidden, e = x[0], np.exp(x[1])
        return np.array([(hidden + e) - hidden, x[2]]), lambda d: np.array([0.0, d[0] * e, d[1]]), None

    report = check_gradient(squared_error[[1.0, 2.0]] @ Function(forward, name="hides"), [1e6, small, 0.5])
    assert report.worst.verdict == "cannot tell"
    assert "rounding in a layer may hide, in hides" in str(report)


@pytest.mark.parametrize(
    ("loss", "x"),
    [(squared_error[[0.0, 1.0]] @ relu, [-1.0, -2.0]), (squared_error[[1.0]] @ rho[[[2.0]]], [0.5])],
    ids=["nothing comes through", "a perfect fit"],
)
def test_a_derivative_of_0_is_called_one(loss, x):
    for c in check_gradient(loss, x).comparisons:
        assert c.reason.startswith("cannot tell: the derivative is 0 but for rounding, as a wrong one might be")


@pytest.mark.parametrize("scale", [1e-160, 1e-200, 1e-300])
def test_a_loss_that_underflows_is_no_false_alarm(scale):
    same = elementwise(np.positive, np.ones_like, "same")
    report = check_gradient(squared_error[[0.0, 0.0]] @ same, [scale, -2 * scale])
    assert report.worst.verdict == "cannot tell"


@pytest.mark.parametrize("theta", [(), (2.0,)])
def test_a_layer_that_draws_numbers_is_called_by_its_name(theta):
    rng = np.random.default_rng(0)

    def drop(x):
        mask = rng.random(x.shape) < 0.5
        return x * mask, lambda delta: delta * mask, lambda delta: tuple(map(np.zeros_like, theta))

    def dropping(*theta):
        return Function(drop, theta, name="drop", rebind=dropping)

    report = check_gradient(squared_error[[0.3, -0.7]] @ dropping(*theta), [1.0, 2.0])
    assert {c.reason for c in report.comparisons} == {"cannot tell: drop gives other values when it is asked again"}


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("theta", [(), (2.0,)], ids=["fixed", "learned"])
def test_a_layer_that_keeps_something_outside_forward_is_wrong(theta, twice):
    @Family
    def kept(a=2.0):
        seen = {}

        def forward(x):
            seen["x"] = x  # as self.x = x would
            return a * x**2, lambda d: 2 * a * seen["x"] * d, lambda d: ((d * seen["x"] ** 2).sum(),) * len(theta)

        return Function(forward, theta and (a,), name="kept", symbols=("a",) * len(theta))

    f = kept[2.0]
    report = check_gradient(squared_error[[0.3, -0.7]] @ (f @ f if twice else f), [1.0, 2.0])
    assert {c.verdict for c in report.comparisons} == {"WRONG"}
    assert any("asked again, after other runs" in c.reason for c in report.comparisons)


def test_what_a_layer_kept_from_an_earlier_run_is_found():
    @Family
    def gain(g):
        seen = []

        def forward(x):
            seen.append(x)
            return g * x, lambda d: g * d, lambda d: (np.asarray(np.vdot(d, seen[0])),)

        return Function(forward, (g,), name="gain", symbols=("g",))

    layer, x = gain[3.0], np.array([1.0, -1.0])
    layer @ (2 * x)
    assert verdicts(squared_error[[1.0, 2.0]] @ layer @ tanh, x) == {"x": "WRONG", "g": "WRONG"}


def test_a_mask_that_is_kept_outside_is_found():
    class Relu:
        def __call__(self, x):
            self.mask = x > 0
            return np.where(self.mask, x, 0.0), lambda delta: np.where(self.mask, delta, 0.0), None

    assert verdicts(squared_error[[1.0, 2.0]] @ Function(Relu(), name="relu"), [0.5, -0.3]) == {"x": "WRONG"}


def test_a_pull_that_spoils_what_it_needs_is_wrong():
    def soft(x):
        s = 1 + abs(x)

        def pull(delta):
            s[...] = s**2
            return delta / s

        return x / (1 + abs(x)), pull, lambda delta: ()

    report = check_gradient(squared_error[[0.3, -0.7]] @ Function(soft, name="soft"), [1.0, 2.0])
    assert report.worst.verdict == "WRONG"
    assert "asked again" in report.worst.reason


def buffered(x):
    room = np.empty_like(x)
    return np.tanh(x), lambda delta: np.multiply(delta, 1 - np.tanh(x) ** 2, out=room), None


ROOM = np.empty(8)


def overwritten(x):
    y = np.tanh(x, out=ROOM[: x.size])
    slope = 1 - y * y
    return y, lambda delta: delta * slope, None


def guided(x):
    return np.tanh(x), lambda delta: np.maximum(delta, 0) * (1 - np.tanh(x) ** 2), None


def unsigned(x):
    return np.tanh(x), lambda delta: abs(delta) * (1 - np.tanh(x) ** 2), None


@pytest.mark.parametrize("forward", [buffered, overwritten, guided, unsigned], ids=lambda f: f.__name__)
def test_a_layer_that_writes_into_what_it_gave_or_is_not_linear_in_the_error_is_wrong(forward):
    report = check_gradient(squared_error[[-5.0, -5.0, -5.0]] @ Function(forward, name="mine"), [-2.0, 0.5, 3.0])
    assert report.worst.verdict == "WRONG"
    assert report.worst.reason.endswith("a layer keeps nothing from one run to the next, and its pulls are linear in δ")


def test_a_pull_that_relies_on_the_other_is_named():
    @Family
    def lin(W):
        def forward(x):
            kept = {}

            def pull_W(delta):
                kept["δ"] = delta
                return (np.outer(delta, x),)

            return W @ x, lambda delta: W.T @ kept["δ"], pull_W

        return Function(forward, (W,), name="lin", symbols=("W",))

    with pytest.raises(ValueError, match=r"lin\[W\] cannot send back δ of shape \(2,\): pull_x: KeyError\('δ'\)"):
        check_gradient(squared_error[[0.0, 0.0]] @ lin[np.eye(2)], [1.0, 2.0])


@pytest.mark.parametrize("off", [0.5e-6, 1.5e-6, 1e-3])
def test_what_is_off_by_more_than_the_tolerance_is_wrong_and_by_less_agrees(off):
    bent = elementwise(np.tanh, lambda x: (1 + off) * (1 - np.tanh(x) ** 2), "bent")
    for options in ({}, {"tolerance": 1e-5}, {"tolerance": 0.1}):
        tolerance = options.get("tolerance", 1e-6)
        report = check_gradient(squared_error[[0.3, -0.7]] @ bent, [0.5, 2.0], **options)
        assert report.worst.verdict == ("WRONG" if off > tolerance else "agrees")
        assert (report.worst.error > tolerance) == (off > tolerance) == (not report)


def test_a_pull_that_cuts_large_errors_does_not_agree():
    """Errors as small as those of the dot-test pass it untouched; those of the loss do not."""
    clipped = Function(lambda x: (x, lambda delta: np.clip(delta, -5.0, 5.0), None), name="clipped")
    assert check_gradient(squared_error[[1000.0, 2000.0]] @ clipped, [0.5, -1.0]).worst.verdict == "WRONG"
    assert check_gradient(squared_error[[0.6, -1.1]] @ clipped, [0.5, -1.0]).worst.verdict == "WRONG"


def test_what_the_layers_cannot_explain_is_told():
    """A pull that is linear but for errors that no dot-test tries."""
    pull = lambda delta: np.where(abs(delta) == 1.0, 0.0, delta)  # noqa: E731
    x = check_gradient(squared_error[[0.0, 0.0]] @ Function(lambda x: (x, pull, None), name="odd"), [0.5, -0.5]).worst
    assert (x.verdict, x.reason) == ("cannot tell", "cannot tell: layers pass, differences of the loss disagree")


@pytest.mark.parametrize(("kind", "name", "blamed"), [("sign", "x", "pull_x"), ("sign of θ", "W", "pull_theta, W")])
@pytest.mark.parametrize(("off", "other"), [(0.0, "cannot tell"), (1.0, "agrees")], ids=["perfect fit", "elsewhere"])
def test_a_wrong_pull_is_named_also_where_a_perfect_fit_hides_it(kind, name, blamed, off, other):
    f, x = rho[[[1.0, -2.0], [0.5, 1.0]]], np.array([0.3, 0.7])
    of = {c.name: c for c in check_gradient(squared_error[f @ x + off] @ wrong(kind, f), x).comparisons}
    assert {c.verdict for c in of.values()} == {"WRONG", other}
    assert of[name].verdict == "WRONG"
    assert of[name].reason.endswith(f"faulty[W] fails the dot-test: look at its {blamed}")


def test_what_is_unknown_at_one_output_is_no_matter_of_numbers_that_do_not_reach_it():
    """At the edge of the domain of H, z = 0, there are no central differences."""
    W = check_gradient(cross_entropy[[1.0, 0.0]] @ rho[[[0.9], [0.0]]], [1.0]).comparisons[1]
    assert W.verdict == "cannot tell"
    assert W.difference[0] == pytest.approx(W.gradient[0], rel=1e-7)
    assert np.isnan(W.difference[1])


def test_many_kinks_are_counted_and_not_listed():
    def reason(n):
        return check_gradient(squared_error[np.ones(n)] @ relu, np.zeros(n)).worst.reason

    assert reason(3).startswith("cannot tell: a kink at [0], [1], [2]")
    assert "and more" not in reason(3)
    assert reason(4).startswith("cannot tell: a kink at [0], [1], [2] and more")


def test_a_smooth_layer_is_asked_some_dozens_of_times_for_each_number():
    calls = []

    def forward(x):
        calls.append(1)
        y = np.tanh(x)
        return y, lambda delta: (1 - y * y) * delta, None

    assert check_gradient(squared_error[np.zeros(10)] @ Function(forward, name="counted"), np.linspace(-1, 2, 10))
    assert len(calls) < 40 * 10


@pytest.mark.parametrize("sent", [np.nan, np.inf, -np.inf])
def test_an_error_that_is_no_number_is_wrong(sent):
    broken = Function(lambda x: (x, lambda delta: delta * [1.0, sent], None), name="broken")
    x = check_gradient(squared_error[[1.0, 2.0]] @ broken, [0.5, -1.0]).worst
    assert (x.verdict, x.where, x.error) == ("WRONG", (1,), np.inf)


def test_entries_without_influence_do_not_hide_a_wrong_one():
    x = check_gradient(squared_error[[1.0, 1.0, 3.0]] @ wrong("factor", relu), [-1.0, -2.0, 2.0]).worst
    assert (x.verdict, x.where) == ("WRONG", (2,))
    assert x.error == pytest.approx(0.5, rel=1e-6)


def test_the_noise_of_a_layer_counts_only_where_an_entry_reaches():
    def rounded(x):
        return np.round(np.sin(x), 10), lambda delta: delta * np.cos(x), None

    x = np.linspace(0.2, 1.0, 20)
    assert check_gradient(squared_error[np.zeros(20)] @ Function(rounded, name="rounded"), x).ok
