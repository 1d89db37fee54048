// Lp pooling. Bars y, the order p, z, and the gradient (33) of each bar; with two inputs also the ball of all y with the
// same z, and the direction of the gradient, its normal.

import { arrow, beyond, clamp, cover, drag, format, grip, largest, limitFor, mark, math, move, onGrid, path, reading, remembered, s, scale, set, short, show, shows, signed, stretch } from "../kit.js";
import { eta } from "../math.js";
import { drawBars } from "./bars.js";
import { lowered } from "./chain.js";
import { AXIS_HEIGHT, drawAxis, MIN_P } from "./p_axis.js";

const STEP = 0.1;

const largestOf = (y) => y.reduce((best, v, i) => (Math.abs(v) > Math.abs(y[best]) ? i : best), 0);

export const lpPooling = {
  name: "lp_pooling",
  title: "Lp pooling",
  formula: "z = η_p(y) = (Σ|y_i|^p)^{1/p}",
  traits: ["y", "p"],
  accepts: { y: [-1e6, 1e6], p: [MIN_P, Infinity] },
  questions: {
    fades: {
      drawn: true,
      options: ({ y }) => y.map((_, i) => lowered(`y${i + 1}`)),
      then: () => ({ p: Infinity }),
      tell: ({ y }) => {
        const [name, most] = [(i) => lowered(`y${i + 1}`), largestOf(y)];
        const fades = y.length === 2 ? `the derivative of ${name(1 - most)} fades` : "the other derivatives fade";
        return `At the starting values ${fades} to 0, and ${name(most)}, the largest in size, counts alone.`;
      },
    },
    zero: {
      options: () => ["It jumps", "It turns smoothly", "It stays"],
      then: ({ y }) => ({ y: y.with(1, -y[1]) }),
      tell: ({ y, p }) => {
        const slope = (v) => signed(eta(p).forward(y.with(1, v))[1](1)[1]);
        const away = [slope(y[1]), slope(-y[1])].join(" to ");
        return `At p = ${format(p)} it goes from ${away}, and ${p > 1 ? "on the way it passes smoothly through 0" : "jumps where the bar is zero: |y| has a corner there"}.`;
      },
    },
  },

  layout(state, width, start, given) {
    const n = state.y.length;
    const limit = limitFor(Math.max(largest(start.y) * 1.2, 1), state.y);
    // Room for z down to p = 1, if it is not out of all proportion.
    const most = clamp(1.08 * start.y.reduce((sum, v) => sum + Math.abs(v), 0), 1.5 * limit, 2.5 * limit);
    // Below zero there is room where something is, or the hand is asked to go; and in the plane of two.
    const below = n === 2 || given("ask") === "zero" || [...start.y, ...state.y].some((v) => v < 0);
    return { n, width, limit, most, low: below ? -limit : 0, beside: n === 2 && width >= 600 };
  },

  range: ({ limit, low }) => ({ y: [low, limit] }),

  build(ui, layout) {
    const { n, width, beside } = layout;
    const ball = n === 2 ? (beside ? 250 : 200) : 0;
    const stacked = ball && !beside;
    const barsWidth = beside ? width - ball - 60 : width;
    const bottom = numbersOf(layout) + 16 + uprightRoom(n, barsWidth);
    const axisTop = bottom + (stacked ? ball + 40 : 4);
    const svg = ui.svg(axisTop + AXIS_HEIGHT);
    const parts = [drawWindow(ui, svg, layout, barsWidth), drawAxis(ui, svg, width, axisTop, { from: ui.given("p_from") })];
    if (ball) {
      const place = stacked ? [(width - ball) / 2, bottom + 14] : [width - ball - 22, 34];
      parts.push(drawBall(ui, svg, layout.limit, ball, place));
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

const TOP = 16;
const BARS = 190;
const NAMES = TOP + BARS + 24;
const VALUES = NAMES + 24;
const GRADIENTS = VALUES + 50;
const GRADIENT_REACH = 30;
const numbersOf = ({ low }) => GRADIENTS + (low ? GRADIENT_REACH : 0) + 24;
const GUTTER = 108;
/** Where the numbers of so many columns must stand upright, how much room they need more. */
const uprightRoom = (n, width) => (n > 6 || (width - GUTTER) / n < 52 ? 60 : 0);

/** The bars with z across them; below each its name, its value, and its part of the gradient. */
function drawWindow(ui, svg, { n, limit, low, most }, width) {
  const numbers = numbersOf({ low });
  const more = uprightRoom(n, width);
  const gradients = GRADIENTS + (more ? 22 : 0);
  const column = Math.min(150, (width - GUTTER) / n);
  const right = column * n;
  const up = scale([low * 1.08, most], [TOP + BARS, TOP]);
  const slope = scale([0, 1], [gradients, gradients - GRADIENT_REACH]);
  // Upright, a number ends at (x, y).
  const place = (x, y) => (more ? { transform: `translate(${x + 5} ${y}) rotate(-90)`, "text-anchor": "end" } : { x, y, "text-anchor": "middle" });

  const zLine = shows("z", s("line", { class: "z value" }));
  const zReading = reading("z", { class: "value strong", x: right + 14 });
  const zBeyond = shows("z", beyond("value", "up"));
  move(zBeyond, right + 4, TOP);
  const ghosts = Array.from({ length: n }, () => s("rect", { class: "ghost" }));
  svg.append(
    s("line", { class: "axis", x1: 0, x2: right, y1: gradients, y2: gradients }),
    math(right + 12, gradients + 5, "∂z/∂y_i", { class: "gradient" }),
    ...ghosts,
    zLine,
    zReading.node,
    zBeyond,
  );
  const number = (x) => ({ class: "value", ...place(x, more ? NAMES + 8 : VALUES) });
  const bars = drawBars(ui, svg, { n, column, thick: 40, names: NAMES, number, up, low, limit, step: STEP * (limit / 5) });
  const slopes = bars.xs.map((x, i) => {
    const stem = s("line", { class: "stem gradient", x1: x, x2: x, y1: gradients });
    const tip = shows(`gradient.${i}`, mark("gradient", 5));
    const [above, below] = ["up", "down"].map((way) => shows(`gradient.${i}`, beyond("gradient", way)));
    move(above, x, gradients - GRADIENT_REACH);
    move(below, x, gradients + GRADIENT_REACH);
    const number = s("text", { class: "gradient", ...place(x, more ? numbers + 10 : numbers) });
    svg.append(stem, tip, above, below, number);
    return { x, stem, tip, above, below, number };
  });
  ui.ask.taps("fades", svg, (i) => [bars.xs[i], NAMES - 5], 13);

  return ({ y }, z, gradient) => {
    const zAt = up.clamped(z);
    show(zBeyond, up(z) < TOP);
    stretch(zLine, 0, zAt, right, zAt);
    set(zReading.node, { y: (zAt + 5).toFixed(2) });
    ui.number(zReading.number, "z", z, short(z));
    bars.draw(y);
    ghosts.forEach((ghost, i) => {
      const mirrored = up.clamped(Math.abs(y[i]));
      cover(ghost, bars.xs[i] - bars.width / 2, mirrored, bars.width, up(0) - mirrored);
      show(ghost, y[i] < 0);
    });
    slopes.forEach(({ x, stem, tip, above, below, number }, i) => {
      const inside = Math.abs(gradient[i]) <= 1.0001;
      const end = slope(inside ? gradient[i] : Math.sign(gradient[i]));
      set(stem, { y2: end.toFixed(2) });
      move(tip, x, end);
      show(tip, inside);
      show(above, gradient[i] > 1.0001);
      show(below, gradient[i] < -1.0001);
      ui.number(number, `gradient.${i}`, gradient[i], short(gradient[i], signed));
    });
  };
}

/** The plane of two inputs: the ball through y, and the direction of the gradient standing on it. */
function drawBall(ui, svg, limit, size, [left, top]) {
  const reach = limit * 1.5;
  const across = scale([-reach, reach], [left, left + size]);
  const up = scale([-reach, reach], [top + size, top]);
  const ball = s("path", { class: "ball" });
  svg.append(
    s("line", { class: "axis", x1: left, x2: left + size, y1: up(0), y2: up(0) }),
    s("line", { class: "axis", x1: across(0), x2: across(0), y1: top, y2: top + size }),
    math(left + size + 6, up(0) + 5, "y_1"),
    math(across(0), top - 8, "y_2", { "text-anchor": "middle" }),
    ui.clipped([left, top, size, size], ball),
    math(left + size / 2, top + size + 20, "y{ of this }z{, and where }∂z/∂y{ points}", { class: "small muted", "text-anchor": "middle" }),
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
  const quarterOf = remembered(quarterOfUnitBall);

  return (state, z, gradient) => {
    const quarter = quarterOf(state.p);
    const around = [[1, 1], [-1, 1], [-1, -1], [1, -1]].flatMap(([sa, sb], q) =>
      (q % 2 ? quarter.toReversed() : quarter).map(([a, b]) => [across(sa * a * z), up(sb * b * z)]),
    );
    set(ball, { d: path(around, true) });
    const [x, y] = where(state);
    move(point, x, y);
    const unit = ARROW / (Math.hypot(...gradient) || Infinity);
    normal(x, y, x + gradient[0] * unit, y - gradient[1] * unit);
  };
}

const ARROW = 38;

/** The points with η_p = 1 in the quarter where both coordinates are positive, dense where they bend. */
const quarterOfUnitBall = (p) =>
  Array.from({ length: 49 }, (_, k) => {
    const [a, b] = [1 - k / 48, k / 48].map((v) => v ** Math.min(p, 1));
    return [a, b].map((part) => part && (part / (a + b)) ** (1 / p));
  });
