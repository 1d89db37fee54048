// The chain that an explore figure shows, without its drawing: its functions, its numbers one by one, and what each box does
// with them. `chain` is what chainbp/widgets/explore.py says of it.

import { apply, backprop, centralDifference, compose, crossEntropy, eta, fixed, relu, rho, sigma, sigmoidCrossEntropy, softmax, softmaxCrossEntropy, squaredError, tanh, total } from "../math.js";

const LAYERS = {
  rho: ([W, b]) => rho(W, b),
  eta: ([p], { n }) => eta(p, n),
  sigma: () => sigma,
  tanh: () => tanh,
  relu: () => relu,
  softmax: () => softmax,
  squared_error: (_, { t }) => squaredError(t),
  cross_entropy: (_, { t }) => crossEntropy(t),
  sigmoid_cross_entropy: (_, { t }) => sigmoidCrossEntropy(t),
  softmax_cross_entropy: (_, { t }) => softmaxCrossEntropy(t),
};

/** Whether all of it can be computed here; else Python's results are drawn. */
export const known = ({ links }) => links.every(({ kind }) => kind in LAYERS);

/** The loss of one sample with target t as a function. */
function lossOf({ links }, parameters, t) {
  const rest = [...parameters];
  const functions = links.map(({ kind, count, held, n }) => {
    const f = LAYERS[kind](held ?? rest.splice(0, count), { n, t });
    return held ? fixed(f) : f;
  });
  return compose(...functions.reverse());
}

const isMatrix = (value) => Array.isArray(value?.[0]);
const sampleOf = (value, k) => (isMatrix(value) ? value.map((row) => row[k]) : Array.isArray(value) ? value[k] : value);
const samples = ({ batch }, { x, t }) =>
  batch ? Array.from({ length: batch }, (_, k) => [sampleOf(x, k), sampleOf(t, k)]) : [[x, t]];

/** A value in the sample that is drawn, a list. */
const drawn = ({ batch }, value, sample) => [batch ? sampleOf(value, sample) : value].flat();
export const targetsOf = (chain, { t, sample }) => drawn(chain, t, sample);

/** Where the parameters of box j begin. */
const firstOf = ({ links }, j) => links.slice(0, j).reduce((sum, { count }) => sum + count, 0);

/** The first parameter of box j, learned or held: its matrix, or its order. */
export const parameterOf = (chain, { parameters }, j) => chain.links[j].held?.[0] ?? parameters[firstOf(chain, j)];

/** L over all samples. */
const lossAt = (chain, state) =>
  samples(chain, state).reduce((sum, [x, t]) => sum + apply(lossOf(chain, state.parameters, t), x), 0);

/** Python's results: infinity and NaN travel as strings. Without the kit, so that tests need no browser. */
const decoded = (value) => (Array.isArray(value) ? value.map(decoded) : typeof value === "string" ? Number(value) : value);

/**
 * {loss, gradients} over all samples, {hidden, deltas} of the one that is drawn, each variable a list; and what a central
 * difference gives for the chosen number. `computed` are Python's results, for a chain that only Python knows.
 */
export function evaluate(chain, state, computed) {
  if (!known(chain)) {
    const [loss, gradients, difference] = [computed.loss, computed.gradients, computed.difference].map(decoded);
    const [hidden, deltas] = [computed.hidden, computed.deltas].map((values) => decoded(values).map((v) => drawn(chain, v, state.sample)));
    return { loss, gradients, hidden, deltas, difference: String(computed.chosen) === String(state.chosen) ? difference : null };
  }
  const runs = samples(chain, state).map(([x, t]) => backprop(lossOf(chain, state.parameters, t), x));
  const { hidden, deltas } = runs[chain.batch ? state.sample : 0];
  const lists = (values) => values.map((v) => [v].flat());
  const value = entry(state, state.chosen);
  const lossWith = (v) => lossAt(chain, { ...state, ...withEntry(state, state.chosen, v) });
  const difference = Number.isFinite(value) ? centralDifference(lossWith, value) : null;
  return { ...total(runs), hidden: lists(hidden), deltas: lists(deltas), difference };
}

// ---- Numbers one by one: [k, i] is entry i, row by row, of parameter k; of x where k is −1, of t where it is −2. ----------

/** The place of a number in the sample that is drawn, where another sample's x or t is named. */
export const inSample = ({ batch }, [k, i], sample) => (k < 0 && batch ? [k, i - (i % batch) + sample] : [k, i]);

const holder = (state, k) => (k === -1 ? state.x : k === -2 ? state.t : state.parameters[k]);

export const entry = (state, [k, i]) => [holder(state, k)].flat(2)[i];

/** The change {trait: value} that puts v in an entry's place. */
export function withEntry(state, [k, i], v) {
  let place = 0;
  const put = (part) => (Array.isArray(part) ? part.map(put) : place++ === i ? v : part);
  const changed = put(holder(state, k));
  return k === -1 ? { x: changed } : k === -2 ? { t: changed } : { parameters: state.parameters.with(k, changed) };
}

const superscript = (name) => name.replace(/⁽(.+)⁾/u, (_, digits) => `^{(${[...digits].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(d)).join("")})}`);
/** A text with its digits lowered: W₁₂. */
export const lowered = (text) => text.replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d]);
const index = (...places) => places.map((v) => v + 1).join(places.some((v) => v > 8) ? "," : "");

/** Of each parameter, which link has it, and of which kind are its numbers. */
export const owners = ({ links }) =>
  links.flatMap(({ kind, count }, link) =>
    Array.from({ length: count }, (_, c) => ({ link, kind: { rho: c ? "bias" : "weight", eta: "order" }[kind] ?? "own" })),
  );

/**
 * All numbers that can be chosen: {at: [k, i], symbol, text, kind, link, row, column}. kind is weight, bias, order, own,
 * x or t; a weight leads from unit `column` of the link's input to unit `row` of its output, others sit at unit `row`.
 */
export function entries(chain, state) {
  const found = [];
  const put = (at, name, places, rest) => {
    const indices = index(...places);
    found.push({ at, symbol: `${superscript(name)}${indices && `_{${indices}}`}`, text: name + lowered(indices), ...rest });
  };
  owners(chain).forEach((owner, k) => {
    const value = state.parameters[k];
    const columns = isMatrix(value) ? value[0].length : 1;
    [value].flat(2).forEach((_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const places = isMatrix(value) ? [row, column] : Array.isArray(value) ? [row] : [];
      put([k, i], chain.names[k], places, { ...owner, row, column });
    });
  });
  const column = (k, kind, link) =>
    drawn(chain, state[kind], state.sample).forEach((_, row, all) => {
      const i = chain.batch ? row * chain.batch + state.sample : row;
      put([k, i], kind, all.length > 1 ? [row] : [], { kind, link, row });
    });
  column(-1, "x", 0);
  // Targets of a softmax must sum to 1: none can move alone.
  if (chain.target && chain.links.at(-1).kind !== "softmax_cross_entropy") column(-2, "t", chain.links.length - 1);
  return found;
}

// ---- What stands above and below a box ------------------------------------------------------------------------------------

const WORDS = { rho: "weights", sigma: "sigmoid", eta: "pooling" };

/** The box's symbol, a formula; and its word, where that is another. Where room is short, a bias is not named. */
export function box(chain, j, short = false) {
  const { links, names, sizes } = chain;
  const { kind, name, held, count } = links[j];
  const first = firstOf(chain, j);
  const inside = held ? "W" : names.slice(first, first + (short ? 1 : count)).map(superscript).join(", ");
  const z = j === links.length - 1 && sizes.at(-1) === 1 ? "(t − z)^2" : "‖t − z‖^2";
  const symbols = { rho: `ρ⟦${inside}⟧`, eta: "η_p", sigma: "σ", squared_error: z };
  const symbol = symbols[kind] ?? (kind.endsWith("cross_entropy") ? "H(t, ·)" : `{${name}}`);
  return { symbol, word: j === links.length - 1 ? "cost" : (WORDS[kind] ?? "") };
}

// The paper's numbers of what its two networks do on the way back, from the data's box to the cost's: errors (that of x is not
// in it), gradients.
const NUMBERS = {
  "rho sigma eta squared_error": [[, 40, 39, 38], [41]],
  "rho sigma rho sigma squared_error": [[, 26, 25, 24, 23], [31, , 30]],
};

/** " (26)", the number of the equation that is box j's error, or its weights' gradient; "" where the note has none. */
export function equation({ links, numbered }, j, ofWeight = false) {
  const own = numbered && NUMBERS[links.map(({ kind }) => kind).join(" ")]?.[Number(ofWeight)][j];
  return own ? ` (${own})` : "";
}

// ---- The arithmetic, as parts of a line: a formula, [kind of quantity, formula] or [kind, number, "" or "+"] -------------

const ELEMENTWISE = ["sigma", "tanh", "relu"];

/** The one unit that unit u goes into by a box; null where it goes into all. */
export const into = ({ kind, n }, u) => (ELEMENTWISE.includes(kind) ? u : kind === "eta" ? Math.floor(u / (n ?? Infinity)) : null);

/**
 * Which unit of each variable the arithmetic is about: those that the chosen number meets; of others the largest error, from
 * the cost back, of those that went into the unit behind.
 */
export function units({ links }, deltas, { kind, link, row, column }) {
  const met = Array(links.length).fill(null);
  if (kind === "x" || kind === "t") met[kind === "x" ? 0 : met.length - 1] = row;
  else [met[link], met[link + 1]] = [kind === "weight" ? column : null, kind === "order" ? null : row];
  for (let i = 1; i < links.length; i++) if (met[i - 1] !== null) met[i] ??= into(links[i - 1], met[i - 1]);
  met[links.length] = 0; // L
  for (let i = links.length - 1; i >= 0; i--) {
    if ((met[i] ?? Infinity) < deltas[i].length) continue;
    const road = [...deltas[i].keys()].filter((u) => (into(links[i], u) ?? met[i + 1]) === met[i + 1]);
    met[i] = road.reduce((best, u) => (Math.abs(deltas[i][u]) > Math.abs(deltas[i][best]) ? u : best));
  }
  return met.slice(0, -1);
}

/** A factor of a product: a negative one stands in parentheses. */
const factor = (kind, v) => (v < 0 ? ["(", [kind, v], ")"] : [[kind, v]]);

/** How variable i's unit u is written. */
const named = ({ variables, sizes }, i, u) => variables[i] + (sizes[i] > 1 ? `_{${u + 1}}` : "");
const delta = ({ variables, sizes }, i, u) => ["error", `δ_{${variables[i]}${sizes[i] > 1 ? `,${u + 1}` : ""}}`];

/** The error of unit u of variable j, from those behind box j. */
export function errorOf(chain, state, { hidden, deltas }, j, u) {
  const { kind } = chain.links[j];
  const [v, d] = [hidden[j][u], deltas[j][u]];
  const t = chain.target && targetsOf(chain, state)[u];
  const out = hidden[j + 1];
  const only = into(chain.links[j], u);
  const o = only ?? 0;
  const back = deltas[j + 1]?.[o];
  const behind = chain.variables[j + 1] ?? "L";
  const name = ["value", named(chain, j, u)];
  const outName = out && ["value", named(chain, j + 1, o)];
  const target = ["value", chain.sizes[j] > 1 ? `t_{${u + 1}}` : "t"];
  const slopes = {
    sigma: () => [" · ", outName, "(1 − ", outName, ")", " = ", ["error", back], " · ", ["value", out[u]], " · (1 − ", ["value", out[u]], ")"],
    tanh: () => [" · (1 − ", outName, "^2)", " = ", ["error", back], " · (1 − ", ...factor("value", out[u]), " · ", ...factor("value", out[u]), ")"],
    relu: () => [v > 0 ? " · 1" : " · 0"],
    eta: () => [" · ", ["gradient", `∂${outName[1]}/∂${name[1]}`], " = ", ["error", back], " · ", ...factor("gradient", back ? d / back : 0)],
    squared_error: () => ["−2(", target, " − ", name, ")", " = ", "−2 · (", ["value", t], " − ", ...factor("value", v), ")"],
    cross_entropy: () => ["(", name, " − ", target, ") / ", name, "(1 − ", name, ")"],
    sigmoid_cross_entropy: () => ["σ(", name, ") − ", target, " = ", ["value", d + t], " − ", ...factor("value", t)],
    softmax_cross_entropy: () => ["{softmax}(", name, ") − ", target, " = ", ["value", d + t], " − ", ...factor("value", t)],
    rho: () => sumOf(chain, state, deltas[j + 1], j, u),
    softmax: () => [name, " ⊗ (δ − Σ δ ", outName, ")"],
  };
  const first = only === null ? [] : [delta(chain, j + 1, o)];
  const rule = slopes[kind]?.() ?? [["error", `δ_{${behind}}`], ` ∂${behind}/∂${chain.variables[j]}`];
  return [delta(chain, j, u), " = ", ...first, ...rule, " = ", ["error", d, "+"]];
}

const MOST_TERMS = 2;

/** Σ_n W_nu δ_n, of one unit without the sum; and where they are few, its terms. */
function sumOf(chain, state, deltas, j, u) {
  const W = parameterOf(chain, state, j);
  const name = chain.links[j].held ? "W" : superscript(chain.names[firstOf(chain, j)]);
  const one = deltas.length === 1;
  const rule = [
    one ? "" : "Σ_n ",
    ["weight", `${name}_{${one ? 1 : "n"}${u > 8 ? "," : ""}${u + 1}}`],
    " ",
    one ? delta(chain, j + 1, 0) : ["error", `δ_{${chain.variables[j + 1]},n}`],
  ];
  const terms = deltas.flatMap((d, n) => [n ? " + " : " = ", ...(n ? factor("weight", W[n][u]) : [["weight", W[n][u]]]), " · ", ...factor("error", d)]);
  return deltas.length > MOST_TERMS ? rule : [...rule, ...terms];
}

/** ∂L by a number, but a target. */
export const slopeOf = ({ gradients, deltas }, { at, row }) => (at[0] < 0 ? deltas[0][row] : entry({ parameters: gradients }, at));

/** The gradient of a number, and where `measured` is given, what a central difference says. */
export function gradientOf(chain, view, found, measured) {
  const { hidden, deltas } = view;
  const { kind, link, row, column, symbol } = found;
  const factors = {
    weight: () => [" = ", delta(chain, link + 1, row), " · ", ["value", named(chain, link, column)], " = ", ["error", deltas[link + 1][row]], " · ", ...factor("value", hidden[link][column])],
    bias: () => [" = ", delta(chain, link + 1, row)],
    order: () => (chain.sizes[link + 1] > 1 ? [] : [" = ", delta(chain, link + 1, 0), " · ", ["gradient", `∂${chain.variables[link + 1]}/∂p`]]),
  };
  const product = chain.batch ? [`{ over ${chain.batch} sample${chain.batch > 1 ? "s" : ""}}`] : (factors[kind]?.() ?? []);
  const check = measured === null || measured === undefined ? [] : [["muted", "{ measured }"], ["muted", measured, "+"]];
  return [["gradient", `∂L/∂${symbol}`], ...product, " = ", ["gradient", slopeOf(view, found), "+"], ...check];
}
