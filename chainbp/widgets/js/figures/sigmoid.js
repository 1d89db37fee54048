// The sigmoid. A point on the curve and its tangent, whose slope is y (1 − y); below, that slope for every x.

import { format, label, lean, mark, math, move, nice, path, reading, s, scale, short, shows, signed, slideOn, stretch } from "../kit.js";
import { apply, sigma } from "../math.js";

const SAMPLES = 121;
const STEP = 0.05;
const SKETCHED = 13;

/** y and the slope. */
function at(x) {
  const [[y], pull] = sigma.forward([x]);
  return { y, slope: pull([1])[0] };
}

export const sigmoid = {
  name: "sigmoid",
  title: "Sigmoid",
  formula: "y = σ(x)",
  traits: ["x"],
  accepts: { x: [-1000, 1000] },
  questions: { slope: { curve: () => ({ points: SKETCHED, low: -0.1, high: 0.4 }), tell: () => "The slope is largest in the middle: ¼ at x = 0, where y = ½. To both sides it fades." } },

  layout: (state, width) => ({ width, limit: Math.abs(state.x) <= 6 ? 6 : nice(Math.abs(state.x)) }),

  range: ({ limit }) => ({ x: [-limit, limit] }),

  build(ui, { width, limit }) {
    const svg = ui.svg(HEIGHT);
    const across = scale([-limit, limit], [28, width - 18]);
    const xs = Array.from({ length: SAMPLES }, (_, k) => limit * ((2 * k) / (SAMPLES - 1) - 1));
    const slopes = drawSlopes(ui, svg, across, xs, width);
    const curve = drawCurve(ui, svg, across, xs, width, limit);
    return {
      draw({ x }) {
        const values = at(x);
        slopes(x, values);
        curve(x, values);
      },
      describe({ x }) {
        const { y, slope } = at(x);
        return `At x = ${format(x)} the sigmoid is y = ${format(y, 3)}. Its slope, y (1 − y), is ${format(slope, 3)}.`;
      },
    };
  },
};

const TOP = 40;
const CURVE = 160;
const AXIS = TOP + CURVE;
const SLOPES_TOP = AXIS + 50;
const SLOPES = 120;
const HEIGHT = SLOPES_TOP + SLOPES + 14;

/** The curve, the point that is dragged along it, and the tangent through it. */
function drawCurve(ui, svg, across, xs, width, limit) {
  const up = scale([0, 1], [AXIS - 8, TOP + 8]);
  const tangent = s("line", { class: "line gradient strong" });
  const drop = s("line", { class: "axis dashed" });
  const xSays = reading("x", { class: "value strong", x: 28, y: 16 });
  const ySays = reading("y", { class: "value strong", x: 138, y: 16 });
  const track = s("rect", { x: 0, y: TOP, width, height: CURVE, fill: "transparent" });
  ui.ask.hide("slope", tangent);
  svg.append(
    ...[0, 1].map((y) => s("line", { class: "axis", x1: across(-limit), x2: across(limit), y1: up(y), y2: up(y) })),
    label(0, up(1) + 5, "1", { class: "small muted" }),
    label(0, up(0) + 5, "0", { class: "small muted" }),
    s("path", { class: "line value", d: path(apply(sigma, xs).map((y, k) => [across(xs[k]), up(y)])) }),
    ui.clipped([across(-limit), TOP - 14, across(limit) - across(-limit), CURVE + 28], tangent),
    drop,
    xSays.node,
    ySays.node,
    track,
  );
  slideOn(ui, svg, across, null, {
    kind: "value",
    name: "x",
    label: "x",
    step: STEP * (limit / 6),
    get: ({ x }) => x,
    text: ({ x }) => `${format(x)}, y is ${format(at(x).y, 3)}`,
    where: ({ x }) => [across(x), up(at(x).y)],
    put: (x) => ({ x }),
    track,
  });

  return (x, { y, slope }) => {
    const [px, py] = [across(x), up(y)];
    // Of a length that stays the same on the screen.
    lean(tangent, [px, py], [across(1) - across(0), (up(1) - up(0)) * slope], 84);
    stretch(drop, px, py, px, AXIS);
    ui.number(ySays.number, "y", y, format(y, 3));
    ui.number(xSays.number, "x", x, short(x));
  };
}

/** The slope as a function of x, and its value at the point. */
function drawSlopes(ui, svg, across, xs, width) {
  const up = scale([-0.1, 0.4], [SLOPES_TOP + SLOPES, SLOPES_TOP]);
  const curve = s("path", { class: "line gradient", d: path(xs.map((x) => [across(x), up(at(x).slope)])) });
  const dot = shows("slope", mark("gradient", 6));
  const { node, number } = reading("y(1 − y)", { class: "gradient", x: width, y: SLOPES_TOP - 10, "text-anchor": "end" });
  ui.ask.hide("slope", curve, dot, node);
  svg.append(
    ...[0, 0.2, 0.4].flatMap((slope) => [
      s("line", { class: "axis", x1: across(xs[0]), x2: across(xs.at(-1)), y1: up(slope), y2: up(slope) }),
      label(0, up(slope) + 5, String(slope), { class: "small muted" }),
    ]),
    math(28, SLOPES_TOP - 10, "{the slope }dy/dx", { class: "small muted" }),
    curve,
    dot,
    node,
  );
  const knots = Array.from({ length: SKETCHED }, (_, k) => xs[0] + ((xs.at(-1) - xs[0]) * k) / (SKETCHED - 1));
  ui.ask.sketch("slope", svg, { xs: knots.map(across), up, at: (k) => `x = ${format(knots[k])}`, print: format });

  return (x, { slope }) => {
    move(dot, across(x), up(slope));
    ui.number(number, "slope", slope, signed(slope, 3));
  };
}
