// A matrix as cells: a grid, and in each cell a mark whose area is the size of the entry. And how the reader chooses one.

import { clamp, label, s, set } from "../kit.js";

export const n = (v) => v.toFixed(1);

/** Lines around and between cells. */
function gridOf(rows, columns, { left, top, cell }) {
  const [right, bottom] = [left + columns * cell, top + rows * cell];
  const across = Array.from({ length: rows - 1 }, (_, i) => `M${n(left)} ${n(top + (i + 1) * cell)}H${n(right)}`);
  const down = Array.from({ length: columns - 1 }, (_, j) => `M${n(left + (j + 1) * cell)} ${n(top)}V${n(bottom)}`);
  return `M${n(left)} ${n(top)}H${n(right)}V${n(bottom)}H${n(left)}Z${across.join("")}${down.join("")}`;
}

/**
 * The paths of a matrix: its grid, and its marks, positive ones filled and negative ones hollow; zero has none. Returns a
 * function that draws it at a place {left, top, cell}. `shape(x, y, r)` is a mark, `r` at most half of `full`, the size of
 * an entry `most`; a mark stands `lift([i, j])` above the center of its cell.
 */
export function makeCells(svg, kind, shape) {
  const grid = s("path", { class: "grid" });
  const positive = s("path", { class: `cells ${kind}` });
  const negative = s("path", { class: `cells hollow ${kind}` });
  svg.append(grid, positive, negative);
  return (values, place, most, full, lift = () => 0) => {
    const drawn = { 1: "", [-1]: "" };
    values.forEach((row, i) =>
      row.forEach((v, j) => {
        if (v === 0 || Number.isNaN(v)) return;
        // A hollow mark's outline, 1.5 wide, stands half outside of its path. However small, what is not 0 can be seen.
        const r = (full / 2) * Math.sqrt(Math.min(Math.abs(v) / most, 1)) - (v < 0 ? 0.75 : 0);
        const [x, y] = centerOf(place, [i, j]);
        drawn[Math.sign(v)] += shape(x, y - lift([i, j]), Math.max(r, 0.6));
      }),
    );
    set(grid, { d: gridOf(values.length, values[0].length, place) });
    set(positive, { d: drawn[1] });
    set(negative, { d: drawn[-1] });
  };
}

/** The center of a cell. */
export const centerOf = ({ left, top, cell }, [i, j]) => [left + (j + 0.5) * cell, top + (i + 0.5) * cell];

/** A frame around what is chosen. */
export const makeCursor = () => s("rect", { class: "cursor", rx: 3 });

/** What the marks mean. */
export function drawLegend(svg, kind, middle, shape) {
  svg.append(
    s("path", { class: `cells ${kind}`, d: shape(6, middle, 5) }),
    label(16, middle + 5, "positive", { class: "small muted" }),
    s("path", { class: `cells hollow ${kind}`, d: shape(90, middle, 4.5) }),
    label(100, middle + 5, "negative; the area is the size", { class: "small muted" }),
  );
}

/** Which cell of so many rows and columns a point lies in, or is nearest to. */
export const cellAt = ({ left, top, cell }, [rows, columns], x, y) => [
  clamp(Math.floor((y - top) / cell), 0, rows - 1),
  clamp(Math.floor((x - left) / cell), 0, columns - 1),
];

/**
 * A slider whose units are the places of a matrix, row after row; the arrow keys go four ways. `at()` is where the matrix
 * stands, `read(state)` gives {counts: [rows, columns], chosen: [i, j]}, and `put([i, j])` is the change.
 */
export function cellSlider(ui, svg, { name, label, text, track, shape, at, read, put }) {
  const unit = ({ counts }, [i, j]) => i * counts[1] + j;
  return ui.slider({
    parent: svg,
    name,
    label,
    min: 0,
    max: (state) => read(state).counts.reduce((rows, columns) => rows * columns) - 1,
    step: 1,
    get: (state) => unit(read(state), read(state).chosen),
    text,
    where: (state) => centerOf(at(), read(state).chosen),
    at: (x, y) => unit(read(ui.state), cellAt(at(), read(ui.state).counts, x, y)),
    put: (units) => {
      const [, columns] = read(ui.state).counts;
      return put([Math.floor(units / columns), units % columns]);
    },
    track,
    shape,
    keys: (state) => {
      const { counts: [rows, columns], chosen: [i] } = read(state);
      const [up, down] = [i > 0 ? -columns : 0, i < rows - 1 ? columns : 0];
      return { ArrowUp: up, ArrowDown: down, PageUp: up, PageDown: down };
    },
  });
}
