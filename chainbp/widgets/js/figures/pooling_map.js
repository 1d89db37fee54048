// Lp pooling over the windows of a feature map. Y with the chosen window in a frame, one z for each window; the
// errors of the windows, the derivatives (33) in the chosen one, and the errors that come back to Y, where overlaps add.
// Numbers stand only where the frame is.

import shared from "../../shared.json";
import * as kit from "../kit.js";
import { apart, arrow, button, clamp, cover, drag, encode, format, h, label, largest, limitFor, math, remembered, s, say, scale, set, signed, slideOnLine } from "../kit.js";
import { lpPool2d, windowStarts } from "../math.js";
import { cellAt, cellSlider, centerOf, drawLegend, makeCells, makeCursor, n } from "./matrix.js";
import { AXIS_HEIGHT, drawAxis, MIN_P } from "./p_axis.js";

const { most: MOST, sizes: SIZES, strides: STRIDES } = shared.pooling_map;
const STEP = 0.1;

/** All that the figure shows, from its inputs. An address may name a window or an entry too far. */
const read = remembered(({ Y, delta, p, size, stride, ...state }) => {
  const shape = [Y.length, Y[0].length];
  const starts = shape.map((length) => windowStarts(length, size, stride));
  const cell = state.cell.map((v, axis) => clamp(v, 0, starts[axis].length - 1));
  const entry = state.entry.map((v, axis) => clamp(v, 0, shape[axis] - 1));
  const [Z, pull] = lpPool2d(p, size, stride).forward(Y);
  const windows = (each) => starts[0].map((top, a) => starts[1].map((left, b) => each(a, b, top, left)));
  const deltaZ = windows((a, b, top, left) => delta[top][left]);
  const alone = (one, v) => pull(windows((a, b) => (a === one[0] && b === one[1] ? v : 0)));
  const corner = cell.map((k, axis) => starts[axis][k]);
  const framed = (matrix) => matrix.slice(corner[0], corner[0] + size).map((row) => row.slice(corner[1], corner[1] + size));
  const terms = holding(starts, size, entry).map((one) => alone(one, deltaZ[one[0]][one[1]])[entry[0]][entry[1]]);
  const slopes = framed(alone(cell, 1));
  return { Y, p, size, stride, starts, cell, corner, entry, Z, deltaZ, deltaY: pull(deltaZ), slopes, terms, content: framed(Y) };
});

/** The windows that hold an entry, as [row, column] of the pooled map. */
function holding(starts, size, entry) {
  const [rows, columns] = starts.map((firsts, axis) =>
    firsts.flatMap((first, k) => (first <= entry[axis] && entry[axis] < first + size ? [k] : [])),
  );
  return rows.flatMap((a) => columns.map((b) => [a, b]));
}

/** The window to show with an entry: that which is shown already, or the nearest to it that holds the entry. */
function windowWith(starts, size, entry, cell) {
  const over = holding(starts, size, entry);
  const far = ([a, b]) => Math.hypot(a - cell[0], b - cell[1]);
  return over.length ? over.reduce((best, one) => (far(one) < far(best) ? one : best)) : cell;
}

/** The entries of the framed window. */
const inFrame = ({ corner: [top, left], size }) =>
  Array.from({ length: size * size }, (_, k) => [top + Math.floor(k / size), left + (k % size)]);

/** Of the framed entries those of the largest size. */
function largestIn({ Y, ...shown }) {
  const sizeOf = ([i, j]) => Math.abs(Y[i][j]);
  const cells = inFrame(shown);
  const most = Math.max(...cells.map(sizeOf));
  return cells.filter((cell) => sizeOf(cell) === most);
}

const place = ([i, j]) => `row ${i + 1}, column ${j + 1}`;

/** A number for a cell: what is exactly 0 is "0". */
const short = (v, print = format) => (v === 0 ? "0" : kit.short(v, print));

/** The shortest text of a number of two decimals at most; only what is exactly 0 is "0". */
const given = (v, print = format) => (v !== 0 && Math.abs(v) < 0.005 ? print(v) : print(v).replace(/[.]?0+$/, ""));

/** Which entry or window is chosen: one goes along with the other, so that the entry stays in the frame. */
function choose(state, { cell, entry }) {
  const now = read(state);
  const { starts, size } = now;
  if (entry) return { entry, cell: windowWith(starts, size, entry, now.cell) };
  const offset = now.entry.map((v, axis) => v - now.corner[axis]);
  const inside = offset.every((v) => v >= 0 && v < size);
  return { cell, entry: cell.map((k, axis) => starts[axis][k] + (inside ? offset[axis] : 0)) };
}

/** Other windows: the frame stays with the entry. */
function rearrange(state, patch) {
  const { starts, size, cell, entry } = read({ ...state, ...patch });
  return { ...patch, cell: windowWith(starts, size, entry, cell), entry };
}

export const poolingMap = {
  name: "pooling_map",
  title: "Lp pooling of a map",
  formula: "z = (Σ|y_i|^p)^{1/p}{ of each window}",
  traits: ["Y", "delta", "p", "size", "stride", "cell", "entry"],
  accepts: {
    Y: [-1e6, 1e6],
    delta: [-1e6, 1e6],
    p: [MIN_P, Infinity],
    size: [SIZES[0], SIZES.at(-1), 1],
    stride: [STRIDES[0], STRIDES.at(-1), 1],
    cell: [0, MOST - 1, 1],
    entry: [0, MOST - 1, 1],
  },

  questions: {
    winner: {
      drawn: true,
      options: (start) => inFrame(read(start)).map(([i, j]) => place([i, j])),
      then: (start) => ({ p: Infinity, entry: largestIn(read(start))[0] }),
      tell: (start) =>
        `At the starting values and p = ∞ the whole error goes to the largest in size: ${largestIn(read(start)).map(place).join(" and ")}.`,
    },
  },

  layout(state, width, start) {
    const limit = (name) => limitFor(Math.max(largest(start[name]), 1e-6), state[name]);
    return { width, rows: state.Y.length, columns: state.Y[0].length, limits: { Y: limit("Y"), delta: limit("delta") } };
  },

  range: ({ limits: { Y, delta } }) => ({ Y: [-Y, Y], delta: [-delta, delta] }),

  build(ui, layout) {
    const places = layout.width >= 600 ? sideBySide(layout) : stacked(layout);
    const controls = drawControls(ui);
    const svg = ui.svg(places.height);
    drawLegend(svg, "value", 9, SHAPES.value);
    const parts = [
      controls,
      drawMaps(ui, svg, layout, places),
      drawSlopes(ui, svg, places),
      ...places.arrows.map(([kind, ...ends]) => {
        const to = arrow(svg, kind);
        return () => to(...ends);
      }),
      drawChosen(ui, svg, layout, places),
      drawError(ui, svg, layout, places),
      drawSentence(ui),
    ];
    const axis = drawAxis(ui, svg, layout.width, places.axis);
    return {
      draw(state) {
        const shown = read(state);
        const inputs = poolingMap.traits.map((name) => [name, encode(state[name])]);
        set(svg, { "data-name": "state", "data-value": JSON.stringify(Object.fromEntries(inputs)) });
        for (const draw of parts) draw(shown);
        axis(state);
      },
      describe(state) {
        const { Y, p, size, stride, cell, entry, corner, content, slopes, Z, deltaZ, deltaY } = read(state);
        const list = (matrix, print) => matrix.flat().map((v) => print(v)).join(", ");
        return (
          `A map of ${Y.length} rows and ${Y[0].length} columns, pooled to ${Z.length} × ${Z[0].length} by ` +
          `windows of ${size} × ${size} with stride ${stride}; p is ${format(p)}. The framed window, ${place(cell)} of the ` +
          `pooled map, begins at ${place(corner)} and holds ${list(content, given)}. Its z is ${short(Z[cell[0]][cell[1]])}, ` +
          `its derivatives are ${list(slopes, (v) => short(v, signed))}, its error is ${given(deltaZ[cell[0]][cell[1]], signed)}. ` +
          `The chosen entry, ${place(entry)} of the map, is ${given(Y[entry[0]][entry[1]])}; ` +
          `the error that comes back to it is ${short(deltaY[entry[0]][entry[1]], signed)}.`
        );
      },
    };
  },
};

// ---- Where things stand ---------------------------------------------------------------------------------------------

const TOP = 58;
const LARGEST_CELL = 44;

/** Y and its errors at the left, the windows' at the right, the derivatives between; p beside what it changes. */
function sideBySide({ width, rows, columns }) {
  // Room for their titles, however small they are.
  const [wide, high] = [columns, rows].map((count) => Math.max(count * LARGEST_CELL, 200));
  const box = Math.min(184, width - wide - 190);
  const row = Math.max(high, 252);
  const axis = TOP + row - 4;
  const below = axis + AXIS_HEIGHT + 40;
  const [left, right] = [wide + 12, width - box - 12];
  const [middle, center] = [(left + right) / 2, right - left];
  const small = Math.min(52, (center - 64) / 3);
  const reach = (small * 3) / 2;
  const mid = { top: TOP + high / 2, below: below + high / 2 };
  return {
    Y: { left: 0, top: TOP, width: wide, height: high },
    dY: { left: 0, top: below, width: wide, height: high },
    Z: { left: width - box, top: TOP, width: box, height: high },
    dZ: { left: width - box, top: below, width: box, height: high },
    slopes: { left: middle - reach, top: mid.below - reach, width: 2 * reach, height: 2 * reach },
    chosen: { left: middle - 88, width: 176, line: mid.top + 78 },
    error: { left: width - box, width: box, line: below + row + 6 },
    arrows: [
      ["value", left, mid.top, right, mid.top],
      ["error", right, mid.below, middle + reach + 6, mid.below],
      ["error", middle - reach - 6, mid.below, left, mid.below],
    ],
    pooling: [middle, mid.top - 14],
    axis,
    height: below + row + 48,
  };
}

/** One below the other, for phones. */
function stacked({ width, rows, columns }) {
  const cell = Math.min(LARGEST_CELL, width / columns);
  const [wide, high] = [columns * cell, rows * cell];
  const left = (width - wide) / 2;
  const half = (width - 20) / 2;
  const box = Math.min(half, 154);
  const second = TOP + high + 124;
  const axis = second + box - 6;
  const third = axis + AXIS_HEIGHT + 30;
  const fourth = third + box + 40;
  return {
    Y: { left, top: TOP, width: wide, height: high },
    Z: { left: 0, top: second, width: half, height: box },
    dZ: { left: width - half, top: second, width: half, height: box },
    dY: { left, top: fourth, width: wide, height: high },
    slopes: { left: width - half, top: third, width: half, height: box },
    chosen: { left: 24, width: width - 48, line: TOP + high + 58 },
    error: { left: 0, width: half - 4, line: third + box / 2 + 12 },
    times: [half + 10, third + box / 2 + 17],
    arrows: [],
    axis,
    height: fourth + high + 10,
  };
}

// ---- The maps -------------------------------------------------------------------------------------------------------

// The room of a number below its mark.
const NUMBER = 15;
// How wide a sign of a number is at most, in the size of widgets.css.
const DIGIT = 8.2;

const SHAPES = {
  value: (x, y, r) => {
    // Two half circles, whose ends must be as far apart as the rounded radius says.
    const half = (dx) => `a${n(r)} ${n(r)} 0 0 0 ${n(dx * Number(n(r)))} 0`;
    return `M${n(x - Number(n(r)))} ${n(y)}${half(2)}${half(-2)}Z`;
  },
  error: (x, y, r) => `M${n(x - r)} ${n(y)}L${n(x + r)} ${n(y - r)}V${n(y + r)}Z`,
  gradient: (x, y, r) => `M${n(x - r)} ${n(y)}L${n(x)} ${n(y - r)}L${n(x + r)} ${n(y)}L${n(x)} ${n(y + r)}Z`,
};

/**
 * A map of marks, some with their numbers, as large as its box lets it. `draw` draws it, and tells its place; `track`
 * covers it. At most `count` numbers stand in it.
 */
function makeMap(ui, svg, { name, kind, box, source, print, count = SIZES.at(-1) ** 2 }) {
  const outside = s("path", { class: "outside" });
  svg.append(outside);
  const cells = makeCells(svg, kind, SHAPES[kind]);
  const numbers = Array.from({ length: count }, () => s("text", { class: "cell", "text-anchor": "middle" }));
  const title = math(0, 0, source, { class: `${kind} strong`, "text-anchor": "middle" });
  svg.append(...numbers, title);
  const track = s("rect", { fill: "transparent" });
  const draw = (values, most, numbered, starts) => {
    const [high, wide] = [values.length, values[0].length];
    const cell = Math.min(LARGEST_CELL, box.width / wide, box.height / high);
    const at = { left: box.left + (box.width - wide * cell) / 2, top: box.top + (box.height - high * cell) / 2, cell };
    const lift = ([i, j]) => (numbered.some(([a, b]) => a === i && b === j) ? NUMBER / 2 : 0);
    cells(values, at, most, (cell - NUMBER - 4) * (kind === "gradient" ? 1.15 : 1), lift);
    cover(track, at.left, at.top, wide * cell, high * cell);
    set(title, { x: n(at.left + (wide * cell) / 2), y: n(at.top - 12) });
    set(outside, { d: starts ? uncovered(values, starts, at) : "" });
    numbers.forEach((node, k) => {
      if (!(k in numbered)) return ui.number(node, null, null, "");
      const [i, j] = numbered[k];
      const v = values[i][j];
      ui.number(node, `${name}.${i}.${j}`, v, print(v));
      const [x, middle] = centerOf(at, [i, j]);
      set(node, { x: n(x), y: n(middle + cell / 2 - 7) });
      node.classList.toggle("muted", v === 0);
      // What is too long is squeezed.
      const squeezed = node.textContent.length * DIGIT > cell - 6 ? n(cell - 6) : null;
      set(node, { textLength: squeezed, lengthAdjust: squeezed && "spacingAndGlyphs" });
    });
    return at;
  };
  return { draw, track };
}

/** The cells that are in no window. */
function uncovered(values, [size, starts], { left, top, cell }) {
  const free = values.flatMap((row, i) => row.flatMap((_, j) => (holding(starts, size, [i, j]).length ? [] : [[i, j]])));
  return free.map(([i, j]) => `M${n(left + j * cell)} ${n(top + i * cell)}h${n(cell)}v${n(cell)}h${n(-cell)}Z`).join("");
}

const around = (node, { left, top, cell }, [i, j], size, out) =>
  cover(node, left + j * cell - out, top + i * cell - out, size * cell + 2 * out, size * cell + 2 * out);

/** Y, Z and their errors, with the frame around the chosen window in all of them, and the chosen entry. */
function drawMaps(ui, svg, { limits }, places) {
  const make = (name, kind, source, print, count) => makeMap(ui, svg, { name, kind, box: places[name], source, print, count });
  const maps = {
    Y: make("Y", "value", "Y{, a feature map}", (v) => given(v)),
    Z: make("Z", "value", "Z{, pooled}", (v) => short(v), 1),
    dY: make("dY", "error", "δ_Y{, what comes back}", (v) => short(v, signed)),
    dZ: make("dZ", "error", "δ_Z{, errors of }Z", (v) => given(v, signed), 1),
  };
  const at = {};
  const frames = Object.fromEntries(["Y", "dY", "dZ"].map((name) => [name, makeCursor()]));
  const entryInErrors = s("rect", { class: "entry", rx: 2 });
  svg.append(maps.dY.track, maps.dZ.track, frames.Y, frames.dY, frames.dZ, entryInErrors);

  /** The reader chooses a place of a map on the map itself, or on that of its errors. */
  const cursor = (trait, name, label, shape, print) => {
    const countsOf = (state) => [read(state)[name].length, read(state)[name][0].length];
    const put = (place) => choose(ui.state, { [trait]: place });
    svg.append(maps[name].track);
    const node = cellSlider(ui, svg, {
      name: trait,
      label,
      text: (state) => {
        const { [trait]: [i, j], [name]: values } = read(state);
        return `${place([i, j])}: ${print(values[i][j])}`;
      },
      track: maps[name].track,
      shape,
      at: () => at[name],
      read: (state) => ({ counts: countsOf(state), chosen: read(state)[trait] }),
      put,
    });
    const errors = maps[`d${name}`].track;
    errors.classList.add("cbp-track");
    drag(errors, (x, y) => ui.change(put(cellAt(at[`d${name}`], countsOf(ui.state), x, y))), null, () => node);
  };
  const entryShape = s("rect", { class: "entry", rx: 2 });
  const cellShape = makeCursor();
  cursor("entry", "Y", "entry of the map", entryShape, (v) => given(v));
  cursor("cell", "Z", "window", cellShape, (v) => `z is ${short(v)}`);

  // Around what is drawn in a cell, and above its number.
  const drawn = ([x, y]) => [x, y - NUMBER / 2];
  ui.ask.taps("winner", svg, (k, state) => drawn(centerOf(at.Y, inFrame(read(state))[k] ?? [0, 0])), 11);

  return ({ Y, Z, deltaY, deltaZ, size, starts, cell, corner, entry }) => {
    const framed = inFrame({ corner, size });
    at.Y = maps.Y.draw(Y, limits.Y, framed, [size, starts]);
    at.Z = maps.Z.draw(Z, Math.max(limits.Y, largest(Z)), [cell]);
    at.dY = maps.dY.draw(deltaY, Math.max(limits.delta, largest(deltaY)), framed, [size, starts]);
    at.dZ = maps.dZ.draw(deltaZ, limits.delta, [cell]);
    for (const name of ["Y", "dY"]) around(frames[name], at[name], corner, size, 0.5);
    around(frames.dZ, at.dZ, cell, 1, 0.5);
    around(entryInErrors, at.dY, entry, 1, -2);
    // The cursors' nodes stand at the centers of their cells.
    for (const [shape, name, inset] of [[entryShape, "Y", -1.5], [cellShape, "Z", 0.5]]) {
      const half = at[name].cell / 2;
      around(shape, { left: -half, top: -half, cell: 2 * half }, [0, 0], 1, inset);
    }
  };
}

/** The derivatives of the chosen window's z, between its error and the errors that come back. */
function drawSlopes(ui, svg, { slopes: box }) {
  const map = makeMap(ui, svg, { name: "slope", kind: "gradient", box, source: "{frame: }∂z/∂y", print: (v) => short(v, signed) });
  return ({ slopes, size }) => map.draw(slopes, Math.max(1, largest(slopes)), inFrame({ corner: [0, 0], size }));
}

/** A slider along a line, with the name and the number of what it moves above. */
function drawLine(ui, svg, { left, width, line }, limit, { value, ...options }) {
  const along = scale([-limit, limit], [left + 8, left + width - 8]);
  const { number } = slideOnLine(ui, svg, along, line, {
    ticks: [[0, "0"]],
    tick: "axis strong",
    says: { class: `${options.kind} strong`, x: left + width / 2, "text-anchor": "middle" },
    beside: 8,
    step: STEP * limit,
    page: 5,
    get: (state) => value(read(state)),
    ...options,
  });
  return (shown) => ui.number(number, options.name, value(shown), options.print(value(shown)));
}

const replaced = (matrix, [i, j], v) => matrix.with(i, matrix[i].with(j, v));

/** The value of the chosen entry. */
function drawChosen(ui, svg, { limits }, { chosen, pooling }) {
  if (pooling) svg.append(math(...pooling, "η_p{ of each window}", { class: "value", "text-anchor": "middle" }));
  return drawLine(ui, svg, chosen, limits.Y, {
    kind: "value",
    name: "y",
    label: "value of the chosen entry",
    source: "{chosen entry }y",
    value: ({ Y, entry: [i, j] }) => Y[i][j],
    put: (v) => ({ Y: replaced(ui.state.Y, read(ui.state).entry, v) }),
    print: (v) => given(v),
  });
}

/** The error of the chosen window. */
function drawError(ui, svg, { limits }, { error, times }) {
  if (times) svg.append(label(...times, "×", { class: "muted", "text-anchor": "middle" }));
  return drawLine(ui, svg, error, limits.delta, {
    kind: "error",
    name: "delta",
    label: "error of the framed window",
    source: "{frame: }δ_z",
    value: ({ deltaZ, cell: [a, b] }) => deltaZ[a][b],
    put: (v) => ({ delta: replaced(ui.state.delta, read(ui.state).corner, v) }),
    print: (v) => given(v, signed),
  });
}

// ---- Around the drawing -----------------------------------------------------------------------------------------------

/** Which windows: their size and their stride. */
function drawControls(ui) {
  const group = (trait, word, values, text) => {
    const buttons = values.map((v) => button(text(v), () => ui.change(rearrange(ui.state, { [trait]: v }))));
    const node = h("div", { role: "group", "aria-label": word }, h("span", { class: "muted" }, word), ...buttons);
    return { node, draw: (shown) => buttons.forEach((b, i) => set(b, { "aria-pressed": String(values[i] === shown[trait]) })) };
  };
  const groups = [group("size", "windows", SIZES, (v) => `${v} × ${v}`), group("stride", "stride", STRIDES, String)];
  ui.body.append(h("div", { class: "cbp-controls" }, ...groups.map(({ node }) => node)));
  return (shown) => groups.forEach(({ draw }) => draw(shown));
}

const joined = (texts) => [texts.slice(0, -1).join(", "), texts.at(-1)].filter(Boolean).join(" and ");

/** What the chosen entry gets, and from how many windows; what is special about the framed window. */
function drawSentence(ui) {
  const [before, total, after] = [h("span"), h("strong", { class: "error" }), h("span")];
  ui.body.append(h("p", { class: "cbp-says" }, apart(before, total, after)));
  return ({ entry: [i, j], deltaY, deltaZ, cell, corner, terms, slopes, content, p }) => {
    const texts = terms.map((v) => short(v, signed));
    const slope = slopes[i - corner[0]]?.[j - corner[1]];
    const inFrame = terms.length === 1 && slope !== undefined;
    if (!terms.length) say(before, "The chosen entry is in no window: what comes back to it is ");
    else if (inFrame) say(before, `The chosen entry’s ∂z/∂y, ${short(slope, signed)}, times its window’s error, ${given(deltaZ[cell[0]][cell[1]], signed)}, gives back `);
    else if (terms.length === 1) say(before, "What comes back to the chosen entry is ");
    else say(before, `The chosen entry is in ${terms.length} windows. The errors that they send back, ${joined(texts)}, add up to `);
    ui.number(total, "sum", deltaY[i][j], short(deltaY[i][j], signed));
    const winners = slopes.flat().filter((v) => v !== 0).length;
    if (largest(content) === 0) say(after, ". The framed window is all zeros: nothing goes back into it.");
    else if (p === Infinity && winners > 1) say(after, `. In the frame ${winners} entries tie for the largest size and share the error.`);
    else say(after, ".");
  };
}
