// The axis of the order p, from 0.2 to ∞, with the sum, the length and the maximum at their places.

import shared from "../../shared.json";
import { beyond, clamp, format, label, move, scale, set, short, show, shows, slideOnLine } from "../kit.js";

export const MIN_P = shared.smallest_p;

// The p axis shows t = (p − 1)/(p + 1): the sum in the middle of what can be drawn, the maximum at the end.
const toT = (p) => (p === Infinity ? 1 : (p - 1) / (p + 1));
const fromT = (t) => {
  if (t > 0.9985) return Infinity;
  const p = (1 + t) / (1 - t);
  return Number(p.toFixed(p < 10 ? 2 : p < 100 ? 1 : 0));
};
const TICKS = [[0.2], [0.5], [1, "sum"], [2, "length"], [3], [5], [10], [30], [Infinity, "largest"]];

export const AXIS_HEIGHT = 92;
const AXIS_LINE = 38;

/** Where t lies on an axis of a width. */
const alongAxis = (width, left, from = MIN_P) => scale([toT(from), 1], [left + 16, left + width - 16]);

/** For what is drawn over an axis: where p lies, the pixels of a unit of t, and orders with their places for a curve. */
export function overAxis(width, left, count) {
  const along = alongAxis(width, left);
  const from = toT(MIN_P);
  const samples = Array.from({ length: count }, (_, k) => {
    const t = 1 - ((1 - from) * k) / (count - 1);
    return { p: k ? (1 + t) / (1 - t) : Infinity, x: along(t) };
  });
  return { at: (p) => along.clamped(toT(p)), unit: along(1) - along(0), samples };
}

/**
 * The p axis with the sum, the length and the maximum at their places. `reach` is how far above its line a
 * press still moves p; the axis begins at `from`. get(state) is p, put(p) the change, and `print` how it is written.
 */
export function drawAxis(ui, svg, width, top, { left = 0, reach = 20, from = MIN_P, get = (state) => state.p, put = (p) => ({ p }), print = short } = {}) {
  const line = top + AXIS_LINE;
  const along = alongAxis(width, left, from);
  const ticks = TICKS.filter(([p, name]) => p >= from && (name || width >= 420 || ![0.5, 3, 30].includes(p)));
  // At the ends the words reach no further than the figure.
  const place = (p) => {
    const x = along(toT(p));
    if (p === Infinity) return { x: x + 12, "text-anchor": "end" };
    return p === from ? { x: x - 12, "text-anchor": "start" } : { x, "text-anchor": "middle" };
  };
  const names = new Map(ticks.filter(([, name]) => name).map(([p, name]) => [p, label(0, line + 44, name, { ...place(p), class: "small" })]));
  const below = shows("p", beyond("weight", "left"));
  move(below, left + 2, line);
  svg.append(...names.values(), below);
  const { node, number } = slideOnLine(ui, svg, along, line, {
    kind: "weight",
    name: "p",
    label: "order p",
    ticks: ticks.map(([p]) => [toT(p), format(p, 1).replace(/[.]0$/, ""), place(p)]),
    source: "p",
    says: { class: "weight strong", "text-anchor": "middle" },
    above: reach,
    beside: 16,
    step: 0.005,
    page: 20,
    // The sum, the length and the maximum.
    stops: () => [1, 2, Infinity].map(toT),
    near: 0.015,
    get: (state) => clamp(toT(get(state)), toT(from), 1),
    text: (state) => (get(state) === Infinity ? "infinity, the largest size" : format(get(state))),
    put: (t) => put(fromT(t)),
  });
  return (state) => {
    const p = get(state);
    show(below, p < from);
    ui.number(number, "p", p, print(p));
    // Half of the reading, which shall not leave the figure, large numbers included.
    const half = Math.max(42, 4.6 * node.textContent.length);
    set(node, { x: clamp(along.clamped(toT(p)), left + half, left + width - half).toFixed(2) });
    for (const [there, text] of names) text.classList.toggle("strong", there === p);
  };
}
