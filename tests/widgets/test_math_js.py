"""The figures' own mathematics, chainbp/widgets/js/math.js, run in node and held to chainbp within 1e-12."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from judges import differences
from widget_cases import explore, made

from chainbp import backprop, check_gradient, eta, lp_network, lp_pool2d, rho, sigma, squared_error, two_layer
from chainbp.lp import entropy
from chainbp.widgets import base, chain_rule

MATH_JS = Path(__file__).parents[2] / "chainbp" / "widgets" / "js" / "math.js"
ORDERS = [0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0, 100.0, 1000.0, np.inf]

# Reads one array of cases, answers with one array of results; JSON has no infinity, so it travels as a string.
RUNNER = """
import { readFileSync } from "node:fs";
const m = await import(process.argv[1]);
const c = await import(process.argv[1].replace("math.js", "figures/chain.js"));
const decode = (_, v) => (v === "Infinity" ? Infinity : v === "-Infinity" ? -Infinity : v);
const encode = (_, v) => (typeof v === "number" && !Number.isFinite(v) ? String(v) : v);
const chains = {
  two_layer: (c) => [m.sigma, m.rho(c.W2), m.sigma, m.rho(c.W1)],
  lp_network: (c) => [m.eta(c.p), m.sigma, m.rho(c.W)],
};
// What the figures measure, of each number of a chain's parameters.
const differences = (c, lossOf) => {
  const each = (value, at) =>
    Array.isArray(value)
      ? value.map((part, i) => each(part, (v) => at(value.with(i, v))))
      : m.centralDifference((v) => m.apply(lossOf(at(v)), c.x), value);
  return ["W1", "W2", "W", "p"].filter((k) => k in c).map((k) => each(c[k], (value) => ({ ...c, [k]: value })));
};
const answers = {
  explore: ({ chain, state }) => {
    const view = c.evaluate(chain, state);
    return { ...view, roads: c.entries(chain, state).map((e) => c.units(chain, view.deltas, e)) };
  },
  network: (c) => {
    const lossOf = (c) => m.compose(m.squaredError(c.t), ...chains[c.chain](c));
    return { ...m.backprop(lossOf(c), c.x), differences: c.differences ? differences(c, lossOf) : null };
  },
  eta: (c) => {
    const [z, pullX, pullTheta] = m.eta(c.p).forward(c.y);
    const w = m.shares(c.y, c.p);
    return { z, gradient: pullX(1), slope: pullTheta(1)[0], w, entropy: m.entropy(w), inT: m.slopeInT(c.y, c.p) };
  },
  map: (c) => {
    const [Z, pullX] = m.lpPool2d(c.p, c.size, c.stride).forward(c.Y);
    const starts = [c.Y.length, c.Y[0].length].map((length) => m.windowStarts(length, c.size, c.stride));
    return { Z, errors: pullX(c.delta), starts };
  },
  sigma: (c) => {
    const [y, pullX] = m.sigma.forward(c.x);
    return { y, gradient: pullX(c.x.map(() => 1)) };
  },
  jacobian: (c) => {
    const [g, f] = [m.compose(m.sigma, m.rho(c.W1)), m.compose(m.sigma, m.rho(c.W2))];
    const product = m.matmul(m.jacobian(f, m.apply(g, c.x)), m.jacobian(g, c.x));
    return { whole: m.jacobian(m.compose(f, g), c.x), product };
  },
  chain: (c) => ({
    patterns: c.widths.slice(1).map((rows, i) => m.pattern(i, rows, c.widths[i])),
    counts: [m.multiplyAdds(c.widths, false), m.multiplyAdds(c.widths, true)],
  }),
  samples: (c) => {
    const data = [m.squaredError, m.compose(m.eta(c.p), m.sigma, m.rho(c.W)), m.samples(c.X, c.T)];
    return { ...m.sumOverSamples(...data), alone: m.lossOverSamples(...data) };
  },
  fixed: (c) => {
    const [pooling, held] = [m.eta(c.p), m.fixed(m.eta(c.p))];
    return { same: m.apply(held, c.y) === m.apply(pooling, c.y), gradients: held.forward(c.y)[2](1) };
  },
};
const cases = JSON.parse(readFileSync(0, "utf8"), decode);
process.stdout.write(JSON.stringify(cases.map((c) => answers[c.kind](c)), encode));
"""


def encode(value):
    if isinstance(value, np.ndarray):
        return encode(value.tolist())
    if isinstance(value, list):
        return [encode(v) for v in value]
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    return str(value).replace("inf", "Infinity") if isinstance(value, float) and np.isinf(value) else value


def in_node(node, cases):
    script = [node, "--input-type=module", "-e", RUNNER, MATH_JS.as_uri()]
    done = subprocess.run(script, input=json.dumps(encode(cases)), capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def close(actual, expected, what, rtol=1e-12, beside=0.0):
    # Two sums of the same terms may differ by rounding where they cancel: measured against the largest entry.
    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    finite = np.abs(expected[np.isfinite(expected)])
    # What is negligible beside something may have lost its digits.
    atol = 1e-15 * max(finite.max(initial=0.0), beside) + 1e-300
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=str(what))


def random_vector(rng, size):
    """Normal numbers over many orders of magnitude, with zeros and equal entries in it."""
    y = rng.normal(size=size) * 10.0 ** rng.integers(-3, 4, size=size)
    y[rng.random(size) < 0.15] = 0
    if size > 1 and rng.random() < 0.2:
        y[1] = -y[0]
    return y


def network_cases(rng, count):
    for i in range(count):
        m, h, n = rng.integers(1, 6, size=3)
        x = random_vector(rng, m).clip(-20, 20)
        p = ORDERS[i % len(ORDERS)] if i % 3 else float(np.exp(rng.uniform(np.log(0.2), np.log(1000))))
        if i % 2:
            yield {"kind": "network", "chain": "lp_network", "W": rng.normal(size=(h, m)), "p": p, "x": x, "t": 0.7}
        else:
            weights = {"W1": rng.normal(size=(h, m)), "W2": rng.normal(size=(n, h))}
            yield {"kind": "network", "chain": "two_layer", **weights, "x": x, "t": rng.random(n)}


def loss_of(case):
    if case["chain"] == "two_layer":
        return squared_error[case["t"]] @ two_layer(case["W1"], case["W2"])
    return squared_error[case["t"]] @ lp_network(case["W"], case["p"])


def few_or(many: int, few: int):
    """Few cases every day, as many as ever in the soak."""
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.soak)])


@few_or(3000, few=300)
def test_backprop_of_random_networks(node, count):
    cases = list(network_cases(np.random.default_rng(1), count))
    for case, answer in zip(cases, in_node(node, cases), strict=True):
        bp = backprop(loss_of(case), case["x"])
        close(answer["loss"], bp.loss, case)
        for name in ("hidden", "deltas", "gradients"):
            for a, e in zip(answer[name], getattr(bp, name), strict=True):
                close(a, e, (name, case))


@few_or(6, few=1)
def test_pooling_at_every_order_and_scale(node, count):
    rng = np.random.default_rng(2)
    cases = [
        {"kind": "eta", "p": p, "y": random_vector(rng, size) * scale}
        for p in [*ORDERS, *np.exp(rng.uniform(np.log(0.2), np.log(1000), size=40)), 1500.0, 1e4]
        for size in (1, 2, 5, 20)
        for scale in (1.0, 1e-290, 1e290)
        for _ in range(count)
    ]
    cases += [{"kind": "eta", "p": p, "y": np.zeros(3)} for p in ORDERS]
    cases += [{"kind": "eta", "p": p, "y": np.array([-np.inf, 1.0, np.inf])} for p in ORDERS]
    for case, answer in zip(cases, in_node(node, cases), strict=True):
        z, pull = eta[case["p"]].vjp(case["y"])
        close(answer["z"], z, case)
        close(answer["gradient"], pull.x(1.0), case)
        slope = pull.theta(1.0)[0]
        beside = z / case["p"] ** 2 if np.isfinite(z) else 0.0
        close(answer["slope"], slope, case, beside=beside)
        if np.isinf(z):
            continue
        parts = case["y"] / z * pull.x(1.0) if z else np.ones(len(case["y"]))
        w = parts / parts.sum()
        close(answer["w"], w, case)
        close(answer["entropy"], entropy(w), case)
        # t = (p − 1)/(p + 1) has dp/dt = (1 + p)²/2; at p = ∞ only the limit of the product.
        in_t = -z / 2 * entropy(w) if np.isinf(case["p"]) else slope * (1 + case["p"]) ** 2 / 2
        close(answer["inT"], in_t, case, beside=z / 2)


def map_cases(rng):
    """Windows that overlap, that leave gaps and that stop before the edge; zeros, ties, and numbers of any size."""
    for p in [*ORDERS, *np.exp(rng.uniform(np.log(0.2), np.log(1000), size=20))]:
        for _ in range(30):
            size, stride = (int(v) for v in rng.integers(1, 4, size=2))
            Y = random_vector(rng, rng.integers(size, 9) * 7)[: 7 * 8].reshape(-1, 7)
            if rng.random() < 0.5:
                Y = np.round(rng.normal(size=Y.shape))  # full of zeros and of ties
            Y[: size + 1, :size] *= rng.random() < 0.5
            Y *= rng.choice([1.0, 1.0, 1.0, 1e-290, 1e290])
            yield {"kind": "map", "Y": Y, "p": float(p), "size": size, "stride": stride}


def test_pooling_over_windows(node):
    rng = np.random.default_rng(7)
    cases = list(map_cases(rng))
    for case in cases:
        shape = (lp_pool2d[case["p"], case["size"], case["stride"]] @ case["Y"]).shape
        case["delta"] = rng.normal(size=shape)
    for case, answer in zip(cases, in_node(node, cases), strict=True):
        z, pull = lp_pool2d[case["p"], case["size"], case["stride"]].vjp(case["Y"])
        close(answer["Z"], z, case)
        # Where windows overlap errors can cancel: measured against the sum of their sizes.
        sizes = np.abs(pull.x(np.abs(case["delta"])))
        difference = np.abs(np.asarray(answer["errors"], dtype=float) - pull.x(case["delta"]))
        assert np.all(difference <= 1e-12 * sizes + 1e-15 * np.abs(case["delta"]).max()), case
        starts = [range(0, n - case["size"] + 1, case["stride"]) for n in case["Y"].shape]
        assert answer["starts"] == [list(firsts) for firsts in starts]


def test_a_window_of_zeros_and_a_tie_at_infinity(node):
    Y = np.array([[0.0, 0.0, 2.0, -2.0], [0.0, 0.0, 1.0, 0.0]])
    delta = np.array([[5.0, 3.0]])
    cases = [{"kind": "map", "Y": Y, "delta": delta, "p": p, "size": 2, "stride": 2} for p in ORDERS]
    for answer in in_node(node, cases):
        assert answer["Z"][0][0] == 0
        assert [row[:2] for row in answer["errors"]] == [[0, 0], [0, 0]]
    assert [row[2:] for row in answer["errors"]] == [[1.5, -1.5], [0, 0]]


def test_sigmoid(node):
    x = np.concatenate([np.linspace(-40, 40, 801), [-1000.0, 1000.0]])
    (answer,) = in_node(node, [{"kind": "sigma", "x": x}])
    y, pull = sigma.vjp(x)
    close(answer["y"], y, "σ")
    close(answer["gradient"], pull.x(np.ones_like(x)), "y(1 − y)")


def test_jacobians_and_their_product(node):
    rng = np.random.default_rng(3)
    cases = [
        {"kind": "jacobian", "W1": rng.normal(size=(h, m)), "W2": rng.normal(size=(n, h)), "x": rng.normal(size=m)}
        for m, h, n in rng.integers(1, 6, size=(300, 3))
    ]
    for case, answer in zip(cases, in_node(node, cases), strict=True):
        g, f = sigma @ rho[case["W1"]], sigma @ rho[case["W2"]]
        close(answer["whole"], (f @ g).jacobian(case["x"]), case)
        close(answer["product"], f.jacobian(g(case["x"])) @ g.jacobian(case["x"]), case)


@few_or(200, few=20)
def test_central_differences_agree_with_check_gradient(node, count):
    cases = [c | {"differences": True} for c in network_cases(np.random.default_rng(4), count)]
    cases = [c for c in cases if not np.isinf(c.get("p", 1.0))]
    for case, answer in zip(cases, in_node(node, cases), strict=True):
        loss = loss_of(case)
        check = check_gradient(loss, case["x"])
        for k, (comparison, difference) in enumerate(zip(check.comparisons[1:], answer["differences"], strict=True)):
            expected = comparison.difference
            if comparison.verdict != "agrees":  # as at a saturated sigmoid below p = 1, where no layer's are known
                theta = loss.parameters

                def moved(new, k=k, loss=loss, theta=theta, case=case):
                    return loss.with_parameters([*theta[:k], new, *theta[k + 1 :]])(case["x"])

                expected = differences(moved, theta[k], h=np.cbrt(np.finfo(float).eps)).reshape(theta[k].shape)
            # Differences carry the rounding of L, amplified by 1/h.
            bound = 1e-7 * max(1.0, float(np.max(np.abs(expected))))
            np.testing.assert_allclose(difference, expected, rtol=1e-6, atol=bound, err_msg=str(case))


def test_the_weights_and_counts_of_chain_rule(node):
    rng = np.random.default_rng(5)
    cases = [{"kind": "chain", "widths": rng.integers(1, 13, size=rng.integers(3, 6))} for _ in range(100)]
    for case, answer in zip(cases, in_node(node, cases), strict=True):
        w = chain_rule(case["widths"])
        for theta, pattern in zip(w.network().parameters, answer["patterns"]):
            np.testing.assert_array_equal(pattern, theta)
        assert [sum(counts) for counts in answer["counts"]] == [w.left, w.right]


def test_sums_over_samples(node):
    rng = np.random.default_rng(6)
    cases = [
        {"kind": "samples", "W": rng.normal(size=(n, m)), "X": rng.normal(size=(m, k)), "T": rng.random(k), "p": p}
        for n, m, k in rng.integers(1, 5, size=(40, 3))
        for p in (0.2, 1.0, 2.5, 30.0, np.inf)
    ]
    for case, answer in zip(cases, in_node(node, cases), strict=True):
        bp = backprop(squared_error[case["T"]] @ lp_network(case["W"], case["p"]), case["X"])
        close([answer["loss"], answer["alone"]], [bp.loss] * 2, case)
        for a, e in zip(answer["gradients"], bp.gradients, strict=True):
            close(a, e, case)


@few_or(200, few=20)
def test_every_layer_and_cost_in_chains(node, count):
    rng = np.random.default_rng(8)
    cases, figures = [], []
    for code in [explore.EXAMPLE, *explore.MORE] * count:
        w = made(code)
        orders = [name.startswith("p") for name in w.chain["names"]]
        with suppress(ValueError):  # a sigmoid that is sure and wrong: its cross entropy is infinite
            w.x = rng.normal(size=np.shape(w.x), scale=0.5)
            w.parameters = [
                rng.choice([0.2, 1.0, 2.0, np.inf, np.exp(rng.uniform(-1.6, 5))], size=np.shape(theta))
                if order
                else rng.normal(size=np.shape(theta), scale=0.5)  # so that no tanh loses its digits
                for theta, order in zip(w.parameters, orders)
            ]
        try:
            w.results()
        except ValueError:
            continue
        state = {name: base.encode(getattr(w, name)) for name in w._inputs()}
        cases.append({"kind": "explore", "chain": w.chain, "state": state})
        figures.append(w)
    assert len(cases) >= 5 * count
    for w, answer in zip(figures, in_node(node, cases), strict=True):
        close(answer["loss"], w.loss, repr(w))
        for ours, theirs in zip(answer["gradients"], w.gradients, strict=True):
            close(ours, theirs, repr(w))
        for name in ("hidden", "deltas"):
            for ours, theirs in zip(answer[name], getattr(w, name), strict=True):
                column = np.array(theirs)[..., w.sample] if w.chain["batch"] else theirs
                close(ours, np.atleast_1d(column), repr(w))
        # What is framed is a road: from a unit to one that it goes into.
        for road in answer["roads"]:
            for i, link in enumerate(w.chain["links"][:-1]):
                if link["kind"] in ("sigma", "tanh", "relu"):
                    assert road[i] == road[i + 1], repr(w)
                elif link["kind"] == "eta":
                    assert road[i + 1] == (road[i] // link["n"] if link.get("n") else 0), repr(w)


def test_a_fixed_function_has_no_gradients(node):
    (answer,) = in_node(node, [{"kind": "fixed", "p": 3.0, "y": np.array([1.0, -2.0])}])
    assert answer == {"same": True, "gradients": []}


@pytest.mark.parametrize("name", ["document.", "window.", "import "])
def test_is_free_of_dom_and_dependencies(name):
    code = [line for line in MATH_JS.read_text(encoding="utf-8").splitlines() if not line.startswith("//")]
    assert not any(name in line for line in code)
