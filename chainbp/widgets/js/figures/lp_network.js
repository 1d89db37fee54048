// Figure 2: the network with Lp pooling (34), as a graph of units and as a chain of boxes, the walk back (38)–(41), and
// the derivative with respect to p.

import { format, math, mark, move, nice, s, show, signed } from "../kit.js";
import { backprop, centralDifferences, compose, eta, fixed, rho, sigma, squaredError } from "../math.js";
import { drawMatrix, drawNetwork, drawSteps, explainNumbers, listed, matrixHeight, matrixWidth, reach, times } from "./network.js";
import { AXIS_HEIGHT, drawAxis, MIN_P } from "./p_axis.js";

const UNITS_HEIGHT = 306;
const HIDDEN = ["x", "y′", "y", "z"];

const lossOf = ({ W, p, t }, pooling = eta(p)) => compose(squaredError(t), pooling, sigma, rho(W));

const STEPS = [
  {
    button: "{x → L}",
    formula: "{Forward, (35)–(37): }z = η_p(σ(Wx)){, then the cost. }",
    numbers: (_, { loss }) => `L = ${format(loss, 3)}`,
  },
  {
    button: "{(38)}",
    formula: "{(38): }δ_z = −2(t − z) = {}",
    numbers: ({ t }, { hidden: [, , , z], deltas }) => `−2 · (${format(t, 3)} − ${format(z, 3)}) = ${signed(deltas[3], 3)}`,
  },
  {
    button: "{(39)}",
    formula: "{(39): }δ_y = δ_z ∂z/∂y{, with (33). First entry: }",
    numbers: (_, { deltas }, shares) => `${times(deltas[3], shares[0])} = ${signed(deltas[2][0], 3)}`,
  },
  {
    button: "{(40)}",
    formula: "{(40): }δ_{y′} = δ_y ⊗ y ⊗ (1 − y){. First entry: }",
    numbers: (_, { hidden: [, , y], deltas }) => `${times(deltas[2][0], y[0])} · (1 − ${format(y[0], 3)}) = ${signed(deltas[1][0], 3)}`,
  },
  {
    button: "{(41)}",
    formula: "{(41): }∂L/∂W = δ_{y′}x^T{. First entry: }",
    numbers: ({ x }, { deltas, gradients }) => `${times(deltas[1][0], x[0])} = ${signed(gradients[0][0][0], 4)}`,
  },
];
const LAST = STEPS.length - 1;

export const lpNetwork = {
  name: "lp_network",
  title: "A network with Lp pooling",
  formula: "z = η_p ∘ σ ∘ ρ⟦W⟧ ∘ x",
  traits: ["W", "x", "t", "p", "step"],
  accepts: { W: [-100, 100], x: [-100, 100], t: [-100, 100], p: [MIN_P, Infinity], step: [0, LAST] },

  layout(state, width, start) {
    const { W, x, t } = state;
    return {
      width,
      sizes: [x.length, W.length],
      weight: reach(start.W, W, 3),
      x: reach(start.x, x, 2),
      t: [Math.min(0, start.t, t), nice(Math.max(2, start.t, t))],
    };
  },

  range: ({ weight, x, t }) => ({ W: [-weight, weight], x: [-x, x], t, p: [MIN_P, Infinity], step: [0, LAST] }),

  build(ui, { width, sizes, weight, x, t }) {
    const [M, N] = sizes;
    const network = drawNetwork(ui, width, {
      height: UNITS_HEIGHT,
      hidden: HIDDEN,
      sizes: [M, N, N, 1],
      boxes: ["ρ⟦W⟧", "σ", "η_p", "(t − z)^2"],
      weights: [{ trait: "W", limit: weight }, null],
      x: { limit: x },
      t: { low: t[0], high: t[1], scalar: true },
    });
    const steps = drawSteps(ui, STEPS);

    const axis = ui.svg(AXIS_HEIGHT + 34);
    const order = drawAxis(ui, axis, width, 0);
    const slope = drawSlopeInP(ui, axis, width, AXIS_HEIGHT + 16);

    explainNumbers(ui);
    const table = ui.svg(matrixHeight(N));
    const matrix = matrixWidth(M, width);
    const weights = drawMatrix(ui, table, (width - matrix) / 2, 0, matrix, { trait: "W", symbol: "W", rows: N, columns: M, limit: weight, source: "x", target: "unit" });

    return {
      draw(state) {
        const pooling = eta(state.p);
        const loss = lossOf(state, pooling);
        const bp = backprop(loss, state.x);
        // At p = ∞ there is nothing to move p to.
        const movable = Number.isFinite(state.p);
        const [byW, byP] = centralDifferences(movable ? loss : lossOf(state, fixed(pooling)), state.x);
        const shares = pooling.forward(bp.hidden[2])[1](1);
        const step = Math.round(state.step);
        const done = step === LAST;
        network(state, bp, step, shares);
        steps(step, STEPS[step].numbers(state, bp, shares));
        order(state);
        slope(bp.gradients[1], movable ? byP : null, done);
        weights(state, bp.gradients[0], byW, done);
      },
      describe(state) {
        const { hidden, loss, gradients } = backprop(lossOf(state), state.x);
        return (
          `With x ${listed(state.x, format)}, p ${format(state.p)} and target ${format(state.t)} the network gives ${format(hidden[3], 3)}; ` +
          `the loss is ${format(loss, 3)}. The gradient of W is ${listed(gradients[0], signed)}, that of p ${signed(gradients[1], 4)}.`
        );
      },
    };
  },
};

/** ∂L/∂p, and the same by a central difference. */
function drawSlopeInP(ui, svg, width, y) {
  const gradient = s("tspan");
  const difference = s("tspan");
  const text = math(width / 2 - 4, y, "∂L/∂p = ", { class: "gradient", "text-anchor": "end" });
  const number = s("text", { class: "gradient", x: width / 2, y }, gradient);
  const beside = s("text", { class: "muted small", x: width / 2 + 72, y }, "≈ ", difference);
  const diamond = mark("gradient", 4);
  move(diamond, width / 2 - 80, y - 5);
  svg.append(diamond, text, number, beside);
  return (slope, measured, visible) => {
    for (const node of [text, number, diamond]) show(node, visible);
    show(beside, visible && measured !== null);
    ui.number(gradient, "gradient.p", slope, signed(slope, 4));
    if (measured === null) delete difference.dataset.value;
    else ui.number(difference, "difference.p", measured, signed(measured, 4));
  };
}
