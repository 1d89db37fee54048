// Figure 5: the slope of Lp pooling in p. A window of bars, what share each has of the result, and over the p axis the
// entropy H of the shares, z with its tangent, and ∂z/∂p = −(z/p²) H.

import { clamp, fine, format, label, mark, math, move, nice, path, reading, s, say, scale, set, show } from "../kit.js";
import { centralDifferences, entropy, eta, shares, slopeInT } from "../math.js";
import { barSlider } from "./bars.js";
import { AXIS_HEIGHT, drawAxis, MIN_P, overAxis } from "./p_axis.js";

/** All that the figure shows of a window at one order. */
function at(y, p) {
  const [z, , pullP] = eta(p).forward(y);
  const w = shares(y, p);
  return { z, w, H: entropy(w), slope: pullP(1)[0] };
}

const size = (y) => Math.max(...y.map(Math.abs));

export const learningP = {
  name: "learning_p",
  title: "The slope in p",
  formula: "∂z/∂p = −(z/p^2) H(w)",
  traits: ["y", "p"],
  accepts: { y: [-1e6, 1e6], p: [MIN_P, Infinity] },

  layout(state, width, start) {
    const n = state.y.length;
    // Room for every bar to become twice as large, for z down to about p = 0.8, and for the slope down to p = 1.
    const limitOf = (y) => nice(2 * size(y) || 2);
    const limit = size(state.y) <= limitOf(start.y) ? limitOf(start.y) : limitOf(state.y);
    const sum = at(limit === limitOf(start.y) ? start.y : state.y, 1);
    const window = Math.max(WINDOW, 30 + 40 * n);
    const beside = width - window - GAP >= 330;
    return { n, width, limit, mostZ: nice(1.25 * sum.z || limit), mostSlope: nice(-sum.slope || limit), window: beside ? window : width, beside };
  },

  range: ({ limit }) => ({ y: [-limit, limit], p: [MIN_P, Infinity] }),

  build(ui, layout) {
    const { width, window, beside } = layout;
    const bars = beside ? 284 : 190;
    const windowHeight = bars + 64;
    const [left, top] = beside ? [window + GAP, 0] : [0, windowHeight + 14];
    const end = top + OVER_P + AXIS_HEIGHT;
    const product = beside ? windowHeight + 44 : end + 26;
    const svg = ui.svg(beside ? end : product + 34);
    const over = overAxis(width - left, left, 81);
    const place = { left, right: width, top };
    const parts = [
      drawBars(ui, svg, layout, bars),
      drawShares(svg, layout.n, place),
      drawEntropy(ui, svg, layout.n, place),
      drawNorm(ui, svg, layout, place, over),
      drawSlope(ui, svg, layout, place),
      drawProduct(svg, product, beside),
    ];
    const drop = s("line", { class: "axis dashed", y1: top + ENTROPY, y2: top + OVER_P + 30 });
    svg.prepend(drop);
    const axis = drawAxis(ui, svg, width - left, top + OVER_P, { left, reach: OVER_P + 38 - ENTROPY });
    // The curves follow y alone.
    let y;
    let curves;
    return {
      draw(state) {
        const now = at(state.y, state.p);
        if (state.y !== y) {
          y = state.y;
          curves = over.samples.map(({ p, x }) => ({ x, ...at(y, p) }));
        }
        const x = over.at(state.p);
        for (const draw of parts) draw(state, now, x, curves);
        set(drop, { x1: x.toFixed(2), x2: x.toFixed(2) });
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
// From the top of what stands over the p axis.
const STRIP = 26;
const ENTROPY = 86;
const ENTROPY_HEIGHT = 66;
const NORM = ENTROPY + ENTROPY_HEIGHT + 24;
const NORM_HEIGHT = 122;
const SLOPE = NORM + NORM_HEIGHT + 22;
const SLOPE_HEIGHT = 84;
const OVER_P = SLOPE + SLOPE_HEIGHT + 2;

/** The window: bars to drag, and under each its share. */
function drawBars(ui, svg, { n, limit, window }, height) {
  const gutter = 26;
  const column = Math.min(84, (window - gutter) / n);
  const start = gutter + (window - gutter - column * n) / 2;
  const center = (i) => start + column * (i + 0.5);
  const thickness = Math.min(36, column * 0.5);
  const print = column < 48 ? "small" : "";
  const up = scale([-limit, limit], [height - 34, 34]);
  svg.append(
    s("line", { class: "axis", x1: start, x2: start + column * n, y1: up(0), y2: up(0) }),
    math(start - 4, height + 48, "w_i", { class: "muted", "text-anchor": "end" }),
  );
  const bars = Array.from({ length: n }, (_, i) => {
    const x = center(i);
    const bar = s("rect", { class: "bar value", x: x - thickness / 2, width: thickness });
    const value = s("text", { class: `value ${print}`, x, "text-anchor": "middle" });
    const share = s("text", { class: `value ${print}`, x, y: height + 48, "text-anchor": "middle" });
    svg.append(bar, math(x, height + 22, `y_${i + 1}`, { "text-anchor": "middle" }), share);
    return { x, bar, value, share };
  });
  // About a pixel, and a round number.
  const step = 10 ** Math.floor(Math.log10(limit / 2)) / 10;
  bars.forEach(({ x, value }, i) => {
    svg.append(value);
    barSlider(ui, svg, { i, x, up, limit, step });
  });
  return ({ y }, { w }) => {
    bars.forEach(({ bar, value, share }, i) => {
      const [zero, tip] = [up(0), up.clamped(y[i])];
      set(bar, { y: Math.min(zero, tip).toFixed(2), height: Math.abs(tip - zero).toFixed(2) });
      set(value, { y: (tip + (y[i] < 0 ? 31 : -20)).toFixed(2) });
      ui.number(value, `y.${i}`, y[i]);
      ui.number(share, `share.${i}`, w[i]);
    });
  };
}

/** One whole, divided into the shares. */
function drawShares(svg, n, { left, right, top }) {
  const along = scale([0, 1], [left + 16, right - 16]);
  svg.append(math(left + 16, top + 14, "{the shares }w_i = |y_i|^p/Σ|y_j|^p", { class: "small muted" }));
  const parts = Array.from({ length: n }, (_, i) => {
    const part = s("rect", { class: "share", y: top + STRIP, height: 30 });
    const name = math(0, top + STRIP + 20, `w_${i + 1}`, { class: "value bare", "text-anchor": "middle" });
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

/** The entropy of the shares at every p, from 0, where one has all, to ln n, where all have the same. */
function drawEntropy(ui, svg, n, { left, right, top }) {
  const even = Math.log(n);
  const up = scale([0, even || 1], [top + ENTROPY + ENTROPY_HEIGHT, top + ENTROPY]);
  const ends = { class: "axis", x1: left + 16, x2: right - 16 };
  const curve = s("path", { class: "line" });
  const dot = mark("knob", 6);
  const { node, number } = reading("H", { class: "strong", x: left + 16, y: up(0) - 26 });
  const sharers = reading("{e}^H", { class: "small muted", x: left + 16, y: up(0) - 6 });
  const beside = { class: "small muted", "text-anchor": "end" };
  svg.append(
    s("line", { ...ends, y1: up(0), y2: up(0) }),
    s("line", { ...ends, y1: up(even), y2: up(even) }),
    ...(n > 1 ? [math(right - 16, up(even) - 6, `{even: ln }{${n}}{ = ${format(even)}}`, beside)] : []),
    curve,
    node,
    sharers.node,
    dot,
  );
  return (state, { H }, x, curves) => {
    set(curve, { d: path(curves.map((c) => [c.x, up(c.H)])) });
    move(dot, x, up(H));
    ui.number(number, "H", H, fine(H));
    ui.number(sharers.number, "sharers", Math.exp(H));
  };
}

/** z at every p, with the largest entry, to which it falls, and the tangent at the present p. */
function drawNorm(ui, svg, { mostZ }, { left, right, top }, over) {
  const [ceiling, floor] = [top + NORM, top + NORM + NORM_HEIGHT];
  const up = scale([0, mostZ], [floor, ceiling]);
  const clip = ui.unique("norm");
  const curve = s("path", { class: "line value" });
  const tangent = s("line", { class: "line gradient strong" });
  const least = s("line", { class: "axis dashed", x1: left + 16, x2: right - 16 });
  const leastSays = label(right - 16, 0, "max |y|", { class: "small muted", "text-anchor": "end" });
  const dot = mark("value", 6);
  const beyond = label(0, ceiling + 4, "▲", { class: "value", "text-anchor": "middle", "font-size": 11 });
  const { node, number } = reading("z", { class: "value strong", x: left + 16 });
  svg.append(
    s("clipPath", { id: clip }, s("rect", { x: left, y: ceiling - 10, width: right - left, height: NORM_HEIGHT + 20 })),
    s("line", { class: "axis", x1: left + 16, x2: right - 16, y1: floor, y2: floor }),
    least,
    leastSays,
    s("g", { "clip-path": `url(#${clip})` }, curve, tangent),
    node,
    dot,
    beyond,
  );
  return ({ y, p }, { z }, x, curves) => {
    const largest = up.clamped(size(y));
    set(least, { y1: largest.toFixed(2), y2: largest.toFixed(2) });
    set(leastSays, { y: (largest > floor - 20 ? largest - 6 : largest + 16).toFixed(2) });
    set(curve, { d: path(curves.map((c) => [c.x, clamp(up(c.z), -1e4, 1e4)])) });
    const inside = up(z) >= ceiling - 4;
    const [dx, dy] = [over.unit, (up(1) - up(0)) * slopeInT(y, p)];
    const [ux, uy] = [(dx / Math.hypot(dx, dy)) * 52, (dy / Math.hypot(dx, dy)) * 52];
    set(tangent, { x1: (x - ux).toFixed(2), y1: (up(z) - uy).toFixed(2), x2: (x + ux).toFixed(2), y2: (up(z) + uy).toFixed(2) });
    show(tangent, inside);
    show(dot, inside);
    show(beyond, !inside);
    move(dot, x, up.clamped(z));
    set(beyond, { x: x.toFixed(2) });
    // Where neither the curve nor the line of the largest entry passes.
    const leftEnd = up.clamped(curves.at(-1).z);
    const free = largest < ceiling + 44 ? largest + 20 : leftEnd > ceiling + 30 ? leftEnd - 10 : (ceiling + largest) / 2 + 5;
    set(node, { y: free.toFixed(2) });
    ui.number(number, "z", z, fine(z));
  };
}

/** ∂z/∂p at every p, its value at the present one, and the same by a central difference. */
function drawSlope(ui, svg, { mostSlope }, { left, right, top }) {
  const [zero, floor] = [top + SLOPE, top + SLOPE + SLOPE_HEIGHT];
  const down = scale([0, -mostSlope], [zero, floor]);
  const clip = ui.unique("slope");
  const curve = s("path", { class: "line gradient", "clip-path": `url(#${clip})` });
  const stem = s("line", { class: "stem gradient", y1: zero });
  const tip = mark("gradient", 5);
  const beyond = label(0, floor + 2, "▼", { class: "gradient", "text-anchor": "middle", "font-size": 11 });
  const { node, number } = reading("∂z/∂p", { class: "gradient strong", x: right - 16, y: floor - 24, "text-anchor": "end" });
  const difference = s("tspan");
  const measured = s("text", { class: "small muted", x: right - 16, y: floor - 4, "text-anchor": "end" }, "≈ ", difference);
  svg.append(
    s("clipPath", { id: clip }, s("rect", { x: left, y: zero - 4, width: right - left, height: SLOPE_HEIGHT + 4 })),
    s("line", { class: "axis", x1: left + 16, x2: right - 16, y1: zero, y2: zero }),
    label(right - 16, zero - 6, "0", { class: "small muted", "text-anchor": "end" }),
    curve,
    stem,
    node,
    measured,
    tip,
    beyond,
  );
  return ({ y, p }, { slope }, x, curves) => {
    set(curve, { d: path(curves.map((c) => [c.x, Math.min(down(c.slope), 1e4)])) });
    const inside = down(slope) <= floor;
    const end = down.clamped(slope);
    set(stem, { x1: x.toFixed(2), x2: x.toFixed(2), y2: end.toFixed(2) });
    move(tip, x, end);
    show(tip, inside);
    show(beyond, !inside);
    set(beyond, { x: x.toFixed(2) });
    ui.number(number, "slope", slope, fine(slope));
    // At p = ∞ there is nothing to move p to.
    const movable = Number.isFinite(p);
    show(measured, movable);
    if (movable) {
      const [byP] = centralDifferences(eta(p), y);
      ui.number(difference, "difference.slope", byP, fine(byP, 4));
    } else delete difference.dataset.value;
  };
}

/** −(z/p²) H with its three numbers. */
function drawProduct(svg, y, beside) {
  const x = beside ? 26 : 16;
  const factors = s("tspan");
  const result = label(x, y + (beside ? 54 : 26), "", { class: "gradient strong" });
  const formula = math(x, y, "−(z/p^2) · H{ }");
  const numbers = beside ? label(x, y + 27, "") : formula;
  numbers.append(factors);
  svg.append(formula, result, ...(beside ? [numbers] : []));
  return ({ p }, { z, H, slope }) => {
    say(factors, `= −(${fine(z)}/${format(p)}²) · ${fine(H)}`);
    say(result, `= ${fine(slope)}`);
  };
}
