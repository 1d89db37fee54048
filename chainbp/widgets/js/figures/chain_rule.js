// Figure 3: the chain rule as a product of matrices. The Jacobians of a composition as pictures with their shapes,
// multiplied from the left or from the right, and the multiply-adds that each takes.

import { h, label, math, path, s, say, scale, set, show } from "../kit.js";
import { apply, dataOf, jacobian, layerOf, matmul, multiplyAdds } from "../math.js";

export const WIDEST = 12;
const LEFT = 0;
const CELL = 26;
const ROOM = 176;
const TOP = 34;
const SHAPES = TOP + ROOM + 22;
const SLIDERS = SHAPES + 66;
const COUNTS = SLIDERS + 64;
const HEIGHT = COUNTS + 100;
const NAMES = ["left", "right"];

const whole = (state) => state.widths.map(Math.round);
const variable = (i) => (i ? `h_${i}` : "x");
const derivative = ({ to, from }) => `∂${variable(to)}/∂${variable(from)}`;

/** The Jacobian of each layer at the values that reach it, the last layer's first, as in (9). */
function factorsOf(widths) {
  const factors = [];
  let value = dataOf(widths[0]);
  for (let i = 1; i < widths.length; i++) {
    const layer = layerOf(i, widths[i], widths[i - 1]);
    factors.unshift({ matrix: jacobian(layer, value), to: i, from: i - 1 });
    value = apply(layer, value);
  }
  return factors;
}

/** Multiply `steps` times, beginning at one side. */
function multiplied(factors, side, steps) {
  const rest = [...factors];
  for (let i = 0; i < steps; i++) {
    const at = side === LEFT ? 0 : rest.length - 2;
    const [a, b] = rest.slice(at, at + 2);
    rest.splice(at, 2, { matrix: matmul(a.matrix, b.matrix), to: a.to, from: b.from });
  }
  return rest;
}

export const chainRule = {
  name: "chain_rule",
  title: "From which end?",
  formula: "∂h_n/∂x = ∂h_n/∂h_{n−1} ⋯ ∂h_1/∂x",
  traits: ["widths", "side", "step"],
  accepts: { widths: [1, WIDEST], side: [0, 1], step: [0, 3] },

  layout: (state, width) => ({ width, count: state.widths.length }),

  range: ({ count }) => ({ widths: [1, WIDEST], side: [0, 1], step: [0, count - 2] }),

  build(ui, { width, count }) {
    const svg = ui.svg(HEIGHT);
    const matrices = drawMatrices(svg, width, count - 1);
    const sliders = drawWidths(ui, svg, width, count);
    const counts = drawCounts(ui, svg, width);
    const buttons = drawButtons(ui, count - 2);
    return {
      draw(state) {
        const widths = whole(state);
        const [side, step] = [Math.round(state.side), Math.min(Math.round(state.step), count - 2)];
        matrices(multiplied(factorsOf(widths), side, step), side);
        sliders(widths);
        counts(widths, side, step);
        buttons(side, step);
      },
      describe(state) {
        const widths = whole(state);
        const [left, right] = [0, 1].map((side) => multiplyAdds(widths, side).reduce((a, b) => a + b));
        const parts = multiplied(factorsOf(widths), Math.round(state.side), Math.min(Math.round(state.step), count - 2));
        return (
          `From the data to the end, the chain carries ${widths.join(", ")} numbers. From the left its product takes ${left} multiply-adds, ` +
          `from the right ${right}. Now there are matrices of ${parts.map(({ matrix }) => `${matrix.length} by ${matrix[0].length}`).join(", ")}.`
        );
      },
    };
  },
};

/** The matrices in a row. An entry is a square as large as its size: full and blue above zero, hollow and orange below. */
function drawMatrices(svg, width, most) {
  const places = Array.from({ length: most }, () => {
    const frame = s("rect", { class: "frame" });
    const positive = s("path", { class: "cells value" });
    const negative = s("path", { class: "cells negative error" });
    const name = s("text", { "text-anchor": "middle", y: TOP - 14 });
    const shape = s("text", { class: "small muted", "text-anchor": "middle", y: SHAPES });
    const dot = label(0, TOP + ROOM / 2 + 6, "·", { class: "strong", "text-anchor": "middle" });
    svg.append(frame, positive, negative, name, shape, dot);
    return { frame, positive, negative, name, shape, dot, shown: "" };
  });
  const gap = 34;
  return (factors, side) => {
    const columns = factors.reduce((sum, { matrix }) => sum + matrix[0].length, 0);
    const rows = Math.max(...factors.map(({ matrix }) => matrix.length));
    const cell = Math.min(CELL, ROOM / rows, (width - gap * factors.length) / columns);
    const largest = Math.max(...factors.flatMap(({ matrix }) => matrix.flat()).map(Math.abs)) || 1;
    const next = side === LEFT ? 0 : factors.length - 2;
    let x = (width - cell * columns - gap * (factors.length - 1)) / 2;
    places.forEach((place, k) => {
      const factor = factors[k];
      for (const node of [place.frame, place.positive, place.negative, place.name, place.shape]) show(node, Boolean(factor));
      show(place.dot, k < factors.length - 1);
      if (!factor) return;
      const [n, m] = [factor.matrix.length, factor.matrix[0].length];
      const y = TOP + (ROOM - n * cell) / 2;
      set(place.frame, { x: x.toFixed(1), y: y.toFixed(1), width: (m * cell).toFixed(1), height: (n * cell).toFixed(1) });
      place.frame.classList.toggle("next", factors.length > 1 && (k === next || k === next + 1));
      const squares = { positive: "", negative: "" };
      factor.matrix.forEach((row, i) =>
        row.forEach((v, j) => {
          const half = 0.46 * cell * Math.sqrt(Math.abs(v) / largest);
          const [cx, cy] = [x + (j + 0.5) * cell, y + (i + 0.5) * cell];
          const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([a, b]) => [cx + a * half, cy + b * half]);
          squares[v < 0 ? "negative" : "positive"] += path(corners, true);
        }),
      );
      set(place.positive, { d: squares.positive });
      set(place.negative, { d: squares.negative });
      const middle = x + (m * cell) / 2;
      set(place.name, { x: middle.toFixed(1) });
      set(place.shape, { x: middle.toFixed(1) });
      set(place.dot, { x: (x + m * cell + gap / 2).toFixed(1) });
      // A name changes when two matrices become one, never while a width is dragged.
      if (place.shown !== derivative(factor)) {
        place.shown = derivative(factor);
        place.name.replaceChildren(...math(0, 0, place.shown, {}).childNodes);
      }
      say(place.shape, `${n} × ${m}`);
      x += m * cell + gap;
    });
  };
}

/** A slider for the width of each variable, the end at the left and the data at the right, as in the product. */
function drawWidths(ui, svg, width, count) {
  const column = width / count;
  const numbers = Array.from({ length: count }, (_, i) => {
    const center = column * (count - 1 - i + 0.5);
    const half = Math.min(60, column / 2 - 14);
    const along = scale([1, WIDEST], [center - half, center + half]);
    const track = s("rect", { x: center - half - 6, y: SLIDERS - 20, width: 2 * half + 12, height: 40, fill: "transparent" });
    const text = math(center, SLIDERS - 24, `${variable(i)}{: }`, { "text-anchor": "middle" });
    const number = s("tspan", { class: "value strong" });
    text.append(number);
    svg.append(s("line", { class: "axis strong", x1: center - half, x2: center + half, y1: SLIDERS, y2: SLIDERS }), text, track);
    ui.slider({
      parent: svg,
      kind: "value",
      name: `width${i}`,
      label: i ? `width of h ${i}` : "width of the data x",
      min: 1,
      max: WIDEST,
      step: 1,
      page: 3,
      get: (state) => state.widths[i],
      text: (state) => String(Math.round(state.widths[i])),
      where: (state) => [along.clamped(state.widths[i]), SLIDERS],
      at: (x) => along.back(x),
      put: (v) => ({ widths: ui.state.widths.with(i, v) }),
      track,
    });
    return number;
  });
  return (widths) => numbers.forEach((number, i) => ui.number(number, `width.${i}`, widths[i], String(widths[i])));
}

/** What each side costs in all, and how much of it is done. */
function drawCounts(ui, svg, width) {
  const start = 128;
  const rows = NAMES.map((name, side) => {
    const y = COUNTS + 42 * side;
    const whole = s("rect", { class: "count", x: start, y: y - 9, height: 14 });
    const done = s("rect", { class: "count done", x: start, y: y - 9, height: 14 });
    const total = s("text", { class: "strong", y: y + 4 });
    const text = label(start - 12, y + 4, `from the ${name}`, { "text-anchor": "end" });
    svg.append(whole, done, text, total);
    return { whole, done, total, text };
  });
  svg.append(label(width / 2, COUNTS + 84, "multiply-adds in all; the dark part is done", { class: "small muted", "text-anchor": "middle" }));
  return (widths, side, step) => {
    const counts = [0, 1].map((k) => multiplyAdds(widths, k));
    const totals = counts.map((list) => list.reduce((a, b) => a + b));
    const along = scale([0, Math.max(...totals, 1)], [0, width - start - 58]);
    rows.forEach(({ whole, done, total, text }, k) => {
      set(whole, { width: along(totals[k]).toFixed(1) });
      const finished = k === side ? counts[k].slice(0, step).reduce((a, b) => a + b, 0) : 0;
      set(done, { width: along(finished).toFixed(1) });
      set(total, { x: (start + along(totals[k]) + 8).toFixed(1) });
      ui.number(total, NAMES[k], totals[k], String(totals[k]));
      text.classList.toggle("strong", k === side);
    });
  };
}

function drawButtons(ui, last) {
  const button = (text, change) => {
    const node = h("button", { type: "button", class: "cbp-button" }, text);
    node.addEventListener("click", () => ui.change(change(ui.state)));
    return node;
  };
  const sides = NAMES.map((name, side) => button(`From the ${name}`, () => ({ side, step: 0 })));
  const back = button("Undo", ({ step }) => ({ step: Math.round(step) - 1 }));
  const on = button("Multiply", ({ step }) => ({ step: Math.round(step) + 1 }));
  ui.body.append(h("div", { class: "cbp-steps", role: "group", "aria-label": "Multiply" }, ...sides, back, on));
  return (side, step) => {
    sides.forEach((node, k) => set(node, { "aria-pressed": String(k === side) }));
    // Not `disabled`, which would drop the focus of the reader who pressed it last.
    set(back, { "aria-disabled": String(step === 0) });
    set(on, { "aria-disabled": String(step === last) });
  };
}
