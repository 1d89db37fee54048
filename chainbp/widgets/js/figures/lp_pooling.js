// Figure 4: Lp pooling. Bars y, the order p from 0.2 to ∞, z, and the gradient (33) on each bar; with two inputs also
// the ball of all y with the same z, and the gradient as its normal.

import { arrow, clamp, drag, format, grip, label, mark, math, move, nice, onGrid, path, reading, s, scale, set, show, signed } from "../kit.js";
import { apply, eta } from "../math.js";
import { barSlider } from "./bars.js";
import { AXIS_HEIGHT, drawAxis, MIN_P } from "./p_axis.js";

const STEP = 0.1;

const subscript = (name, i) => `${name}_${i + 1}`;

export const lpPooling = {
  name: "lp_pooling",
  title: "Lp pooling",
  formula: "z = η_p(y) = (Σ|y_i|^p)^{1/p}",
  traits: ["y", "p"],
  accepts: { y: [-1e6, 1e6], p: [MIN_P, Infinity] },

  layout(state, width, start) {
    const size = (y) => Math.max(...y.map(Math.abs));
    const usual = nice(Math.max(size(start.y) * 1.2, 1));
    const n = state.y.length;
    return { n, width, limit: size(state.y) <= usual ? usual : nice(size(state.y)), beside: n === 2 && width >= 600 };
  },

  range: ({ limit }) => ({ y: [-limit, limit], p: [MIN_P, Infinity] }),

  build(ui, layout) {
    const ballSize = layout.n === 2 ? 250 : 0;
    const barsWidth = layout.beside ? layout.width - ballSize - 60 : layout.width;
    const stacked = ballSize && !layout.beside;
    const axisTop = BARS_HEIGHT + (stacked ? ballSize + 54 : 12);
    const svg = ui.svg(axisTop + AXIS_HEIGHT);
    const parts = [drawBars(ui, svg, layout, barsWidth), drawAxis(ui, svg, layout.width, axisTop)];
    if (ballSize) {
      const place = stacked ? [(layout.width - ballSize) / 2, BARS_HEIGHT + 24] : [layout.width - ballSize - 22, 34];
      parts.push(drawBall(ui, svg, layout.limit, ballSize, place));
    }
    return {
      draw(state) {
        const [z, pull] = eta(state.p).forward(state.y);
        const gradient = pull(1);
        for (const draw of parts) draw(state, z, gradient);
      },
      describe({ y, p }) {
        const [z, pull] = eta(p).forward(y);
        const list = (values, print) => values.map((v) => print(v)).join(", ");
        return `y is ${list(y, format)} and p is ${format(p)}. z is ${format(z)}. The gradient of z is ${list(pull(1), signed)}.`;
      },
    };
  },
};

const TOP = 20;
const BARS = 250;
const NAMES = TOP + BARS + 26;
const GRADIENTS = NAMES + 76;
const GRADIENT_REACH = 36;
const BARS_HEIGHT = GRADIENTS + 62;

/** The bars with their values, z across them, and each bar's gradient below it. */
function drawBars(ui, svg, { n, limit }, width) {
  const gutter = 82;
  const column = Math.min(150, (width - gutter) / n);
  const thickness = Math.min(40, column * 0.5);
  const center = (i) => column * (i + 0.5);
  const right = column * n;
  const up = scale([-limit * 1.08, limit * 1.5], [TOP + BARS, TOP]);
  const slope = scale([0, 1], [GRADIENTS, GRADIENTS - GRADIENT_REACH]);

  const zLine = s("line", { class: "z value", x1: 0, x2: right });
  const zReading = reading("z", { class: "value strong" });
  const zBeyond = label(0, 0, "▲", { class: "value", "text-anchor": "middle", "font-size": 11 });
  svg.append(
    s("line", { class: "axis", x1: 0, x2: right, y1: up(0), y2: up(0) }),
    s("line", { class: "axis", x1: 0, x2: right, y1: GRADIENTS, y2: GRADIENTS }),
    math(right + 12, GRADIENTS + 5, "∂z/∂y_i", { class: "gradient" }),
  );
  const bars = Array.from({ length: n }, (_, i) => {
    const x = center(i);
    const ghost = s("rect", { class: "ghost", x: x - thickness / 2, width: thickness });
    const bar = s("rect", { class: "bar value", x: x - thickness / 2, width: thickness });
    const value = s("text", { class: "value", x, "text-anchor": "middle" });
    const stem = s("line", { class: "stem gradient", x1: x, x2: x, y1: GRADIENTS });
    const tip = mark("gradient", 5);
    const number = s("text", { class: "gradient", x, "text-anchor": "middle" });
    svg.append(ghost, bar, stem, tip, number, math(x, NAMES, subscript("y", i), { "text-anchor": "middle" }));
    return { x, ghost, bar, value, stem, tip, number };
  });
  svg.append(zLine, zReading.node, zBeyond);
  bars.forEach(({ x, value }, i) => {
    svg.append(value);
    barSlider(ui, svg, { i, x, up, limit, step: STEP * (limit / 5) });
  });

  return ({ y }, z, gradient) => {
    const zAt = up.clamped(z);
    const beyond = up(z) < TOP;
    set(zLine, { y1: zAt.toFixed(2), y2: zAt.toFixed(2) });
    show(zBeyond, beyond);
    set(zBeyond, { x: right + 6, y: TOP + 4 });
    set(zReading.node, { x: right + 14, y: (zAt + 5).toFixed(2) });
    ui.number(zReading.number, "z", z);
    bars.forEach((bar, i) => {
      const [zero, at] = [up(0), up.clamped(y[i])];
      set(bar.bar, { y: Math.min(zero, at).toFixed(2), height: Math.abs(at - zero).toFixed(2) });
      const mirrored = up.clamped(Math.abs(y[i]));
      set(bar.ghost, { y: mirrored.toFixed(2), height: (zero - mirrored).toFixed(2) });
      show(bar.ghost, y[i] < 0);
      set(bar.value, { y: (at + (y[i] < 0 ? 28 : -16)).toFixed(2) });
      ui.number(bar.value, `y.${i}`, y[i], format(y[i]));
      const drawn = clamp(gradient[i], -1.05, 1.05);
      const tip = slope(drawn);
      set(bar.stem, { y2: tip.toFixed(2) });
      move(bar.tip, bar.x, tip);
      set(bar.number, { y: (tip + (gradient[i] < 0 ? 22 : -12)).toFixed(2) });
      ui.number(bar.number, `gradient.${i}`, gradient[i], signed(gradient[i]));
    });
  };
}

/** The plane of two inputs: the ball through y, and the gradient standing on it. */
function drawBall(ui, svg, limit, size, [left, top]) {
  const reach = limit * 1.1;
  const across = scale([-reach, reach], [left, left + size]);
  const up = scale([-reach, reach], [top + size, top]);
  const clip = ui.unique("ball");
  const ball = s("path", { class: "ball", "clip-path": `url(#${clip})` });
  svg.append(
    s("clipPath", { id: clip }, s("rect", { x: left, y: top, width: size, height: size })),
    s("line", { class: "axis", x1: left, x2: left + size, y1: up(0), y2: up(0) }),
    s("line", { class: "axis", x1: across(0), x2: across(0), y1: top, y2: top + size }),
    math(left + size + 6, up(0) + 5, "y_1"),
    math(across(0), top - 8, "y_2", { "text-anchor": "middle" }),
    ball,
    math(left + size / 2, top + size + 18, "{all }y{ with the same }z{, and the gradient}", {
      class: "small muted",
      "text-anchor": "middle",
    }),
  );
  const normal = arrow(svg, "gradient");
  const point = grip("value", 8);
  svg.append(point);
  const where = ({ y }) => [across.clamped(y[0]), up.clamped(y[1])];
  drag(
    point,
    (x, y) => ui.change({ y: [onGrid(across.back(x), STEP), onGrid(up.back(y), STEP)] }),
    () => where(ui.state),
  );

  return (state, z, gradient) => {
    const quarter = quarterOfUnitBall(state.p).map(([a, b]) => [a * z, b * z]);
    const around = [[1, 1], [-1, 1], [-1, -1], [1, -1]].flatMap(([sa, sb], q) =>
      (q % 2 ? [...quarter].reverse() : quarter).map(([a, b]) => [across(sa * a), up(sb * b)]),
    );
    set(ball, { d: path(around, true) });
    const [x, y] = where(state);
    move(point, x, y);
    const length = Math.hypot(...gradient);
    const drawn = length ? (clamp(length, 0, 1.5) * 46) / length : 0;
    normal(x, y, x + gradient[0] * drawn, y - gradient[1] * drawn);
  };
}

// Directions in the quarter plane, dense toward the axes, where the ball has its spikes for p < 1; 45° is among them.
const DIRECTIONS = Array.from({ length: 49 }, (_, k) => {
  const [a, b] = [(k / 48) ** 4, (1 - k / 48) ** 4];
  const angle = ((Math.PI / 2) * a) / (a + b);
  return [k === 48 ? 0 : Math.cos(angle), Math.sin(angle)];
});

/** The points with η_p = 1 in the quarter where both coordinates are positive. */
function quarterOfUnitBall(p) {
  const pooling = eta(p);
  return DIRECTIONS.map((direction) => {
    const size = apply(pooling, direction);
    return direction.map((v) => v / size);
  });
}
