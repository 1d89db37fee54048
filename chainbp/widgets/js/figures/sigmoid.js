// The sigmoid. A point on the curve and its tangent, whose slope is y (1 − y); below, that slope and the one that the paper
// printed for (27), x (1 − x), for every x.

import { beyond, fine, format, label, mark, math, move, nice, path, reading, s, scale, set, short, show, shows, signed } from "../kit.js";
import { apply, printed27, sigma } from "../math.js";

const SAMPLES = 121;
const STEP = 0.05;
const SKETCHED = 13;

/** y, the true slope, and the printed one. */
function at(x) {
  const [[y], pull] = sigma.forward([x]);
  return { y, slope: pull([1])[0], printed: printed27(x) };
}

export const sigmoid = {
  name: "sigmoid",
  title: "Sigmoid",
  formula: "y = σ(x)",
  traits: ["x"],
  accepts: { x: [-1000, 1000] },
  questions: { slope: { tell: () => "The slope is largest in the middle: ¼ at x = 0, where y = ½. To both sides it fades." } },

  layout(state, width) {
    return { width, limit: Math.abs(state.x) <= 6 ? 6 : nice(Math.abs(state.x)) };
  },

  range: ({ limit }) => ({ x: [-limit, limit] }),

  build(ui, { width, limit }) {
    const svg = ui.svg(HEIGHT);
    const across = scale([-limit, limit], [18, width - 18]);
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
        const { y, slope, printed } = at(x);
        return (
          `At x = ${format(x)} the sigmoid is y = ${format(y, 3)}. Its slope, y (1 − y), is ${format(slope, 3)}; ` +
          `the printed formula x (1 − x) would give ${format(printed, 3)}.`
        );
      },
    };
  },
};

const TOP = 40;
const CURVE = 160;
const AXIS = TOP + CURVE;
const SLOPES_TOP = AXIS + 84;
const SLOPES = 120;
const HEIGHT = SLOPES_TOP + SLOPES + 14;

/** The curve, the point that is dragged along it, and two straight lines through it: the tangent and the printed slope's. */
function drawCurve(ui, svg, across, xs, width, limit) {
  const up = scale([0, 1], [AXIS - 8, TOP + 8]);
  const clip = ui.unique("curve");
  const tangent = s("line", { class: "line gradient strong" });
  const wrong = s("line", { class: "line slip" });
  const drop = s("line", { class: "axis dashed", y2: AXIS });
  const xSays = reading("x", { class: "value strong", x: 18, y: 16 });
  const ySays = reading("y", { class: "value strong", x: 138, y: 16 });
  const track = s("rect", { x: 0, y: TOP, width, height: CURVE, fill: "transparent" });
  ui.ask.hide("slope", tangent, wrong);
  svg.append(
    s("clipPath", { id: clip }, s("rect", { x: 0, y: TOP - 14, width, height: CURVE + 28 })),
    ...[0, 1].map((y) => s("line", { class: "axis", x1: across(-limit), x2: across(limit), y1: up(y), y2: up(y) })),
    label(0, up(1) + 5, "1", { class: "small muted" }),
    label(0, up(0) + 5, "0", { class: "small muted" }),
    s("path", { class: "line value", d: path(apply(sigma, xs).map((y, k) => [across(xs[k]), up(y)])) }),
    s("g", { "clip-path": `url(#${clip})` }, wrong, tangent),
    drop,
    xSays.node,
    ySays.node,
    track,
  );
  ui.slider({
    parent: svg,
    kind: "value",
    name: "x",
    label: "x",
    min: -limit,
    max: limit,
    step: STEP * (limit / 6),
    get: ({ x }) => x,
    text: ({ x }) => `${format(x)}, y is ${format(at(x).y, 3)}`,
    where: ({ x }) => [across(x), up(at(x).y)],
    at: (px) => across.back(px),
    put: (x) => ({ x }),
    track,
  });

  /** A straight line of some slope through the point, of a length that stays the same on the screen. */
  function through(line, px, py, slope, reach) {
    const [dx, dy] = [across(1) - across(0), (up(1) - up(0)) * slope];
    const size = Math.hypot(dx, dy);
    const [ux, uy] = [(dx / size) * reach, (dy / size) * reach];
    set(line, { x1: (px - ux).toFixed(2), y1: (py - uy).toFixed(2), x2: (px + ux).toFixed(2), y2: (py + uy).toFixed(2) });
  }

  return (x, { y, slope, printed }) => {
    const [px, py] = [across(x), up(y)];
    through(tangent, px, py, slope, 84);
    through(wrong, px, py, printed, 84);
    set(drop, { x1: px.toFixed(2), x2: px.toFixed(2), y1: py.toFixed(2) });
    ui.number(ySays.number, "y", y, format(y, 3));
    ui.number(xSays.number, "x", x, short(x));
  };
}

/** The two slopes as functions of x, and their values at the point. */
function drawSlopes(ui, svg, across, xs, width) {
  const up = scale([-0.75, 0.55], [SLOPES_TOP + SLOPES, SLOPES_TOP]);
  const clip = ui.unique("slopes");
  const curves = [
    { kind: "slip", name: "printed", of: "{printed as (27): }x(1 − x)", values: xs.map(printed27) },
    { kind: "gradient", name: "slope", of: "y(1 − y)", values: xs.map((x) => at(x).slope) },
  ];
  svg.append(
    s("clipPath", { id: clip }, s("rect", { x: 0, y: SLOPES_TOP, width, height: SLOPES })),
    s("line", { class: "axis", x1: across(xs[0]), x2: across(xs.at(-1)), y1: up(0), y2: up(0) }),
    math(18, SLOPES_TOP - 48, "{the slope }dy/dx", { class: "small muted" }),
  );
  const rows = curves.map(({ kind, name, of, values }, k) => {
    const curve = s("path", { class: `line ${kind}`, "clip-path": `url(#${clip})`, d: path(values.map((v, i) => [across(xs[i]), up(v)])) });
    const dot = shows(name, mark(kind, 6));
    const below = shows(name, beyond(kind, "down"));
    const { node, number } = reading(of, { class: kind, x: width, y: SLOPES_TOP - 4 - 22 * k, "text-anchor": "end" });
    const shown = s("g", {}, curve, dot, below, node);
    ui.ask.hide("slope", shown);
    svg.append(shown);
    return { name, number, dot, below };
  });
  const knots = Array.from({ length: SKETCHED }, (_, k) => xs[0] + ((xs.at(-1) - xs[0]) * k) / (SKETCHED - 1));
  ui.ask.sketch("slope", svg, { xs: knots.map(across), up, low: -0.5, high: 0.5, at: (k) => `x = ${format(knots[k])}`, print: format });

  return (x, values) => {
    for (const { name, number, dot, below } of rows) {
      const value = values[name];
      const inside = up(value) <= SLOPES_TOP + SLOPES;
      show(dot, inside);
      show(below, !inside);
      move(dot, across(x), up.clamped(value));
      move(below, across(x), SLOPES_TOP + SLOPES - 4);
      ui.number(number, name, value, Math.abs(value) < 1e4 ? signed(value, 3) : fine(value));
    }
  };
}
