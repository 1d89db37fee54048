// Figure 3: the chain rule as matrices. The Jacobians of a chain of boxes with their shapes; multiplied two by two, from
// the left or from the right; and the multiply-adds that either order takes, which the widths decide.

import { button, clamp, h, label, mark, math, s, say, set, show } from "../kit.js";
import { apply, compose, jacobian, matmul, multiplyAdds, pattern, rho, sigma, squaredError } from "../math.js";

const WIDEST = 12;
const LETTERS = ["x", "y", "z", "u", "v"];
const SIDES = [
  { side: "left", kind: "error", way: "from the left, backward" },
  { side: "right", kind: "value", way: "from the right, forward" },
];

/** The chain of chainbp/widgets/chain_rule.py: σ ∘ ρ⟦W⟧ for each box, and a squared error where the end is one number. */
function chain(widths) {
  const boxes = widths.slice(1).map((rows, i) => compose(sigma, rho(pattern(i, rows, widths[i]))));
  const before = widths.at(-2);
  if (widths.at(-1) === 1) boxes[boxes.length - 1] = squaredError(pattern(boxes.length, 1, before)[0]);
  return { boxes, x: pattern(boxes.length + 1, 1, widths[0])[0] };
}

/** The factors after `step` products, the end's first: each with its matrix and the joints [from, to] that it spans. */
function multiplied(boxes, x, side, step) {
  const factors = [];
  let value = x;
  boxes.forEach((box, i) => {
    const joint = boxes.length - 1 - i;
    factors.unshift({ matrix: jacobian(box, value), from: joint, to: joint + 1 });
    value = apply(box, value);
  });
  for (let i = 0; i < step; i++) {
    const [a, b] = side ? factors.slice(-2) : factors;
    factors.splice(side ? -2 : 0, 2, { matrix: matmul(a.matrix, b.matrix), from: a.from, to: b.to });
  }
  return factors;
}

/** All that the figure shows, from its inputs. An address may name fractions or a step too many. */
function read(state) {
  const widths = state.widths.map(Math.round);
  const side = Math.round(state.side);
  const products = widths.length - 2;
  const step = Math.min(Math.round(state.step), products);
  const { boxes, x } = chain(widths);
  const factors = multiplied(boxes, x, side, step);
  const counts = [multiplyAdds(widths, false), multiplyAdds(widths, true)];
  const names = LETTERS.slice(0, widths.length);
  if (widths.at(-1) === 1) names[names.length - 1] = "L";
  return { joints: [...widths].reverse(), names: names.reverse(), side, step, products, factors, counts };
}

const sum = (values) => values.reduce((total, v) => total + v, 0);
const size = ({ matrix }) => `${matrix.length} × ${matrix[0].length}`;

export const chainRule = {
  name: "chain_rule",
  title: "The chain rule as matrices",
  traits: ["widths", "side", "step"],
  accepts: { widths: [1, WIDEST], side: [0, 1], step: [0, LETTERS.length - 2] },

  layout: (state, width) => ({ boxes: state.widths.length - 1, width }),

  range: ({ boxes }) => ({ widths: [1, WIDEST], side: [0, 1], step: [0, boxes - 1] }),

  build(ui, { boxes, width }) {
    const column = (width - 2 * MARGIN) / boxes;
    const joint = (i) => MARGIN + column * i;
    const narrow = width < 480;
    const room = Math.min(192, column - (narrow ? 16 : 28));
    const base = TOP + room + 110 + UNITS;
    const ledgerTop = base + 96;
    const row = narrow ? 76 : 54;
    const controls = drawControls(ui, boxes - 1);
    const svg = ui.svg(ledgerTop + 2 * row);
    const parts = [
      controls,
      drawFactors(ui, svg, { boxes, width, joint, room }),
      drawWidths(ui, svg, { boxes, joint, base }),
      drawLedger(ui, svg, { boxes, width, top: ledgerTop, row, narrow }),
    ];
    return {
      draw(state) {
        const shown = read(state);
        for (const draw of parts) draw(shown);
      },
      describe(state) {
        const { joints, side, step, products, factors, counts } = read(state);
        const [left, right] = counts.map(sum);
        return (
          `A chain of widths ${joints.join(", ")}, from its end to the data. From the left it takes ${left} ` +
          `multiply-adds, from the right ${right}. Multiplying ${SIDES[side].way}: ${step} of ${products} products done, ` +
          `${sum(counts[side].slice(0, step))} multiply-adds so far. Now there ${factors.length > 1 ? "are matrices" : "is one matrix"} ` +
          `of ${factors.map(size).join(", ")}.`
        );
      },
    };
  },
};

/** From which side, one product on or back, and how far it is. */
function drawControls(ui, products) {
  const sides = SIDES.map(({ side }, i) => button(`From the ${side}`, () => ui.change({ side: i, step: 0 })));
  const back = button("Back", () => ui.change({ step: Math.min(ui.state.step, products) - 1 }));
  const on = button("Multiply", () => ui.change({ step: ui.state.step + 1 }));
  const [step, spent] = [h("span"), h("span")];
  ui.body.append(
    h(
      "div",
      { class: "cbp-controls" },
      h("div", { role: "group", "aria-label": "order of the products" }, ...sides),
      h("div", { role: "group", "aria-label": "products" }, back, on),
      h("span", { class: "status" }, step, ` of ${products} products, `, spent, " multiply-adds"),
    ),
  );
  return (shown) => {
    sides.forEach((node, i) => set(node, { "aria-pressed": String(i === shown.side) }));
    // Not `disabled`, which would take the focus from under the reader's finger.
    set(back, { "aria-disabled": String(shown.step === 0) });
    set(on, { "aria-disabled": String(shown.step === products) });
    ui.number(step, "step", shown.step, String(shown.step));
    const count = sum(shown.counts[shown.side].slice(0, shown.step));
    ui.number(spent, "spent", count, String(count));
  };
}

const MARGIN = 26;
const TOP = 66;
const LARGEST_CELL = 36;

/** "∂a/∂b" whose letters can change. */
function derivative() {
  const letter = () => s("tspan", { class: "formula", "font-style": "italic" });
  const sign = (text) => s("tspan", { class: "formula" }, text);
  const [over, under] = [letter(), letter()];
  const node = s("text", { "text-anchor": "middle" }, sign("∂"), over, sign("/∂"), under);
  return { node, say: (a, b) => [say(over, a), say(under, b)] };
}

/** The matrices with their names and shapes, and a bracket under the two that are multiplied next. */
function drawFactors(ui, svg, { boxes, width, joint, room }) {
  const middle = TOP + room / 2;
  const bracketTop = TOP + room + 50;
  const dots = Array.from({ length: boxes - 1 }, (_, i) => s("circle", { class: "dot", cx: joint(i + 1), cy: middle, r: 2.5 }));
  const bound = joint(1) - joint(0) < 90 ? "≤ " : "up to ";
  svg.append(
    ...dots,
    s("rect", { class: "cells value", x: 0, y: 5, width: 10, height: 10 }),
    label(16, 15, "positive", { class: "small muted" }),
    s("rect", { class: "cells hollow error", x: 84.75, y: 5.75, width: 8.5, height: 8.5 }),
    label(100, 15, "negative; the area is the size", { class: "small muted" }),
  );
  const places = Array.from({ length: boxes }, () => {
    const name = derivative();
    const [rows, columns, largest] = [s("tspan"), s("tspan"), s("tspan")];
    const grid = s("path", { class: "grid" });
    const positive = s("path", { class: "cells value" });
    const negative = s("path", { class: "cells hollow error" });
    const shape = s("text", { "text-anchor": "middle" }, rows, " × ", columns);
    const reach = s("text", { class: "small muted", "text-anchor": "middle" }, bound, largest);
    const node = s("g", {}, grid, positive, negative, name.node, shape, reach);
    svg.append(node);
    return { node, name, grid, positive, negative, shape, reach, rows, columns, largest };
  });
  const bracket = s("path", { class: "axis strong", fill: "none" });
  const terms = s("tspan");
  const next = s("tspan", { "font-weight": 650 });
  const sum = s("text", { "text-anchor": "middle", y: bracketTop + 30 }, terms, next, " multiply-adds");
  const done = label(width / 2, bracketTop + 30, "The same matrix comes out from either side.", { class: "muted", "text-anchor": "middle" });
  svg.append(bracket, sum, done);

  return ({ factors, joints, names, side, counts, step, products }) => {
    const cell = Math.min(LARGEST_CELL, room / Math.max(...joints));
    const center = ({ from, to }) => (joint(from) + joint(to)) / 2;
    places.forEach((place, i) => {
      const matrix = factors[i]?.matrix ?? [];
      show(place.node, i < factors.length);
      const most = Math.max(0, ...matrix.flat().map(Math.abs));
      ui.number(place.largest, `largest.${i}`, most, most.toFixed(most < 0.0995 ? 3 : 2));
      ui.number(place.rows, `rows.${i}`, matrix.length, String(matrix.length));
      ui.number(place.columns, `columns.${i}`, matrix[0]?.length ?? 0, String(matrix[0]?.length ?? 0));
      if (i >= factors.length) return;
      const x = center(factors[i]);
      const half = (matrix.length * cell) / 2;
      const drawn = drawMatrix(matrix, x, middle, cell, most);
      for (const part of ["grid", "positive", "negative"]) set(place[part], { d: drawn[part] });
      place.name.say(names[factors[i].from], names[factors[i].to]);
      set(place.name.node, { x, y: (middle - half - 13).toFixed(2) });
      set(place.shape, { x, y: (middle + half + 22).toFixed(2) });
      set(place.reach, { x, y: (middle + half + 40).toFixed(2) });
    });
    dots.forEach((dot, i) => show(dot, factors.some(({ from }) => from === i + 1)));

    const ended = step === products;
    for (const node of [bracket, sum]) show(node, !ended);
    show(done, ended);
    const count = ended ? 0 : counts[side][step];
    ui.number(next, `next.${SIDES[side].side}`, count, String(count));
    if (ended) return;
    const [a, b] = side ? factors.slice(-2) : factors;
    const reach = (factor) => (factor.matrix[0].length * cell) / 2;
    const [left, right] = [center(a) - reach(a), center(b) + reach(b)];
    set(bracket, { d: `M${left.toFixed(1)} ${bracketTop}v6H${right.toFixed(1)}v-6` });
    say(terms, `${[a.from, a.to, b.to].map((i) => joints[i]).join(" · ")} = `);
    set(sum, { x: clamp((left + right) / 2, 105, width - 105).toFixed(2) });
  };
}

/** Three paths for a matrix centered on (x, y). The area of a square is the size of its entry; zero is blank. */
function drawMatrix(matrix, x, y, cell, most) {
  const [rows, columns] = [matrix.length, matrix[0].length];
  const [left, top] = [x - (columns * cell) / 2, y - (rows * cell) / 2];
  const [right, bottom] = [left + columns * cell, top + rows * cell].map((v) => v.toFixed(1));
  const lines = (count, at, line) => Array.from({ length: count - 1 }, (_, i) => line((at + (i + 1) * cell).toFixed(1))).join("");
  const squares = { 1: "", [-1]: "" };
  matrix.forEach((row, i) =>
    row.forEach((v, j) => {
      if (v === 0) return;
      // A hollow square's outline, 1.5 wide, stands half outside of its path.
      const side = Math.max(0.86 * cell * Math.sqrt(Math.abs(v) / most) - (v < 0 ? 1.5 : 0), 0.1);
      const corner = [left + (j + 0.5) * cell - side / 2, top + (i + 0.5) * cell - side / 2].map((c) => c.toFixed(1));
      const length = side.toFixed(1);
      squares[Math.sign(v)] += `M${corner.join(" ")}h${length}v${length}h-${length}z`;
    }),
  );
  return {
    grid:
      `M${left.toFixed(1)} ${top.toFixed(1)}H${right}V${bottom}H${left.toFixed(1)}Z` +
      lines(columns, left, (at) => `M${at} ${top.toFixed(1)}V${bottom}`) +
      lines(rows, top, (at) => `M${left.toFixed(1)} ${at}H${right}`),
    positive: squares[1],
    negative: squares[-1],
  };
}

const PITCH = 11;
const UNITS = (WIDEST - 1) * PITCH + 8;

/** The widths as columns of units between the matrices; the topmost is dragged. A width that was summed over is hollow. */
function drawWidths(ui, svg, { boxes, joint, base }) {
  const up = (count) => base - (count - 1) * PITCH;
  const circles = (x, from, to, r) =>
    Array.from({ length: to - from + 1 }, (_, k) => `M${x - r} ${up(from + k)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`).join("");
  const columns = Array.from({ length: boxes + 1 }, (_, i) => {
    const x = joint(i);
    const units = s("path");
    const free = s("path", { class: "free" });
    const number = s("text", { class: "value strong", x: i === boxes ? x - 14 : x + 14, "text-anchor": i === boxes ? "end" : "start" });
    const name = s("text", { x, y: base + 29, "text-anchor": "middle" }, s("tspan", { class: "formula", "font-style": "italic" }));
    const role = label(x, base + 47, i === boxes ? "data" : "", { class: "small muted", "text-anchor": "middle" });
    svg.append(free, units, number, name, role);
    const trait = boxes - i;
    ui.slider({
      parent: svg,
      kind: "value",
      name: `width${trait}`,
      label: i === 0 ? "width of the end" : i === boxes ? "width of the data" : `width of ${LETTERS[trait]}`,
      vertical: true,
      min: 1,
      max: WIDEST,
      step: 1,
      page: 3,
      get: ({ widths }) => widths[trait],
      text: ({ widths }) => String(widths[trait]),
      where: ({ widths }) => [x, up(widths[trait])],
      at: (_, y) => 1 + (base - y) / PITCH,
      put: (count) => ({ widths: ui.state.widths.with(trait, count) }),
      r: 6.5,
    });
    return { x, units, free, number, name: name.firstChild, role, trait };
  });
  return ({ joints, names, factors }) => {
    columns.forEach(({ x, units, free, number, name, role, trait }, i) => {
      const met = factors.some(({ from, to }) => from === i || to === i);
      set(units, { class: met ? "mark value" : "line value", d: circles(x, 1, joints[i] - 1, met ? 4 : 3) });
      set(free, { d: circles(x, joints[i] + 1, WIDEST, 1.5) });
      set(number, { y: up(joints[i]) + 5 });
      ui.number(number, `widths.${trait}`, joints[i], String(joints[i]));
      say(name, names[i]);
      if (i === 0) say(role, joints[0] === 1 ? "cost" : "output");
    });
  };
}

/** What either order costs in all: a bar with a part for each product, full where it is done. */
function drawLedger(ui, svg, { boxes, width, top, row, narrow }) {
  const rows = SIDES.map(({ side, kind, way }, i) => {
    const y = top + row * i;
    const name = label(18, y, way);
    const terms = s("tspan", { class: "muted" });
    const total = s("tspan", { class: "strong", "font-weight": 650 });
    const parts = Array.from({ length: boxes - 1 }, () => s("rect", { class: `part ${kind}`, y: y + 10, height: 12, rx: 1.5 }));
    const sign = s("g", { transform: `translate(6 ${y - 5})` }, mark(kind, 6));
    const account = narrow ? { x: 0, y: y + 40 } : { x: width, y, "text-anchor": "end" };
    svg.append(sign, name, s("text", { class: "small", ...account }, terms, total), ...parts);
    return { side, name, terms, total, parts };
  });
  return ({ joints, counts, side, step }) => {
    const totals = counts.map(sum);
    const unit = width / Math.max(...totals);
    rows.forEach(({ side: word, name, terms, total, parts }, i) => {
      const walked = i ? [...joints].reverse() : joints;
      const factors = walked.slice(1, -1).map((v, k) => [walked[0], v, walked[k + 2]]);
      if (i) factors.forEach((three) => three.reverse());
      say(terms, `${factors.map((three) => three.join("·")).join(" + ")} = `);
      ui.number(total, word, totals[i], String(totals[i]));
      name.classList.toggle("strong", i === side);
      let x = 0;
      parts.forEach((part, k) => {
        const wide = counts[i][k] * unit;
        set(part, { x: x.toFixed(1), width: Math.max(wide - 2, 1).toFixed(1) });
        part.classList.toggle("done", i === side && k < step);
        x += wide;
      });
    });
  };
}
