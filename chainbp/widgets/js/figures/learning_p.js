// Figure 5: the slope of Lp pooling in p. A window of bars, what share each has of the result, and over the p axis the
// entropy H of the shares, z with its tangent, and ∂z/∂p = −(z/p²) H.

import { beyond, clamp, equal, fine, format, label, largest, lean, mark, math, move, nice, path, reading, remembered, s, say, scale, set, show, shows, stretch, worth } from "../kit.js";
import { apply, centralDifference, entropy, eta, shares, slopeInT } from "../math.js";
import { drawBars } from "./bars.js";
import { AXIS_HEIGHT, drawAxis, MIN_P, overAxis } from "./p_axis.js";

/** All that the figure shows of a window at one order. */
function at(y, p) {
  const [z, , pullP] = eta(p).forward(y);
  const w = shares(y, p);
  return { z, w, H: entropy(w), slope: pullP(1)[0] };
}

// Room for every bar to become twice as large, for z down to about p = 0.8, and for the slope down to p = 1.
const limitOf = (y) => nice(2 * largest(y) || 2);
const steepest = (y) => nice(-at(y, 1).slope || limitOf(y));

export const learningP = {
  name: "learning_p",
  title: "The slope in p",
  formula: "∂z/∂p = −(z/p^2) H(w)",
  traits: ["y", "p"],
  accepts: { y: [-1e6, 1e6], p: [MIN_P, Infinity] },
  questions: {
    slope: {
      curve: ({ y }) => ({ points: SKETCHED, low: -steepest(y), high: 0.15 * steepest(y) }),
      tell: ({ y }) => `It is never positive. At the starting values it goes from ${fine(at(y, 1).slope)} at p = 1 to 0, as one entry takes all.`,
    },
  },

  layout(state, width, start) {
    const n = state.y.length;
    const y = largest(state.y) <= limitOf(start.y) ? start.y : state.y;
    const window = Math.max(WINDOW, 30 + 40 * n);
    const beside = width - window - GAP >= 330;
    return { n, width, limit: limitOf(y), mostZ: nice(1.25 * at(y, 1).z || limitOf(y)), mostSlope: steepest(y), window: beside ? window : width, beside };
  },

  range: ({ limit }) => ({ y: [-limit, limit] }),

  build(ui, layout) {
    const { width, window, beside } = layout;
    const narrow = columnOf(layout) < NARROW;
    const bars = (beside ? 260 : 160) - (narrow ? 40 : 0);
    const windowHeight = bars + (narrow ? 122 : 76);
    const [left, top] = beside ? [window + GAP, 0] : [0, windowHeight + 14];
    const end = top + OVER_P + AXIS_HEIGHT;
    const product = beside ? windowHeight + 44 : end + 26;
    const svg = ui.svg(beside ? end : product + 34);
    const over = overAxis(width - left, left, 81);
    const place = { left, right: width, top };
    const parts = [
      drawWindow(ui, svg, layout, bars),
      drawShares(svg, layout.n, place),
      drawEntropy(ui, svg, layout.n, place),
      drawNorm(ui, svg, layout, place, over),
      drawSlope(ui, svg, layout, place, over),
      drawProduct(ui, svg, product, beside),
    ];
    const drop = s("line", { class: "axis dashed" });
    svg.prepend(drop);
    const axis = drawAxis(ui, svg, width - left, top + OVER_P, { left, reach: OVER_P + 38 - ENTROPY });
    const curvesOf = remembered((y) => over.samples.map(({ p, x }) => ({ x, ...at(y, p) })));
    return {
      draw(state) {
        const now = at(state.y, state.p);
        const x = over.at(state.p);
        for (const draw of parts) draw(state, now, x, curvesOf(state.y));
        stretch(drop, x, top + ENTROPY, x, top + OVER_P + 30);
        axis(state);
      },
      describe({ y, p }) {
        const { z, w, H, slope } = at(y, p);
        const list = (values) => values.map((v) => format(v)).join(", ");
        return (
          `y is ${list(y)} and p is ${format(p)}. The shares are ${list(w)}. Their entropy H is ${fine(H)}, and would be ` +
          `${format(Math.log(y.length), 3)} if they were even. z is ${fine(z)}. Its slope in p is minus z over p squared times H, ${fine(slope)}.`
        );
      },
    };
  },
};

const WINDOW = 240;
const GAP = 36;
// From the top of what stands over the p axis. Over each plot is a line for its numbers.
const HEAD = 30;
const STRIP = 22;
const ENTROPY = STRIP + 24 + HEAD;
const ENTROPY_HEIGHT = 48;
const NORM = ENTROPY + ENTROPY_HEIGHT + HEAD + 8;
const NORM_HEIGHT = 92;
const LIFT = 13; // of words over a sign at the plot's edge
const SLOPE = NORM + NORM_HEIGHT + HEAD;
const SLOPE_HEIGHT = 84;
const OVER_P = SLOPE + SLOPE_HEIGHT + 4;
const SKETCHED = 11;

const GUTTER = 26;
// Narrower than this, the numbers of a column stand upright.
const NARROW = 46;
const columnOf = ({ n, window }) => Math.min(84, (window - GUTTER) / n);

/** The window: bars to drag, and under each its value and its share. */
function drawWindow(ui, svg, { n, limit, window }, height) {
  const column = columnOf({ n, window });
  const narrow = column < NARROW;
  const start = GUTTER + (window - GUTTER - column * n) / 2;
  const up = scale([-limit, limit], [height - 12, 12]);
  const place = (x, y) => (narrow ? { transform: `translate(${x + 5} ${y}) rotate(-90)` } : { x, y });
  const number = (x, y) => ({ class: "value small", ...place(x, y), "text-anchor": "middle" });
  svg.append(math(start - 4, height + (narrow ? 104 : 66), "w_i", { class: "muted", "text-anchor": "end" }));
  const bars = drawBars(ui, svg, {
    n,
    left: start,
    column,
    thick: 36,
    names: height + 18,
    number: (x) => number(x, height + (narrow ? 52 : 40)),
    up,
    limit,
    // About a pixel, and a round number.
    step: 10 ** Math.floor(Math.log10(limit / 2)) / 10,
  });
  const shares = bars.xs.map((x) => s("text", number(x, height + (narrow ? 100 : 66))));
  svg.append(...shares);
  return ({ y }, { w }) => {
    bars.draw(y);
    shares.forEach((share, i) => ui.number(share, `share.${i}`, w[i]));
  };
}

/** One whole, divided into the shares. */
function drawShares(svg, n, { left, right, top }) {
  const along = scale([0, 1], [left + 16, right - 16]);
  svg.append(math(left + 16, top + 12, "{the shares }w_i = |y_i|^p/Σ|y_j|^p", { class: "small muted" }));
  const parts = Array.from({ length: n }, (_, i) => {
    const part = s("rect", { class: "share", y: top + STRIP, height: 26 });
    const name = math(0, top + STRIP + 18, `w_${i + 1}`, { class: "value", "text-anchor": "middle" });
    svg.append(part, name);
    return { part, name };
  });
  return (state, { w }) => {
    let before = 0;
    parts.forEach(({ part, name }, i) => {
      const [from, to] = [along(before), along(Math.min(before + w[i], 1))];
      set(part, { x: from.toFixed(2), width: (to - from).toFixed(2) });
      set(name, { x: ((from + to) / 2).toFixed(2) });
      show(name, to - from >= 22);
      before += w[i];
    });
  };
}

/**
 * A plot over the p axis: the curve of a number of at(y, p), a mark where it is now, and over the plot `source = number`.
 * Where the number lies past the end of its scale, `to`, a sign points `past` it. `more` is drawn upon the curve.
 */
function makePlot(ui, svg, { left, right }, { name, kind = "", sort = kind, r = 6, source, lift = 9, print = fine, to, past = "up", more = [] }) {
  const [base, end] = to.ends.map((v) => to(v));
  const top = Math.min(base, end);
  const curve = s("path", { class: `line ${kind}` });
  const lineOf = remembered((curves) => path(curves.map((c) => [c.x, clamp(to(c[name]), -1e4, 1e4)])));
  const dot = shows(name, mark(sort, r));
  const sign = shows(name, beyond(kind, past));
  const { node, number } = reading(source, { class: `${kind} strong`, x: left + 16, y: top - lift });
  svg.append(
    s("line", { class: "axis", x1: left + 16, x2: right - 16, y1: base, y2: base }),
    ui.clipped([left, top - 4, right - left, Math.abs(end - base) + 8], curve, ...more),
    node,
    dot,
    sign,
  );
  return {
    nodes: [curve, dot, sign, node],
    /** Draw it, and tell whether the number is in the plot. */
    draw(now, x, curves) {
      set(curve, { d: lineOf(curves) });
      const inside = Math.abs(to(now[name]) - to.clamped(now[name])) < 0.1;
      show(dot, inside);
      show(sign, !inside);
      move(dot, x, to.clamped(now[name]));
      move(sign, x, end);
      ui.number(number, name, now[name], print(now[name]));
      return inside;
    },
  };
}

/** The entropy of the shares at every p, from 0, where one has all, to ln n, where all have the same. */
function drawEntropy(ui, svg, n, { left, right, top }) {
  const even = Math.log(n);
  const to = scale([0, even || 1], [top + ENTROPY + ENTROPY_HEIGHT, top + ENTROPY]);
  const words = to(even || 1) - 9;
  const sharers = reading("{e}^H", { class: "small muted", x: left + 110, y: words });
  svg.append(s("line", { class: "axis", x1: left + 16, x2: right - 16, y1: to(even), y2: to(even) }), sharers.node);
  if (n > 1) svg.append(math(right - 16, words, `{even: ln }{${n}}{ = ${format(even)}}`, { class: "small muted", "text-anchor": "end" }));
  const plot = makePlot(ui, svg, { left, right }, { name: "H", sort: "knob", source: "H", print: (v) => format(v, 3), to });
  return (state, now, x, curves) => {
    plot.draw(now, x, curves);
    ui.number(sharers.number, "sharers", Math.exp(now.H));
  };
}

/** z at every p, with the largest entry, to which it falls, and the tangent at the present p. */
function drawNorm(ui, svg, { mostZ }, { left, right, top }, over) {
  const to = scale([0, mostZ], [top + NORM + NORM_HEIGHT, top + NORM]);
  const tangent = s("line", { class: "line gradient strong" });
  const least = s("line", { class: "axis dashed" });
  ui.ask.hide("slope", tangent);
  svg.append(least, label(right - 16, top + NORM - LIFT, "dotted: max |y|", { class: "small muted", "text-anchor": "end" }));
  const plot = makePlot(ui, svg, { left, right }, { name: "z", kind: "value", source: "z", lift: LIFT, to, more: [tangent] });
  return ({ y, p }, now, x, curves) => {
    const end = to.clamped(largest(y));
    stretch(least, left + 16, end, right - 16, end);
    lean(tangent, [x, to(now.z)], [over.unit, (to(1) - to(0)) * slopeInT(y, p)], 52);
    show(tangent, plot.draw(now, x, curves));
  };
}

/** ∂z/∂p at every p, its value at the present one, and the same by a central difference. */
function drawSlope(ui, svg, { mostSlope }, { left, right, top }, over) {
  const zero = top + SLOPE;
  const to = scale([0, -mostSlope], [zero, zero + SLOPE_HEIGHT]);
  const stem = s("line", { class: "stem gradient" });
  const difference = s("tspan");
  const measured = s("text", { class: "small muted", x: right - 16, y: zero - 9, "text-anchor": "end" }, "measured ", difference);
  svg.append(label(left + 4, zero + 5, "0", { class: "small muted", "text-anchor": "middle" }), measured);
  const plot = makePlot(ui, svg, { left, right }, { name: "slope", kind: "gradient", r: 5, source: "∂z/∂p", to, past: "down", more: [stem] });
  ui.ask.hide("slope", stem, measured, ...plot.nodes);
  const knots = Array.from({ length: SKETCHED }, (_, k) => (10 + k) / (SKETCHED - 1) / 2);
  const orders = knots.map((part) => (part === 1 ? Infinity : part / (1 - part)));
  ui.ask.sketch("slope", svg, { xs: orders.map(over.at), up: to, at: (k) => `p = ${format(orders[k])}`, print: fine });
  return ({ y, p }, now, x, curves) => {
    plot.draw(now, x, curves);
    stretch(stem, x, zero, x, to.clamped(now.slope));
    // At p = ∞ there is nothing to move p to.
    const movable = Number.isFinite(p);
    show(measured, movable);
    if (movable) {
      const byP = centralDifference((order) => apply(eta(order), y), p);
      ui.number(difference, "difference.slope", byP, fine(byP, 4));
    } else delete difference.dataset.value;
  };
}

/** −(z/p²) H with its three numbers. */
function drawProduct(ui, svg, y, beside) {
  const x = beside ? 26 : 16;
  const factors = s("tspan");
  const result = label(x, y + (beside ? 54 : 26), "", { class: "gradient strong" });
  const formula = math(x, y, "−(z/p^2) · H{ }");
  const numbers = beside ? label(x, y + 27, "") : formula;
  numbers.append(factors);
  svg.append(formula, ...(beside ? [numbers] : []), result);
  ui.ask.hide("slope", formula, numbers, result);
  return ({ p }, { z, H, slope }) => {
    say(factors, `= −(${fine(z)}/${format(p)}²) · ${fine(H)}`);
    const quotient = -worth(fine(z)) / worth(format(p)) ** 2;
    say(result, `${equal(`${quotient} · ${fine(H)}`, fine(slope), fine).trim()} ${fine(slope)}`);
  };
}
