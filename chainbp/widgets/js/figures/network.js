// What the figures of whole networks share: the graph of units with weights on its edges, the chain of boxes beside it,
// the matrices of weights with their gradients, and the steps of the walk back.

import { button, clamp, drag, format, formula, grip, h, label, mark, math, move, nice, onGrid, s, say, scale, set, show, signed } from "../kit.js";

const WEIGHT_STEP = 0.05;

const size = (value) => Math.max(...[value].flat(2).map(Math.abs));

/** The limit of an input's sliders: room beyond what was given at first, and more only where Python or an address needs it. */
export function reach(start, now, least) {
  const usual = nice(Math.max(least, 1.25 * size(start)));
  return size(now) <= usual ? usual : nice(size(now));
}

/** A matrix with another number in row n, column m. */
const withEntry = (matrix, n, m, v) => matrix.with(n, matrix[n].with(m, v));

// ---- The network, twice ------------------------------------------------------------------------------------------------

/** From this width on, the chain stands beside the units; below it, under them. */
const SIDE_BY_SIDE = 600;
export const GAP = 28;

/**
 * The graph of units, and beside or below it the chain of boxes.
 *   height    of the graph
 *   hidden    the hidden variables' symbols from x to the output: x, y′, y, then z′ and z, or z alone
 *   sizes     how many entries each of them has
 *   boxes     the formulas of the boxes, the cost's last
 *   weights   {trait, limit} of each matrix; in the last place null, where a pooling collects
 *   x, t      {limit} of the inputs' sliders, {low, high, scalar} of the targets'
 * Returns draw(state, bp, step, shares). Steps: 0 is forward, then each gives one variable its error, from the output to
 * y′; the last, with as many as there are variables, adds the gradients and the error of x.
 */
export function drawNetwork(ui, width, { height, hidden, sizes, boxes, weights, x, t }) {
  const beside = width >= SIDE_BY_SIDE;
  const chain = { width: chainWidth(Math.max(...sizes)), height: chainHeight(hidden.length) };
  const svg = ui.svg(beside ? Math.max(height, chain.height) : height + chain.height + GAP);
  const columns = [sizes[0], sizes[2], sizes.at(-1)];
  const units = drawUnits(ui, svg, beside ? width - chain.width - GAP : width, height, { columns, hidden, weights, x, t });
  const place = beside ? [width - chain.width, 12] : [(width - chain.width) / 2, height + GAP];
  const drawBoxes = drawChain(ui, svg, ...place, hidden, sizes, boxes);
  const vectors = (variables) => variables.map((v) => [v].flat());

  return (state, bp, step, shares) => {
    const gradients = bp.gradients.filter(Array.isArray); // the matrices'; that of p is shown elsewhere
    const walk = {
      values: vectors(bp.hidden),
      errors: vectors(bp.deltas),
      gradients,
      largest: Math.max(0.02, ...gradients.flat(2).map(Math.abs)),
      shares,
      loss: bp.loss,
      done: step === hidden.length,
      atWork: step > 0 && step < hidden.length ? hidden.length - step : null,
      known: (variable) => step >= hidden.length - variable,
    };
    units(state, walk);
    drawBoxes(walk);
  };
}

// ---- The graph of units ----------------------------------------------------------------------------------------------

const UNIT = 19;
const X_COLUMN = 24;
const OUT_MARGIN = 46;

/** Heights of n units, the one below the other. */
const rowsOf = (n, height) => Array.from({ length: n }, (_, i) => (height * (i + 0.5)) / n);

function drawUnits(ui, svg, width, height, { columns, hidden, weights, x, t }) {
  const last = columns.length - 1;
  const xs = columns.map((_, k) => X_COLUMN + (k * (width - X_COLUMN - OUT_MARGIN)) / last);
  const ys = columns.map((n) => rowsOf(n, height));
  const layers = weights.map((weight, k) => {
    const ends = [k, [xs[k], ys[k]], [xs[k + 1], ys[k + 1]]];
    return weight ? drawEdges(ui, svg, weight, ...ends) : drawCollecting(ui, svg, ...ends);
  });
  // What a column of units gives, and what it takes: y and y′, z and z′; a pooling takes y and has an error behind it alone.
  const columnsOfUnits = [
    { letter: "y", gives: 2, takes: 1 },
    { letter: "z", gives: hidden.length - 1, takes: 3 },
  ].map(({ letter, ...column }, k) => {
    const [aside, pooled] = [k + 1 === last ? -8 : 0, !weights[k]];
    return { ...column, letter, units: ys[k + 1].map((y, i) => drawUnit(svg, xs[k + 1], y, aside, pooled ? letter : `${letter}_${i + 1}`)) };
  });
  for (const layer of layers) layer.putHandles();
  const inputs = drawInputs(ui, svg, xs[0], ys[0], height / columns[0], x);
  const outputs = drawOutputs(ui, svg, xs[last] + 34, ys[last], Math.min(height / columns[last], 190), t);

  return (state, walk) => {
    const { values, errors, atWork } = walk;
    for (const layer of layers) layer.draw(state, walk);
    for (const { letter, gives, takes, units } of columnsOfUnits) {
      units.forEach((unit, i) => {
        ui.number(unit.value, `unit.${letter}.${i}`, values[gives][i]);
        show(unit.error, walk.known(takes));
        ui.number(unit.delta, `unit.delta_${hidden[takes]}.${i}`, errors[takes][i], signed(errors[takes][i], 3));
        unit.ring.classList.toggle("at-work", atWork === takes);
      });
    }
    inputs(state);
    outputs(state, values.at(-1), atWork === hidden.length - 1);
  };
}

function drawUnit(svg, x, y, aside, name) {
  const ring = s("circle", { class: "unit", cx: x, cy: y, r: UNIT });
  const value = s("text", { class: "value small", x, y: y + 5, "text-anchor": "middle" });
  const delta = s("text", { class: "error small", x: x + 6 + aside, y: y + UNIT + 18, "text-anchor": "middle" });
  const triangle = mark("error", 4);
  move(triangle, x - 24 + aside, y + UNIT + 13);
  const error = s("g", {}, triangle, delta);
  svg.append(ring, value, error, math(x, y - UNIT - 7, name, { class: "small", "text-anchor": "middle" }));
  return { ring, value, delta, error };
}

/** A layer's edges: each is the slider of its weight, 0 at the tick; its gradient points where the loss grows. */
function drawEdges(ui, svg, { trait, limit }, k, [x1, from], [x2, to]) {
  const edges = to.map((yTo, n) =>
    from.map((yFrom, m) => {
      const [ax, ay, bx, by] = [x1 + 10, yFrom, x2 - UNIT - 2, yTo];
      const length = Math.hypot(bx - ax, by - ay);
      const [ux, uy] = [(bx - ax) / length, (by - ay) / length];
      // Not the middle of the edge, where edges cross.
      const along = scale([-limit, limit], [0.14 * length, 0.7 * length]);
      const at = (d) => [ax + ux * d, ay + uy * d];
      const zero = at(along(0));
      const line = s("line", { class: "edge weight", x1: ax, y1: ay, x2: bx, y2: by });
      const tick = s("line", { class: "axis strong", x1: zero[0] - 5 * uy, y1: zero[1] + 5 * ux, x2: zero[0] + 5 * uy, y2: zero[1] - 5 * ux });
      const slope = s("line", { class: "edge gradient" });
      const tip = mark("gradient", 4.5);
      const handle = grip("weight", 6);
      svg.append(line, tick);
      const where = (weight) => at(along.clamped(weight));
      const put = (px, py) => {
        const weight = along.back((px - ax) * ux + (py - ay) * uy);
        const rounded = onGrid(clamp(weight, -limit, limit), WEIGHT_STEP);
        ui.change({ [trait]: withEntry(ui.state[trait], n, m, rounded) });
      };
      drag(handle, put, () => where(ui.state[trait][n][m]));
      return { line, slope, tip, handle, where, ux, uy, n, m };
    }),
  );
  const all = edges.flat();
  return {
    putHandles() {
      for (const { slope, tip } of all) svg.append(slope, tip);
      for (const { handle } of all) svg.append(handle);
    },
    draw(state, { gradients, largest, atWork, done }) {
      for (const { line, slope, tip, handle, where, ux, uy, n, m } of all) {
        const weight = state[trait][n][m];
        const [x, y] = where(weight);
        set(line, {
          "stroke-width": (1 + (4.5 * Math.min(Math.abs(weight), limit)) / limit).toFixed(2),
          "stroke-dasharray": weight < 0 ? "7 5" : null,
        });
        line.classList.toggle("at-work", atWork === 2 * k);
        move(handle, x, y);
        const size = gradients[k][n][m] / largest;
        const d = Math.sign(size) * (10 + 26 * Math.min(Math.abs(size), 1));
        show(slope, done);
        show(tip, done && size !== 0);
        set(slope, {
          x1: x.toFixed(1),
          y1: y.toFixed(1),
          x2: (x + ux * d).toFixed(1),
          y2: (y + uy * d).toFixed(1),
          "stroke-width": (1.5 + 4.5 * Math.min(Math.abs(size), 1)).toFixed(2),
        });
        move(tip, x + ux * d, y + uy * d);
      }
    },
  };
}

/** The lines from units to a pooling, each as thick as its derivative (33). */
function drawCollecting(ui, svg, k, [x1, from], [x2, [to]]) {
  const lines = from.map((y, i) => {
    const line = s("line", { class: "edge gradient", x1: x1 + UNIT + 2, y1: y, x2: x2 - UNIT - 2, y2: to });
    const base = s("line", { class: "axis", x1: x1 + UNIT + 2, y1: y, x2: x2 - UNIT - 2, y2: to });
    const number = s("text", { class: "gradient small", "text-anchor": "middle", x: x1 + 0.42 * (x2 - x1), y: y + 0.42 * (to - y) - 7 });
    svg.append(base, line);
    return { line, number, i };
  });
  return {
    putHandles: () => svg.append(...lines.map(({ number }) => number)),
    draw(_, { shares, atWork }) {
      for (const { line, number, i } of lines) {
        set(line, { "stroke-width": (6 * clamp(shares[i], 0, 1.3)).toFixed(2) });
        line.classList.toggle("at-work", atWork === 2 * k);
        ui.number(number, `pool.${i}`, shares[i]);
      }
    },
  };
}

/** The inputs x as short upright sliders. */
function drawInputs(ui, svg, x, ys, room, { limit }) {
  const half = clamp(room / 2 - 28, 14, 40);
  const numbers = ys.map((y, m) => {
    const up = scale([-limit, limit], [y + half, y - half]);
    const track = s("rect", { x: x - 20, y: y - half, width: 40, height: 2 * half, fill: "transparent" });
    const name = math(0, y - half - 14, `x_${m + 1}{ }`, { class: "small" });
    const number = s("tspan", { class: "value" });
    name.append(number);
    svg.append(
      s("line", { class: "axis strong", x1: x, x2: x, y1: y - half, y2: y + half }),
      s("line", { class: "axis strong", x1: x - 5, x2: x + 5, y1: y, y2: y }),
      track,
      name,
    );
    ui.slider({
      parent: svg,
      kind: "value",
      name: `x${m}`,
      label: `input x ${m + 1}`,
      vertical: true,
      min: -limit,
      max: limit,
      step: WEIGHT_STEP,
      get: (state) => state.x[m],
      text: (state) => format(state.x[m]),
      where: (state) => [x, up.clamped(state.x[m])],
      at: (_, py) => up.back(py),
      put: (v) => ({ x: ui.state.x.with(m, v) }),
      track,
    });
    return number;
  });
  return ({ x: values }) => numbers.forEach((number, m) => ui.number(number, `x.${m}`, values[m]));
}

/** Each output z and its target t on one upright scale; the gap between them is what the cost squares. */
function drawOutputs(ui, svg, x, ys, room, { low, high, scalar }) {
  const half = clamp(room / 2 - 26, 14, 68);
  const parts = ys.map((y, n) => {
    const up = scale([low, high], [y + half, y - half]);
    const at = (state) => (scalar ? state.t : state.t[n]);
    const gap = s("line", { class: "gap error", x1: x, x2: x });
    const z = mark("value", 5);
    const track = s("rect", { x: x - 16, y: y - half, width: 32, height: 2 * half, fill: "transparent" });
    const name = math(x + 12, y - half - 14, `t${scalar ? "" : `_${n + 1}`}{ }`, { class: "small", "text-anchor": "end" });
    const number = s("tspan", { class: "value" });
    name.append(number);
    svg.append(
      s("line", { class: "axis strong", x1: x, x2: x, y1: y - half, y2: y + half }),
      label(x, y + half + 20, format(low, 0), { class: "small muted", "text-anchor": "middle" }),
      track,
      gap,
      z,
      name,
    );
    ui.slider({
      parent: svg,
      kind: "target",
      name: `t${n}`,
      label: scalar ? "target t" : `target t ${n + 1}`,
      vertical: true,
      min: low,
      max: high,
      step: 0.01,
      get: at,
      text: (state) => format(at(state)),
      where: (state) => [x, up.clamped(at(state))],
      at: (_, py) => up.back(py),
      put: (v) => ({ t: scalar ? v : ui.state.t.with(n, v) }),
      track,
      r: 7,
    });
    return { up, at, gap, z, number };
  });
  return (state, values, atWork) =>
    parts.forEach(({ up, at, gap, z, number }, n) => {
      const [zy, ty] = [up.clamped(values[n]), up.clamped(at(state))];
      move(z, x, zy);
      set(gap, { y1: zy.toFixed(1), y2: ty.toFixed(1) });
      gap.classList.toggle("at-work", atWork);
      ui.number(number, scalar ? "t" : `t.${n}`, at(state));
    });
}

// ---- The chain of boxes ------------------------------------------------------------------------------------------------

const BOX = { width: 78, height: 26, pitch: 66 };
const ENTRY = 50;

const chainHeight = (variables) => variables * BOX.pitch + BOX.height + 22;
const chainWidth = (widest) => BOX.width / 2 + 48 + ENTRY * widest;

/** The chain from x down to the loss. Values stand right of the wires that carry them, errors below. */
function drawChain(ui, svg, left, top, hidden, sizes, boxes) {
  const wire = left + BOX.width / 2;
  const rows = hidden.map((symbol, i) => {
    const y = top + i * BOX.pitch;
    const boxTop = y + BOX.pitch - BOX.height;
    const box = s("rect", { class: "box", x: left, y: boxTop, width: BOX.width, height: BOX.height, rx: 4 });
    const down = s("path", { class: "wire value", d: `M${wire - 6} ${y - (i ? 0 : 8)}V${boxTop - 1}` });
    const up = s("path", { class: "wire error", d: `M${wire + 6} ${boxTop - 1}V${y + (i ? 3 : -5)}` });
    const upTip = s("path", { class: "mark error", d: `M${wire + 6} ${y - (i ? 1 : 9)}l-4.5 8h9Z` });
    const downTip = s("path", { class: "mark value", d: `M${wire - 6} ${boxTop - 1}l-4.5 -8h9Z` });
    const error = s("g", {}, math(wire + 20, y + 33, `δ_{${symbol}}`, { class: "error small" }));
    const cells = Array.from({ length: sizes[i] }, (_, k) => {
      const x = wire + 48 + ENTRY * (k + 1);
      const value = s("text", { class: "value small", x, y: y + 15, "text-anchor": "end" });
      const delta = s("text", { class: "error small", x, y: y + 33, "text-anchor": "end" });
      error.append(delta);
      svg.append(value);
      return { value, delta };
    });
    svg.append(
      math(wire + 20, y + 15, symbol, { class: "value small" }),
      box,
      math(wire, boxTop + 18, boxes[i], { class: "small", "text-anchor": "middle" }),
      down,
      downTip,
      error,
    );
    error.append(up, upTip);
    return { box, cells, error };
  });
  const bottom = top + hidden.length * BOX.pitch;
  const loss = s("tspan");
  const lossText = s("text", { class: "value strong", x: wire, y: bottom + 20, "text-anchor": "middle" }, "L = ", loss);
  svg.append(lossText);

  return ({ values, errors, loss: L, known, atWork }) => {
    ui.number(loss, "L", L, format(L, 3));
    rows.forEach(({ box, cells, error }, i) => {
      show(error, known(i));
      error.classList.toggle("at-work", atWork === i);
      box.classList.toggle("at-work", atWork === i);
      cells.forEach(({ value, delta }, k) => {
        ui.number(value, `hidden.${i}.${k}`, values[i][k]);
        ui.number(delta, `delta.${i}.${k}`, errors[i][k], signed(errors[i][k], 3));
      });
    });
  };
}

// ---- The matrices of weights -------------------------------------------------------------------------------------------

const CELL = { width: 86, height: 88, head: 34 };

export const matrixHeight = (rows) => CELL.head + rows * CELL.height;
export const matrixWidth = (columns, room) => columns * Math.min(CELL.width, room / columns);

/** A matrix: each weight with its slider, its gradient, and what central differences say of the same number. */
export function drawMatrix(ui, svg, left, top, width, { trait, symbol, rows, columns, limit, source, target }) {
  const column = width / columns;
  const half = column / 2 - 12;
  svg.append(math(left + 8, top + 14, symbol, { class: "weight strong" }));
  svg.append(math(left + 8 + 15 * symbol.length ** 0.5 + 16, top + 14, `∂L/∂${symbol}`, { class: "gradient small" }));
  const cells = Array.from({ length: rows * columns }, (_, i) => {
    const [n, m] = [Math.floor(i / columns), i % columns];
    const x = left + column * (m + 0.5);
    const y = top + CELL.head + CELL.height * n;
    const along = scale([-limit, limit], [x - half, x + half]);
    const track = s("rect", { x: x - half - 4, y: y + 12, width: 2 * half + 8, height: 36, fill: "transparent" });
    const value = s("text", { class: "weight", x, y: y + 12, "text-anchor": "middle" });
    const gradient = s("text", { class: "gradient small", x: x + 7, y: y + 56, "text-anchor": "middle" });
    const difference = s("text", { class: "muted small", x: x + 7, y: y + 73, "text-anchor": "middle" });
    const diamond = mark("gradient", 3.5);
    move(diamond, x - 26, y + 51);
    const computed = s("g", {}, diamond, gradient, difference, label(x - 30, y + 73, "≈", { class: "muted small" }));
    svg.append(
      s("line", { class: "axis strong", x1: x - half, x2: x + half, y1: y + 30, y2: y + 30 }),
      s("line", { class: "axis strong", x1: x, x2: x, y1: y + 25, y2: y + 35 }),
      track,
      value,
      computed,
    );
    ui.slider({
      parent: svg,
      kind: "weight",
      name: `${trait}.${n}.${m}`,
      label: `weight ${trait} from ${source} ${m + 1} to ${target} ${n + 1}`,
      min: -limit,
      max: limit,
      step: WEIGHT_STEP,
      get: (state) => state[trait][n][m],
      text: (state) => format(state[trait][n][m]),
      where: (state) => [along.clamped(state[trait][n][m]), y + 30],
      at: (px) => along.back(px),
      put: (v) => ({ [trait]: withEntry(ui.state[trait], n, m, v) }),
      track,
      r: 6,
    });
    return { n, m, value, gradient, difference, computed };
  });
  return (state, gradients, differences, visible) => {
    for (const { n, m, value, gradient, difference, computed } of cells) {
      ui.number(value, `${trait}.${n}.${m}`, state[trait][n][m]);
      ui.number(gradient, `gradient.${trait}.${n}.${m}`, gradients[n][m], signed(gradients[n][m], 4));
      ui.number(difference, `difference.${trait}.${n}.${m}`, differences[n][m], signed(differences[n][m], 4));
      show(computed, visible);
    }
  };
}

/** What the two numbers of each cell are. */
export function explainNumbers(ui) {
  const legend = ui.svg(24);
  const middle = legend.viewBox.baseVal.width / 2;
  const diamond = mark("gradient", 4);
  move(diamond, middle - 142, 11);
  legend.append(
    diamond,
    label(middle - 132, 16, "by the chain rule", { class: "gradient small" }),
    label(middle - 6, 16, "≈ by a central difference", { class: "muted small" }),
  );
}

/** Numbers of any shape, one after the other, in words. */
export const listed = (values, print) => [values].flat(2).map((v) => print(v, 3)).join(", ");

// ---- The steps of the walk ---------------------------------------------------------------------------------------------

/** "0.500 · (−0.250)": factors as they stand in a product. */
export const times = (...factors) => factors.map((v) => (v < 0 ? `(${format(v, 3)})` : format(v, 3))).join(" · ");

/** A row of buttons, one for each step, and what the step does: its `formula`, and the numbers of the first entry. */
export function drawSteps(ui, steps) {
  const row = h("div", { class: "cbp-steps", role: "group", "aria-label": "Steps of the walk" });
  const buttons = steps.map(({ button: symbol }, i) => {
    const node = button(formula(h("span"), symbol), () => ui.change({ step: i }));
    node.dataset.step = i;
    row.append(node);
    return node;
  });
  const says = h("span");
  const numbers = h("span", { class: "cbp-numbers" });
  ui.body.append(row, h("p", { class: "cbp-says" }, says, numbers));
  let shown = null;
  return (step, text) => {
    say(numbers, text);
    if (step === shown) return;
    shown = step;
    buttons.forEach((node, i) => set(node, { "aria-pressed": String(i === step) }));
    says.replaceChildren();
    formula(says, steps[step].formula);
  };
}
