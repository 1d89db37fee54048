// Figure 1: the two-layer network (13), as a graph of units and as a chain of boxes, and the walk back (23)–(26).

import { format, signed } from "../kit.js";
import { backprop, centralDifferences, compose, rho, sigma, squaredError } from "../math.js";
import { drawMatrix, drawNetwork, drawSteps, explainNumbers, GAP, listed, matrixHeight, matrixWidth, reach, times } from "./network.js";

const UNITS_HEIGHT = 372;
const HIDDEN = ["x", "y′", "y", "z′", "z"];

const lossOf = ({ W1, W2, t }) => compose(squaredError(t), sigma, rho(W2), sigma, rho(W1));

const column = (matrix, m) => matrix.map((row) => row[m]);

// What each step computes, and the numbers of its first entry.
const STEPS = [
  {
    button: "{x → L}",
    formula: "{Forward, (14)–(17): }z = σ(W^{(2)}σ(W^{(1)}x)){, then the cost (18). }",
    numbers: (_, { loss }) => `L = ${format(loss, 3)}`,
  },
  {
    button: "{(23)}",
    formula: "{(23): }δ_z = −2(t − z){. First entry: }",
    numbers: ({ t }, { hidden: [, , , , z], deltas }) => `−2 · (${format(t[0], 3)} − ${format(z[0], 3)}) = ${signed(deltas[4][0], 3)}`,
  },
  {
    button: "{(24)}",
    formula: "{(24): }δ_{z′} = δ_z ⊗ z ⊗ (1 − z){. First entry: }",
    numbers: (_, { hidden: [, , , , z], deltas }) => `${times(deltas[4][0], z[0])} · (1 − ${format(z[0], 3)}) = ${signed(deltas[3][0], 3)}`,
  },
  {
    button: "{(25)}",
    formula: "{(25): }δ_y = W^{(2)T}δ_{z′}{. First entry: }",
    numbers: ({ W2 }, { deltas }) => `${column(W2, 0).map((w, n) => times(w, deltas[3][n])).join(" + ")} = ${signed(deltas[2][0], 3)}`,
  },
  {
    button: "{(26)}",
    formula: "{(26): }δ_{y′} = δ_y ⊗ y ⊗ (1 − y){. First entry: }",
    numbers: (_, { hidden: [, , y], deltas }) => `${times(deltas[2][0], y[0])} · (1 − ${format(y[0], 3)}) = ${signed(deltas[1][0], 3)}`,
  },
  {
    button: "∂L/∂W",
    formula: "{(19)–(20): }∂L/∂W^{(2)} = δ_{z′}y^T{, }∂L/∂W^{(1)} = δ_{y′}x^T{. First entry: }",
    numbers: ({ x }, { deltas, gradients }) => `${times(deltas[1][0], x[0])} = ${signed(gradients[0][0][0], 4)}`,
  },
];
const LAST = STEPS.length - 1;

export const twoLayer = {
  name: "two_layer",
  title: "Two layers",
  formula: "z = σ ∘ ρ⟦W^{(2)}⟧ ∘ σ ∘ ρ⟦W^{(1)}⟧ ∘ x",
  traits: ["W1", "W2", "x", "t", "step"],
  accepts: { W1: [-100, 100], W2: [-100, 100], x: [-100, 100], t: [-10, 10], step: [0, LAST] },

  layout(state, width, start) {
    const { W1, W2, x, t } = state;
    return {
      width,
      sizes: [x.length, W1.length, W2.length],
      weight: reach([...start.W1, ...start.W2], [...W1, ...W2], 3),
      x: reach(start.x, x, 2),
      t: [Math.min(0, ...start.t, ...t), Math.max(1, ...start.t, ...t)],
    };
  },

  range: ({ weight, x, t }) => ({ W1: [-weight, weight], W2: [-weight, weight], x: [-x, x], t, step: [0, LAST] }),

  build(ui, { width, sizes, weight, x, t }) {
    const [M, H, N] = sizes;
    const network = drawNetwork(ui, width, {
      height: UNITS_HEIGHT,
      hidden: HIDDEN,
      sizes: [M, H, H, N, N],
      boxes: ["ρ⟦W^{(1)}⟧", "σ", "ρ⟦W^{(2)}⟧", "σ", "‖t − z‖^2"],
      weights: [{ trait: "W1", limit: weight }, { trait: "W2", limit: weight }],
      x: { limit: x },
      t: { low: t[0], high: t[1] },
    });
    const steps = drawSteps(ui, STEPS);

    explainNumbers(ui);
    const [w1, w2] = [matrixWidth(M, width), matrixWidth(H, width)];
    const row = w1 + w2 + GAP <= width;
    const table = ui.svg(row ? matrixHeight(Math.max(H, N)) : matrixHeight(H) + matrixHeight(N));
    const left = row ? (width - w1 - w2 - GAP) / 2 : 0;
    const matrices = [
      drawMatrix(ui, table, row ? left : (width - w1) / 2, 0, w1, { trait: "W1", symbol: "W^{(1)}", rows: H, columns: M, limit: weight, source: "x", target: "hidden unit" }),
      drawMatrix(ui, table, row ? left + w1 + GAP : (width - w2) / 2, row ? 0 : matrixHeight(H), w2, { trait: "W2", symbol: "W^{(2)}", rows: N, columns: H, limit: weight, source: "hidden unit", target: "output" }),
    ];

    return {
      draw(state) {
        const loss = lossOf(state);
        const bp = backprop(loss, state.x);
        const differences = centralDifferences(loss, state.x);
        const step = Math.round(state.step);
        const done = step === LAST;
        network(state, bp, step);
        steps(step, STEPS[step].numbers(state, bp));
        matrices.forEach((draw, k) => draw(state, bp.gradients[k], differences[k], done));
      },
      describe(state) {
        const { hidden, loss, gradients } = backprop(lossOf(state), state.x);
        return (
          `With x ${listed(state.x, format)} and target ${listed(state.t, format)} the network gives ${listed(hidden[4], format)}; the loss is ${format(loss, 3)}. ` +
          `The gradient of W1 is ${listed(gradients[0], signed)}, that of W2 ${listed(gradients[1], signed)}.`
        );
      },
    };
  },
};
