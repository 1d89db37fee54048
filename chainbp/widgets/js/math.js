// The only mathematics of the figures: the package's functions again, in the browser's language. No dependency, no DOM.
// tests/widgets/test_math_js.py holds every export to chainbp.
//
// A function is {forward}; forward(x) gives [y, pullX, pullTheta]: pullX(delta) is chain rule (9),
// pullTheta(delta) an array with one gradient for each parameter, chain rule (10). A vector is an array of numbers, a
// matrix an array of rows. Shapes are the caller's business: Python has checked them before they come here.

const none = () => [];

/** x and y are vectors, or numbers after a pooling. */
const elementwise = (value, slope) => ({
  forward: (x) => {
    if (!Array.isArray(x)) return [value(x), (delta) => delta * slope(value(x), x), none];
    const y = x.map(value);
    return [y, (delta) => delta.map((d, i) => d * slope(y[i], x[i])), none];
  },
});

/** y = σ(x) = 1/(1 + e^-x), (1); its derivative is y (1 − y), (27). */
export const sigma = elementwise((x) => 1 / (1 + Math.exp(-x)), (y) => y * (1 - y));

/** y = tanh(x); its derivative is 1 − y². */
export const tanh = elementwise(Math.tanh, (y) => 1 - y * y);

/** y = max(x, 0); at 0 its derivative is 0. */
export const relu = elementwise((x) => Math.max(x, 0), (_, x) => Number(x > 0));

/** y_i = e^(x_i) / Σ e^(x_j); back y ⊗ (δ − Σ δ_j y_j), taken relative to the largest y's error, as chainbp's softmax. */
export const softmax = {
  forward: (x) => {
    const { y } = probabilities(x);
    const back = (delta) => {
      const apart = delta.map((d) => d - delta[y.indexOf(Math.max(...y))]);
      const mean = dot(apart, y);
      return apart.map((d, i) => y[i] * (d - mean));
    };
    return [y, back, none];
  },
};

/** Softmax of logits, and its logarithms. */
function probabilities(x) {
  const top = x.indexOf(Math.max(...x));
  const below = x.map((v) => v - x[top]);
  const powers = below.map(Math.exp);
  const others = sumOf(powers.with(top, 0));
  return { y: powers.map((v) => v / (1 + others)), logs: below.map((v) => v - Math.log1p(others)) };
}

/** ρ⟦W⟧(x) = W x, (7); back Wᵀ δ, (28), and δ xᵀ, (30). ρ⟦W, b⟧ adds the bias b, whose gradient is δ. */
export const rho = (W, b) => ({
  forward: (x) => [
    W.map((row, n) => dot(row, x) + (b ? b[n] : 0)),
    (delta) => W[0].map((_, m) => W.reduce((sum, row, n) => sum + delta[n] * row[m], 0)),
    (delta) => [delta.map((d) => x.map((v) => d * v)), ...(b ? [delta] : [])],
  ],
});

/**
 * Lp pooling z = (Σ|y_i|^p)^(1/p), (32), for 0 < p ≤ Infinity; z is one number. Edge cases as in chainbp's eta. With n it
 * pools groups of n neighbors, and p may be a vector with one order for each.
 */
export const eta = (p, n) => ({
  forward: (y) => {
    if (!n) {
      const { z, gradient, slopeInP } = pool(y, p);
      return [z, (delta) => gradient().map((g) => delta * g), (delta) => [delta * slopeInP()]];
    }
    const groups = Array.from({ length: y.length / n }, (_, g) => pool(y.slice(g * n, (g + 1) * n), p[g] ?? p));
    const pullX = (delta) => groups.flatMap(({ gradient }, g) => gradient().map((v) => v * delta[g]));
    const slopes = (delta) => groups.map(({ slopeInP }, g) => delta[g] * slopeInP());
    return [groups.map(({ z }) => z), pullX, (delta) => [Array.isArray(p) ? slopes(delta) : sumOf(slopes(delta))]];
  },
});

/** The share of each entry in z: w_i = |y_i|^p / Σ|y|^p. Zeros share nothing evenly, ties at p = ∞ everything. */
export const shares = (y, p) => pool(y, p).w;

/** How z leans where the axis shows t = (p − 1)/(p + 1): ∂z/∂t = ∂z/∂p (1 + p)²/2, at p = ∞ the limit. */
export function slopeInT(y, p) {
  const { z, w, slopeInP } = pool(y, p);
  return p === Infinity ? -(z / 2) * entropy(w) : (slopeInP() * (1 + p) ** 2) / 2;
}

/** Where windows of `size` begin along an axis, `stride` apart: those that would reach over the end are left out. */
export const windowStarts = (length, size, stride) =>
  Array.from({ length: Math.max(Math.floor((length - size) / stride) + 1, 0) }, (_, k) => k * stride);

/** Lp pooling (32) over square windows of a matrix, as chainbp's lp_pool2d, p being held; back, overlaps add. */
export const lpPool2d = (p, size, stride) => ({
  forward: (Y) => {
    const [rows, columns] = [Y.length, Y[0].length].map((length) => windowStarts(length, size, stride));
    const inside = Array.from({ length: size ** 2 }, (_, k) => [Math.floor(k / size), k % size]);
    const pooled = rows.map((top) => columns.map((left) => pool(inside.map(([i, j]) => Y[top + i][left + j]), p)));
    const pullX = (delta) => {
      const errors = Y.map((row) => row.map(() => 0));
      pooled.forEach((row, a) =>
        row.forEach(({ gradient }, b) => {
          if (delta[a][b] === 0) return;
          const slopes = gradient();
          inside.forEach(([i, j], k) => (errors[rows[a] + i][columns[b] + j] += delta[a][b] * slopes[k]));
        }),
      );
      return errors;
    };
    return [pooled.map((row) => row.map(({ z }) => z)), pullX, none];
  },
});

function pool(y, p) {
  const a = y.map(Math.abs);
  const largest = Math.max(...a);
  const ordinary = largest > 0 && largest < Infinity;
  // A power of two divides exactly, and leaves the largest near 1: no power overflows. For very large p it must be 1.
  const unit = ordinary && p <= 1000 ? 2 ** Math.min(Math.floor(Math.log2(largest)), 1023) : largest;
  // Of zeros, and beside an infinite entry, the largest get 1 and the others 0.
  const r = a.map((v) => (ordinary ? v / unit : Number(v === largest)));
  const q = r.map((v) => (v === 0 && p < 1 ? 0 : power(v, p - 1)));
  const powers = q.map((v, i) => v * r[i]);
  const s = sumOf(powers);
  const w = powers.map((v) => v / s);
  const root = s ** (1 / p);
  const z = unit * root;
  return {
    z,
    w,
    gradient: () => q.map((v, i) => Math.sign(y[i]) * v * (root / s)),
    slopeInP: () => (p === Infinity || z === Infinity ? 0 : -(z / p ** 2) * entropy(w)),
  };
}

/** Unlike NumPy's, JavaScript's 1 ** Infinity is NaN. */
const power = (base, exponent) => (base === 1 ? 1 : base ** exponent);

/** Shannon's H(w) = −Σ w_i ln w_i. The largest may lie so near 1 that its logarithm lost its digits; 1 minus the others has not. */
export function entropy(w) {
  const top = w.indexOf(Math.max(...w));
  const others = w.filter((v, i) => i !== top && v > 0);
  const rest = sumOf(others);
  return -others.reduce((sum, v) => sum + v * Math.log(v), 0) - w[top] * (rest < 0.5 ? Math.log1p(-rest) : Math.log(w[top]));
}

/** The same function with its parameters held: it has no gradients. */
export const fixed = ({ forward }) => ({ forward: (x) => forward(x).with(2, none) });

/** By t, a cost that is a sum over units: value(z, t) with its slope in z. Both are vectors, or numbers after a pooling. */
const costOfUnits = (value, slope) => (t) => ({
  forward: (z) => {
    if (!Array.isArray(t)) return [value(z, t), (delta) => delta * slope(z, t), none];
    return [sumOf(z.map((v, i) => value(v, t[i]))), (delta) => z.map((v, i) => delta * slope(v, t[i])), none];
  },
});

/** L = ‖t − z‖², (18); back −2 (t − z), (23). */
export const squaredError = costOfUnits((z, t) => (t - z) ** 2, (z, t) => -2 * (t - z));

/** −Σ t ln z + (1 − t) ln(1 − z) of probabilities z. */
export const crossEntropy = costOfUnits(
  (z, t) => -((t > 0 ? t * Math.log(z) : 0) + (t < 1 ? (1 - t) * Math.log1p(-z) : 0)),
  (z, t) => (z === t ? 0 : (z - t) / (z * (1 - z))),
);

/** The same after a sigmoid, as a function of the logits; back σ(z′) − t. */
export const sigmoidCrossEntropy = costOfUnits(
  (z, t) => {
    const oneMore = Math.log1p(Math.exp(-Math.abs(z)));
    return (t > 0 ? t * (Math.max(-z, 0) + oneMore) : 0) + (t < 1 ? (1 - t) * (Math.max(z, 0) + oneMore) : 0);
  },
  (z, t) => (1 - t) / (1 + Math.exp(-z)) - t / (1 + Math.exp(z)),
);

/** The cross entropy −Σ t ln softmax(z′) of probabilities t that sum to 1; back softmax(z′) − t. */
export const softmaxCrossEntropy = (t) => ({
  forward: (z) => {
    const { y, logs } = probabilities(z);
    // Where t is 1, y − 1 would cancel: it is minus the others.
    const slope = (v, i) => (t[i] === 1 ? -sumOf(y.with(i, 0)) : v - t[i]);
    return [-sumOf(logs.map((v, i) => (t[i] ? t[i] * v : 0))), (delta) => y.map((v, i) => delta * slope(v, i)), none];
  },
});

/** f ∘ g ∘ …, (4): the last acts first. The links stand in data order in .links. */
export function compose(...functions) {
  const links = [...functions].reverse().flatMap((f) => f.links ?? [f]);
  return {
    links,
    forward: (x) => {
      const { values, pulls } = run(links, x);
      return [values.at(-1), (delta) => walk(pulls, delta).deltas[0], (delta) => walk(pulls, delta).gradients];
    },
  };
}

function run(links, x) {
  const values = [x];
  const pulls = [];
  for (const link of links) {
    const [y, pullX, pullTheta] = link.forward(values.at(-1));
    values.push(y);
    pulls.push([pullX, pullTheta]);
  }
  return { values, pulls };
}

/** The way back: deltas in data order from x to the output, gradients in data order. */
function walk(pulls, delta) {
  const deltas = [delta];
  const gradients = [];
  for (const [pullX, pullTheta] of [...pulls].reverse()) {
    gradients.unshift(...pullTheta(deltas[0]));
    deltas.unshift(pullX(deltas[0]));
  }
  return { deltas, gradients };
}

/** f(x). */
export const apply = (f, x) => f.forward(x)[0];

/** (14)–(17) forward and (23)–(26) backward: {loss, hidden, deltas, gradients}, as chainbp's backprop gives them. */
export function backprop(loss, x) {
  const { values, pulls } = run(loss.links ?? [loss], x);
  const { deltas, gradients } = walk(pulls, 1);
  return { loss: values.at(-1), hidden: values.slice(0, -1), deltas: deltas.slice(0, -1), gradients };
}

/** Each sample, a column of X, with its target. */
export const samples = (X, T) => T.map((t, k) => [X.map((row) => row[k]), t]);

/** L = Σ L_k, (18): the loss over such samples; cost(t) is that of one sample whose target is t. */
export const lossOverSamples = (cost, network, data) => sumOf(data.map(([x, t]) => apply(cost(t), apply(network, x))));

/** The same with its gradients: {loss, gradients}. */
export const sumOverSamples = (cost, network, data) => total(data.map(([x, t]) => backprop(compose(cost(t), network), x)));

const add = (a, b) => (Array.isArray(a) ? a.map((v, i) => add(v, b[i])) : a + b);

/** {loss, gradients} over what backprop gave of some samples. */
export const total = (runs) => runs.reduce((sum, run) => ({ loss: sum.loss + run.loss, gradients: add(sum.gradients, run.gradients) }));

/** The N×M matrix of (8), for a function from vector to vector or number. */
export function jacobian(f, x) {
  const [y, pullX] = f.forward(x);
  if (!Array.isArray(y)) return [pullX(1)];
  return y.map((_, n) => pullX(y.map((_, i) => Number(i === n))));
}

/** A B. */
export const matmul = (A, B) => A.map((row) => B[0].map((_, m) => row.reduce((sum, v, k) => sum + v * B[k][m], 0)));

/**
 * The multiply-adds of each product of a chain of Jacobians, in the order in which they are taken. `widths` begin at the
 * data. From the left each product has as many rows as the end, (C5); from the right as many columns as the data, (C6).
 */
export function multiplyAdds(widths, fromRight) {
  const walked = fromRight ? widths : [...widths].reverse();
  return walked.slice(1, -1).map((width, i) => walked[0] * width * walked[i + 2]);
}

/** Weights in [−1, 1] that look like chance and depend on their places only, so that a larger matrix holds the smaller. */
export const pattern = (layer, rows, columns) =>
  Array.from({ length: rows }, (_, n) =>
    Array.from({ length: columns }, (_, m) => {
      const mixed = 7 * (n + 2) ** 3 + 5 * (m + 3) ** 3 + (13 + 8 * layer) * n * m + 29 * layer;
      return (mixed % 101) / 50 - 1;
    }),
  );

/** (f(v + h) − f(v − h)) / 2h. */
export function centralDifference(f, v) {
  const h = Math.cbrt(Number.EPSILON) * (Math.abs(v) || 1);
  const [up, down] = [v + h, v - h];
  return (f(up) - f(down)) / (up - down);
}

const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
const sumOf = (a) => a.reduce((sum, v) => sum + v, 0);
