// The chain rule as matrices. The Jacobians of a chain of boxes with their shapes, multiplied two by two, from the left or
// from the right; each entry of the next product as the sum that it is, (C1); and the multiply-adds of either order.

import shared from "../../shared.json";
import { apart, button, clamp, cover, equal, format, h, label, largest, mark, math, plural, remembered, s, say, scale, set, short, show, signed, slideOn } from "../kit.js";
import { apply, compose, jacobian, matmul, multiplyAdds, pattern, rho, sigma, squaredError } from "../math.js";
import { cellSlider, drawLegend, makeCells, makeCursor, n } from "./matrix.js";

const { widest: WIDEST, letters: LETTERS } = shared.chain_rule;
const SIDES = [{ side: "left", kind: "error" }, { side: "right", kind: "value" }];

/** The chain of chainbp/widgets/chain_rule.py: boxes of a network, or such as have the given Jacobians. */
function chain(widths, given) {
  const boxes = widths.slice(1).map((rows, i) => {
    const weights = pattern(i, rows, widths[i]);
    if (!given.length) return compose(sigma, rho(weights));
    return rho(weights.map((row, n) => row.map((v, m) => given[i][n]?.[m] ?? v)));
  });
  const before = widths.at(-2);
  if (widths.at(-1) === 1 && !given.length) boxes[boxes.length - 1] = squaredError(pattern(boxes.length, 1, before)[0]);
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

/** All that the figure shows, from its inputs. An address may name a step or an entry too far. */
const read = remembered((state, given) => {
  const { widths, side } = state;
  const products = widths.length - 2;
  const step = Math.min(state.step, products);
  const { boxes, x } = chain(widths, given);
  const factors = multiplied(boxes, x, side, step);
  const counts = countsOf(widths);
  const names = LETTERS.slice(0, widths.length);
  if (widths.at(-1) === 1) names[names.length - 1] = "L";
  const shown = { joints: [...widths].reverse(), names: names.reverse(), side, step, products, factors, counts };
  if (step === products) return shown;
  const [a, b] = side ? factors.slice(-2) : factors;
  const product = matmul(a.matrix, b.matrix);
  const entry = [product, product[0]].map(({ length }, axis) => clamp(state.entry[axis], 0, length - 1));
  return { ...shown, pair: [a, b], product, entry };
});

/** The multiply-adds of each product, from the left and from the right. */
const countsOf = (widths) => [false, true].map((fromRight) => multiplyAdds(widths, fromRight));
const sum = (values) => values.reduce((total, v) => total + v, 0);
const size = ({ matrix }) => `${matrix.length} × ${matrix[0].length}`;

/** The ends of a chain exchanged for the question: the data one wide, the other end as wide as the data was, or three. */
const turned = (widths) => widths.with(0, 1).with(-1, Math.max(widths[0], 3));
const shapesOf = ([data, middle, end]) => [`${end} × ${data}`, `${data} × ${end}`, `${middle} × ${middle}`];

export const chainRule = {
  name: "chain_rule",
  title: "The chain rule as matrices",
  traits: ["widths", "side", "step", "entry"],
  accepts: { widths: [1, WIDEST, 1], side: [0, 1, 1], step: [0, LETTERS.length - 2, 1], entry: [0, WIDEST - 1, 1] },
  questions: {
    shape: {
      options: ({ widths }) => shapesOf(widths),
      tell: ({ widths: [data, middle, end] }) => `At the start ${end} × ${middle} times ${middle} × ${data} is ${end} × ${data}: the rows of the left one, the columns of the right one. What stood between is summed over.`,
    },
    order: {
      options: () => ["Left is cheaper", "Right is cheaper", "Both the same"],
      then: ({ widths }) => ({ widths: turned(widths), step: 0 }),
      tell: ({ widths }) => {
        const then = turned(widths);
        const [left, right] = countsOf(then).map(sum);
        return `At the start, with x one number wide, it takes ${left} from the left and ${right} from the right. The other end, ${then.at(-1)} wide, is called ${LETTERS[widths.length - 1]}.`;
      },
    },
  },

  layout: (state, width) => ({ boxes: state.widths.length - 1, width }),

  range: ({ boxes }) => ({ step: [0, boxes - 1] }),

  build(ui, { boxes, width }) {
    const given = ui.given("given");
    const column = (width - 2 * MARGIN) / boxes;
    const joint = (i) => MARGIN + column * i;
    const room = Math.min(150, column - (width < 480 ? 16 : 28));
    const productTop = TOP + room + 78;
    const base = productTop + PRODUCT + 40 + UNITS;
    const products = boxes - 1;
    // Where there is one product, there is no order, and nothing to go on to.
    const controls = products > 1 ? [drawOrders, drawSteps] : [];
    const svg = ui.svg(base + 54);
    const parts = [
      drawFactors(ui, svg, { boxes, width, joint, room, productTop, given }),
      drawWidths(ui, svg, { boxes, joint, base }),
      ...controls.map((draw) => draw(ui, products)), // beside the widths, which change what an order costs
      drawSum(ui),
    ];
    return {
      draw(state) {
        const shown = read(state, given);
        for (const draw of parts) draw(shown);
      },
      describe(state) {
        const { joints, side, step, products, factors, counts, product, entry } = read(state, given);
        const [left, right] = counts.map(sum);
        const spent = sum(counts[side].slice(0, step));
        const chosen = product ? ` Entry ${entry.map((v) => v + 1).join(", ")} of the next product is ${format(product[entry[0]][entry[1]], 3)}.` : "";
        const orders =
          `From the left it takes ${left} ${plural(left, "multiply-add")}, from the right ${right}. Multiplying from the ${SIDES[side].side}: ` +
          `${step} of ${products} products done, ${spent} ${plural(spent, "multiply-add")} so far. `;
        return (
          `A chain of widths ${joints.join(", ")}, from its end to the data. ${products > 1 ? orders : ""}` +
          `Now there ${factors.length > 1 ? "are matrices" : "is one matrix"} of ${factors.map(size).join(", ")}.${chosen}`
        );
      },
    };
  },
};

/** What either order costs, a bar with a part for each product; pressing one takes that order. */
function drawOrders(ui, products) {
  const rows = SIDES.map(({ side, kind }, i) => {
    const sign = s("svg", { width: 16, height: 14, viewBox: "-8 -7 16 14", "aria-hidden": "true" }, mark(kind, 5.5));
    const parts = Array.from({ length: products }, () => h("span", { class: `part ${kind}` }));
    const [terms, total] = [h("span", { class: "muted" }), h("strong")];
    const node = button(h("span", {}, sign, ` From the ${side} `), () => ui.change({ side: i, step: 0 }));
    node.append(h("span", { class: "cbp-ledger", "aria-hidden": "true" }, ...parts), h("span", {}, terms, total));
    return { node, parts, terms, total, side };
  });
  ui.body.append(apart(h("div", { class: "cbp-orders", role: "group", "aria-label": "order of the products" }, ...rows.map(({ node }) => node))));
  return ({ joints, counts, side: chosen, step }) => {
    const most = Math.max(...counts.map(sum));
    rows.forEach(({ node, parts, terms, total, side }, i) => {
      set(node, { "aria-pressed": String(i === chosen) });
      const walked = i ? [...joints].reverse() : joints;
      const factors = walked.slice(1, -1).map((v, k) => [walked[0], v, walked[k + 2]]);
      if (i) factors.forEach((three) => three.reverse());
      say(terms, `${factors.map((three) => three.join("·")).join(" + ")} = `);
      ui.number(total, side, sum(counts[i]), String(sum(counts[i])));
      parts.forEach((part, k) => {
        part.classList.toggle("done", i === chosen && k < step);
        set(part, { style: `width: ${((100 * counts[i][k]) / most).toFixed(1)}%` });
      });
    });
  };
}

/** One product on or back, and what was spent so far. */
function drawSteps(ui, products) {
  const back = button("Back", () => ui.change({ step: Math.min(ui.state.step, products) - 1 }));
  const on = button("Multiply", () => ui.change({ step: ui.state.step + 1 }));
  const [done, count, unit] = [h("span"), h("span"), h("span")];
  const status = h("span", { class: "status muted" }, done, ` of ${products} products, `, count, " ", unit);
  ui.body.append(h("div", { class: "cbp-controls" }, h("div", { role: "group", "aria-label": "products" }, back, on), status));
  return ({ counts, side, step }) => {
    // Not `disabled`, which would take the focus from under the reader's finger.
    set(back, { "aria-disabled": String(step === 0) });
    set(on, { "aria-disabled": String(step === products) });
    ui.number(done, "step", step, String(step));
    const spent = sum(counts[side].slice(0, step));
    ui.number(count, "spent", spent, String(spent));
    say(unit, plural(spent, "multiply-add"));
  };
}

const MARGIN = 26;
const TOP = 56;
const LARGEST_CELL = 36;
const PRODUCT = 108;

/** A matrix with its name and its shape. */
function makeMatrix(svg) {
  const name = math(0, 0, "∂y/∂x", { "text-anchor": "middle" });
  const [, over, , , under] = name.children; // its letters, which change
  const [rows, columns] = [s("tspan"), s("tspan")];
  const shape = s("text", { class: "small", "text-anchor": "middle" }, rows, " × ", columns);
  const node = s("g");
  const cells = makeCells(node, "gradient", square);
  node.append(name, shape);
  svg.append(node);
  let last = {};
  return {
    node,
    rows,
    columns,
    /** Draw it centered on (x, y), unless it stands there. */
    draw(matrix, x, y, cell, from, to) {
      const place = { left: x - (matrix[0].length * cell) / 2, top: y - (matrix.length * cell) / 2, cell };
      say(over, from);
      say(under, to);
      say(rows, String(matrix.length));
      say(columns, String(matrix[0].length));
      const key = `${x} ${y} ${cell} ${matrix}`;
      if (last.key === key) return last.place;
      cells(matrix, place, largest(matrix) || 1, 0.86 * cell);
      set(name, { x, y: (place.top - 11).toFixed(2) });
      set(shape, { x, y: (2 * y - place.top + 20).toFixed(2) });
      last = { key, place };
      return place;
    },
  };
}

/** The matrices; below the two that are multiplied next their product, and the row and the column that meet in an entry. */
function drawFactors(ui, svg, { boxes, width, joint, room, productTop, given }) {
  const middle = TOP + room / 2;
  const productMiddle = productTop + (PRODUCT - 28) / 2;
  const bracketTop = TOP + room + 28;
  const dots = Array.from({ length: boxes - 1 }, (_, i) => s("circle", { class: "muted", fill: "currentcolor", cx: joint(i + 1), cy: middle, r: 2.5 }));
  svg.append(...dots);
  drawLegend(svg, "gradient", 10, square);
  const places = Array.from({ length: boxes }, () => makeMatrix(svg));
  const bracket = s("path", { class: "axis strong", fill: "none" });
  const product = makeMatrix(svg);
  const count = s("tspan", { "font-weight": 650 });
  const unit = s("tspan");
  const cost = s("text", { class: "small" }, count, " ", unit);
  const done = label(width / 2, bracketTop + 30, boxes > 2 ? "The same matrix comes out from either side." : "", { class: "muted", "text-anchor": "middle" });
  const [row, column, shape] = [makeCursor(), makeCursor(), makeCursor()];
  const track = s("rect", { fill: "transparent" });
  const asked = label(width / 2, productMiddle + 12, "?", { class: "asked muted", "text-anchor": "middle" });
  svg.append(bracket, cost, done, asked, row, column, track);
  let at = { left: 0, top: 0, cell: 1 };
  const entry = cellSlider(ui, svg, {
    name: "entry",
    label: "entry of the next product",
    text: (state) => {
      const { product: matrix, entry: place } = read(state, given);
      return matrix ? `row ${place[0] + 1}, column ${place[1] + 1}: ${signed(matrix[place[0]][place[1]], 3)}` : "none";
    },
    track,
    shape,
    at: () => at,
    read: (state) => {
      const { product: matrix = [[0]], entry: chosen = [0, 0] } = read(state, given);
      return { counts: [matrix.length, matrix[0].length], chosen };
    },
    put: (place) => ({ entry: place }),
  });

  ui.ask.hide("shape", product.node, cost, entry);
  return ({ factors, joints, names, side, counts, step, pair, product: matrix, entry: place }) => {
    const cell = Math.min(LARGEST_CELL, room / Math.max(...joints));
    const center = ({ from, to }) => (joint(from) + joint(to)) / 2;
    const drawn = places.map((one, i) => {
      show(one.node, i < factors.length);
      const { matrix: values, from, to } = factors[i] ?? { matrix: [] };
      ui.number(one.rows, `rows.${i}`, values.length, String(values.length));
      ui.number(one.columns, `columns.${i}`, values[0]?.length ?? 0, String(values[0]?.length ?? 0));
      return i < factors.length ? one.draw(values, center(factors[i]), middle, cell, names[from], names[to]) : null;
    });
    dots.forEach((dot, i) => show(dot, factors.some(({ from }) => from === i + 1)));

    for (const node of [bracket, cost, product.node, row, column, track, entry]) show(node, Boolean(pair));
    show(done, !pair);
    const next = pair ? counts[side][step] : 0;
    ui.number(count, `next.${SIDES[side].side}`, next, String(next));
    say(unit, plural(next, "multiply-add"));
    if (!pair) return;
    const [a, b] = side ? drawn.filter(Boolean).slice(-2) : drawn;
    const end = b.left + b.cell * pair[1].matrix[0].length;
    const half = Math.min(LARGEST_CELL, (PRODUCT - 36) / matrix.length, 150 / matrix[0].length);
    const x = clamp((a.left + end) / 2, (half * matrix[0].length) / 2 + 2, width - (half * matrix[0].length) / 2 - 154);
    set(bracket, { d: `M${a.left.toFixed(1)} ${bracketTop}v6H${end.toFixed(1)}v-6` });
    at = product.draw(matrix, x, productMiddle, half, names[pair[0].from], names[pair[1].to]);
    set(cost, { x: (at.left + half * matrix[0].length + 14).toFixed(1), y: (productMiddle + 5).toFixed(1) });
    const [i, j] = place;
    cover(row, a.left, a.top + i * cell, cell * joints[pair[0].to], cell);
    cover(column, b.left + j * cell, b.top, cell, cell * joints[pair[0].to]);
    cover(track, at.left, at.top, half * matrix[0].length, half * matrix.length);
    cover(shape, -half / 2, -half / 2, half, half);
  };
}

const square = (x, y, r) => `M${n(x - r)} ${n(y - r)}h${n(2 * r)}v${n(2 * r)}h${n(-2 * r)}z`;

/** The chosen entry as the sum that it is. */
function drawSum(ui) {
  const [terms, total] = [h("span"), h("strong", { class: "gradient" })];
  ui.ask.hide("shape", terms, total);
  ui.body.append(h("p", { class: "cbp-says tall" }, apart(terms, total)));
  const print = (v) => (Math.abs(v) < 0.0995 ? format(v, 3) : short(v));
  const signs = (v) => (v < 0 ? `(${print(v)})` : print(v));
  return ({ pair, product, entry }) => {
    if (!pair) {
      say(terms, "");
      return ui.number(total, null, null, "");
    }
    const [i, j] = entry;
    const [row, column] = [pair[0].matrix[i], pair[1].matrix.map((values) => values[j])];
    const products = row.map((v, k) => `${signs(v)} · ${signs(column[k])}`).join(" + ");
    const result = (v) => signed(v, 3);
    say(terms, `Row ${i + 1} times column ${j + 1}: ${products}${equal(products, result(product[i][j]), result)}`);
    ui.number(total, "entry", product[i][j], result(product[i][j]));
  };
}

const PITCH = 8;
const UNITS = (WIDEST - 1) * PITCH + 8;

/** The widths as columns of units between the matrices; the topmost is dragged. A width that was summed over is hollow. */
function drawWidths(ui, svg, { boxes, joint, base }) {
  const up = scale([1, WIDEST], [base, base - (WIDEST - 1) * PITCH]);
  const circles = (x, from, to, r) =>
    Array.from({ length: to - from + 1 }, (_, k) => `M${x - r} ${up(from + k)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`).join("");
  const columns = Array.from({ length: boxes + 1 }, (_, i) => {
    const x = joint(i);
    const units = s("path");
    const free = s("path", { class: "free" });
    const number = s("text", { class: "value strong", x: i === boxes ? x - 14 : x + 14, "text-anchor": i === boxes ? "end" : "start" });
    const name = s("text", { x, y: base + 27, "text-anchor": "middle" }, s("tspan", { class: "formula", "font-style": "italic" }));
    const role = label(x, base + 45, i === boxes ? "data" : "", { class: "small muted", "text-anchor": "middle" });
    svg.append(free, units, number, name, role);
    const trait = boxes - i;
    slideOn(ui, svg, up, x, {
      kind: "value",
      name: `width${trait}`,
      label: i === 0 ? "width of the end" : i === boxes ? "width of the data" : `width of ${LETTERS[trait]}`,
      vertical: true,
      step: 1,
      page: 3,
      get: ({ widths }) => widths[trait],
      print: String,
      put: (count) => ({ widths: ui.state.widths.with(trait, count) }),
      r: 6.5,
    });
    return { x, units, free, number, name: name.firstChild, role, trait };
  });
  return ({ joints, names, factors }) => {
    columns.forEach(({ x, units, free, number, name, role, trait }, i) => {
      const met = factors.some(({ from, to }) => from === i || to === i);
      set(units, { class: met ? "mark value" : "line value", d: circles(x, 1, joints[i] - 1, met ? 3.4 : 2.6) });
      set(free, { d: circles(x, joints[i] + 1, WIDEST, 1.5) });
      set(number, { y: up(joints[i]) + 5 });
      ui.number(number, `widths.${trait}`, joints[i], String(joints[i]));
      say(name, names[i]);
      if (i === 0) say(role, joints[0] === 1 ? "cost" : "output");
    });
  };
}
