// Figure 6: gradient descent. The loss of the network with Lp pooling over two of its parameters, as a map; the gradient
// at a point, the next step, and the path of the steps.

import { contours } from "d3-contour";
import { arrow, button, clamp, drag, format, formula, grip, h, label, list, mark, math, move, onGrid, path, plural, reading, s, same, say, scale, set, signed, slideOn, slideOnLine, stretch } from "../kit.js";
import { compose, eta, lossOverSamples, rho, samples, sigma, squaredError, sumOverSamples } from "../math.js";
import { lowered } from "./chain.js";
import { MIN_P } from "./p_axis.js";

// How far the map reaches, and an address.
const LIMITS = { W: [-4, 4], p: [MIN_P, MIN_P + 8], rate: [0.01, 100] };
const FREE = [-Infinity, Infinity];
const GRID = 36;
const BANDS = 14;
const LABELED = 3;
const STEP = 0.05;
const MAP_TOP = 34;
const MARGIN = { left: 52, bottom: 62 };
const PANEL = 216;
const PACE = 160;
const MOST_STEPS = 1000;
const SOON = 5;
const ASKED_STEPS = 20;
const AT_ONCE = 50;
const printed = (rate) => format(rate, rate < 0.1 ? 3 : 2);

const networkOf = ({ W, p }) => compose(eta(p), sigma, rho(W));

/** The parameters in one list: the weights row by row, then p. */
const flat = ({ W, p }) => [...W.flat(), p];
const names = (W) => [...W.flatMap((row, n) => row.map((_, m) => lowered(`W${n + 1}${m + 1}`))), "p"];
const symbols = (W) => [...W.flatMap((row, n) => row.map((_, m) => `W_{${n + 1}${m + 1}}`)), "p"];

/** The change of traits that puts two parameters at two values. */
function put({ W, p }, axes, point) {
  const values = flat({ W, p });
  axes.forEach((axis, k) => (values[axis] = point[k]));
  return { W: W.map((row) => row.map(() => values.shift())), p: values.at(-1) };
}

const pointOf = (state, axes) => axes.map((axis) => flat(state)[axis]);

const limitsOf = (state, axis) => (axis === flat(state).length - 1 ? LIMITS.p : LIMITS.W);

/** The two parameters that the map shows: both there, and not the same. */
function chosenAxes(state) {
  const count = flat(state).length;
  const [a, b] = state.axes.map((axis) => clamp(axis, 0, count - 1));
  return [a, a === b ? (a + 1) % count : b];
}

/** Loss and the two derivatives at the present point. */
function look(state, axes) {
  const { loss, gradients } = sumOverSamples(squaredError, networkOf(state), samples(state.X, state.T));
  const all = [...gradients[0].flat(), gradients[1]];
  return { loss, gradient: axes.map((axis) => all[axis]) };
}

/** Where a step leads: not over the edge of the map. */
const next = (state, axes, gradient) =>
  pointOf(state, axes).map((v, k) => clamp(v - state.rate * gradient[k], ...limitsOf(state, axes[k])));

/** The losses before and after each of so many steps. */
function losses(steps, state, axes) {
  let now = state;
  return Array.from({ length: steps + 1 }, () => {
    const { loss, gradient } = look(now, axes);
    now = { ...now, ...put(now, axes, next(now, axes, gradient)) };
    return loss;
  });
}

export const descent = {
  name: "descent",
  title: "Gradient descent",
  formula: "θ ← θ − {rate} · ∂L/∂θ",
  traits: ["W", "X", "T", "p", "rate", "axes"],
  accepts: { ...LIMITS, X: [-100, 100], T: [-100, 100], axes: [0, 16, 1] },

  questions: {
    rate: {
      options: () => ["Arrive sooner, and stay", "Leap across the valley", "Creep"],
      then: ({ rate }) => ({ rate: 10 * rate }),
      tell: (start) => {
        const axes = chosenAxes(start);
        const [slow, fast] = [1, 10].map((factor) => losses(ASKED_STEPS, { ...start, rate: Math.min(factor * start.rate, LIMITS.rate[1]) }, axes));
        const rises = fast.filter((loss, k) => loss > fast[k - 1]).length;
        const says = rises ? `It leaps: L goes up in ${rises} of ${ASKED_STEPS} steps` : fast.at(-1) < slow.at(-1) ? "It arrives sooner" : "It creeps";
        const [soon, late] = [SOON, ASKED_STEPS].map((k) => [fast[k], slow[k]].map((loss) => format(loss, 3)));
        const compared = `After ${SOON} steps from the start L is ${soon[0]}, and ${soon[1]} at a rate of ${start.rate}; after ${ASKED_STEPS}, ${late[0]} and ${late[1]}`;
        return `${says}. ${compared}. Press Play and see the path.`;
      },
    },
  },

  layout(state, width) {
    const axes = chosenAxes(state);
    // What the map depends on: the parameters that stay, and the data.
    const others = flat(state).map((value, k) => (axes.includes(k) ? null : value));
    return { width, axes, others, X: state.X, T: state.T };
  },

  // What the map does not show stays where it is, however far from it.
  range: () => ({ W: FREE, p: FREE, X: FREE, T: FREE }),

  build(ui, { width, ...map }) {
    const { axes } = map;
    const beside = width >= 600;
    const side = Math.min(width - MARGIN.left - 20, beside ? Math.min(400, width - MARGIN.left - 44 - PANEL) : 300);
    const panelTop = beside ? 36 : MAP_TOP + side + MARGIN.bottom + 12;
    const height = beside ? MAP_TOP + side + MARGIN.bottom : panelTop + 306;
    const controls = h("div", { class: "cbp-steps" });
    ui.body.append(controls);
    const svg = ui.svg(height);
    // On the same map the steps stay, whatever its width, and its data stand open.
    if (!same(ui.kept.map, map)) Object.assign(ui.kept, { map, trail: [], data: drawData(ui.state) });
    ui.body.append(ui.kept.data);
    const reach = [[MARGIN.left, MARGIN.left + side], [MAP_TOP + side, MAP_TOP]];
    const parameter = axes.map((axis, k) => ({
      to: scale(limitsOf(ui.state, axis), reach[k]),
      symbol: symbols(ui.state.W)[axis],
      name: names(ui.state.W)[axis],
    }));
    const walk = makeWalk(ui, svg, axes);
    drawMap(ui, svg, axes, parameter, side);
    const place = drawPlace(ui, svg, axes, parameter, side);
    const panel = drawPanel(ui, svg, beside ? MARGIN.left + side + 36 : 8, panelTop, beside ? width - MARGIN.left - side - 44 : width - 16, parameter);
    const buttons = drawButtons(ui, walk, controls);
    drawChoice(ui, axes, controls);
    return {
      draw(state) {
        const now = look(state, axes);
        walk.follow(state, now.loss);
        place(state, now, walk);
        panel(state, now, walk);
        buttons();
      },
      describe(state) {
        const { loss, gradient } = look(state, axes);
        const point = pointOf(state, axes);
        const here = parameter.map(({ name }, k) => `${name} is ${format(point[k])} with derivative ${signed(gradient[k], 3)}`);
        return `${here.join(", ")}; the loss is ${format(loss, 3)}. Steps made at learning rate ${format(state.rate)}: ${walk.trail.length - 1}.`;
      },
    };
  },
};

/** The steps: the points visited, and who moves on. A move by hand, by Python or by a reset begins a new trail. */
function makeWalk(ui, svg, axes) {
  let stepping = false;
  let timer = null;
  const walk = {
    trail: ui.kept.trail,
    playing: () => timer !== null,
    step() {
      const at = pointOf(ui.state, axes);
      const to = next(ui.state, axes, look(ui.state, axes).gradient);
      const far = Math.hypot(to[0] - at[0], to[1] - at[1]);
      if (far < 1e-7 || walk.trail.length > MOST_STEPS) return false;
      stepping = true;
      ui.change(put(ui.state, axes, to));
      stepping = false;
      return true;
    },
    play() {
      if (!svg.isConnected) return;
      // Who wants no motion sees where it ends.
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) for (let i = 1; i < AT_ONCE && walk.step(); i++);
      if (walk.step()) timer = setTimeout(walk.play, PACE);
      else {
        walk.pause();
        ui.redraw();
      }
    },
    pause() {
      clearTimeout(timer);
      timer = null;
    },
    /** Called at every drawing: keep the trail in step with the state. */
    follow(state, loss) {
      const point = pointOf(state, axes);
      if (walk.trail.length && point.every((v, k) => v === walk.trail.at(-1)[k])) return;
      if (!stepping) {
        walk.trail.length = 0;
        walk.pause();
      }
      walk.trail.push([...point, loss]);
    },
  };
  return walk;
}

/** The loss over the map: bands, darker where it is higher, some of their edges labeled. */
function drawMap(ui, svg, axes, parameter, side) {
  const { state } = ui;
  const data = samples(state.X, state.T);
  const unit = side / GRID;
  const [across, up] = parameter.map(({ to }) => to);
  const place = ([i, j]) => [MARGIN.left + (i - 1) * unit, MAP_TOP + side - (j - 1) * unit];
  // One cell more on each side, so that no band ends at the edge of the map.
  const cells = Array.from({ length: GRID + 2 }, (_, i) => i + 0.5);
  const losses = cells.flatMap((j) =>
    cells.map((i) => {
      const [x, y] = place([i, j]);
      return lossOverSamples(squaredError, networkOf(put(state, axes, [across.back(x), up.back(y)])), data);
    }),
  );
  // Bands of equal areas: a steep side must not take the details from the valley.
  const sorted = losses.toSorted((a, b) => a - b);
  const levels = Array.from({ length: BANDS }, (_, k) => sorted[Math.floor(((k + 0.35) / BANDS) * sorted.length)]);
  const bands = ui.clipped([MARGIN.left, MAP_TOP, side, side]);
  svg.append(bands);
  const marks = [];
  contours().size([GRID + 2, GRID + 2]).thresholds(levels)(losses).forEach(({ coordinates, value: level }, k) => {
    const rings = coordinates.flat().map((ring) => ring.map(place));
    bands.append(s("path", { class: "band", d: rings.map((ring) => path(ring, true)).join("") }));
    if (k % LABELED !== 1) return;
    const spot = labelSpot(rings, side);
    if (spot && marks.every(([x, y]) => Math.hypot(x - spot[0], y - spot[1]) > 44)) {
      marks.push(spot);
      svg.append(label(spot[0], spot[1] + 4, format(level, level < 1 ? 2 : 1), { class: "small muted", "text-anchor": "middle" }));
    }
  });
  svg.append(s("rect", { class: "frame", x: MARGIN.left, y: MAP_TOP, width: side, height: side }));
  for (const k of [0, 1]) {
    const [a, b] = parameter[k].to.ends;
    for (let tick = Math.ceil(a / 2) * 2; tick <= b; tick += 2) {
      const text = { class: "small muted", "text-anchor": k ? "end" : "middle" };
      svg.append(k ? label(MARGIN.left - 22, up(tick) + 4, format(tick, 0), text) : label(across(tick), MAP_TOP + side + 36, format(tick, 0), text));
    }
  }
}

/** The point of a level's lines at which its number stands: well inside of the map, as far up and right as can be. */
function labelSpot(rings, side) {
  const inside = rings.flat().filter(([x, y]) => x > MARGIN.left + 24 && x < MARGIN.left + side - 24 && y > MAP_TOP + 16 && y < MAP_TOP + side - 16);
  return inside.reduce((best, spot) => (!best || spot[0] - 1.3 * spot[1] > best[0] - 1.3 * best[1] ? spot : best), null);
}

/** The point, its sliders at the edges, the gradient, the next step, and the trail. */
function drawPlace(ui, svg, axes, parameter, side) {
  const trail = s("path", { class: "trail weight" });
  const dots = s("path", { class: "dots weight" });
  const ahead = s("line", { class: "ahead weight" });
  const target = s("rect", { class: "next-point weight", x: -5, y: -5, width: 10, height: 10 });
  svg.append(trail, dots, ahead, target);
  const gradientArrow = arrow(svg, "gradient");
  const placed = (point) => parameter.map(({ to }, k) => to.clamped(point[k]));
  for (const k of [0, 1]) {
    const edge = k ? MARGIN.left - 10 : MAP_TOP + side + 12;
    const [x, y, trackWidth, trackHeight] = k ? [edge - 12, MAP_TOP, 22, side] : [MARGIN.left, edge - 10, side, 22];
    const track = s("rect", { x, y, width: trackWidth, height: trackHeight, fill: "transparent" });
    svg.append(track);
    slideOn(ui, svg, parameter[k].to, edge, {
      kind: "weight",
      name: "ab"[k],
      label: parameter[k].name,
      vertical: Boolean(k),
      step: STEP,
      get: (state) => pointOf(state, axes)[k],
      put: (v) => put(ui.state, axes, pointOf(ui.state, axes).with(k, v)),
      track,
      r: 6,
    });
  }
  const corners = [{ x: MARGIN.left + side, y: MAP_TOP + side + 56, "text-anchor": "end" }, { x: MARGIN.left, y: MAP_TOP - 10 }];
  const labels = parameter.map(({ symbol }, k) => reading(symbol, { class: "weight strong", ...corners[k] }));
  const point = grip("weight", 8, s("circle", { class: "ring", r: 14 }));
  svg.append(...labels.map(({ node }) => node), point);
  drag(
    point,
    (...at) => ui.change(put(ui.state, axes, parameter.map(({ to }, k) => clamp(onGrid(to.back(at[k]), STEP), ...to.ends)))),
    () => placed(pointOf(ui.state, axes)),
  );

  return (state, { gradient }, walk) => {
    const at = pointOf(state, axes);
    const [x, y] = placed(at);
    move(point, x, y);
    at.forEach((v, k) => ui.number(labels[k].number, "ab"[k], v));
    const to = placed(next(state, axes, gradient));
    stretch(ahead, x, y, ...to);
    move(target, ...to);
    const size = Math.hypot(...gradient);
    const [ux, uy] = size ? [gradient[0] / size, -gradient[1] / size] : [0, 0];
    // No longer than there is room.
    const [left, right, top, bottom] = [6, MARGIN.left + side + 18, 6, MAP_TOP + side + 18];
    const room = Math.min(((ux > 0 ? right : left) - x) / ux || Infinity, ((uy > 0 ? bottom : top) - y) / uy || Infinity);
    const drawn = Math.min(24 + 56 * Math.min(size / 2, 1), room);
    gradientArrow(x, y, x + ux * drawn, y + uy * drawn);
    const points = walk.trail.map(placed);
    set(trail, { d: path(points) });
    set(dots, { d: points.slice(0, -1).map(([px, py]) => `M${px.toFixed(1)} ${py.toFixed(1)}h0`).join("") });
  };
}

/** The loss after each step of the trail, from its beginning. */
function drawHistory(svg, left, top, width) {
  const bottom = top + 86;
  const line = s("path", { class: "line value" });
  const now = mark("value", 5);
  svg.append(
    math(left, top - 12, "L{ after each step}", { class: "small muted" }),
    s("line", { class: "axis", x1: left, x2: left + width, y1: bottom, y2: bottom }),
    line,
    now,
  );
  return ({ trail }) => {
    const along = scale([0, Math.max(trail.length - 1, 20)], [left + 6, left + width - 6]);
    const up = scale([0, Math.max(...trail.map(([, , loss]) => loss), 1e-9)], [bottom, top]);
    const points = trail.map(([, , loss], k) => [along(k), up(loss)]);
    set(line, { d: path(points) });
    move(now, ...points.at(-1));
  };
}

/** Loss, derivatives, the learning rate, and the loss so far. */
function drawPanel(ui, svg, left, top, width, parameter) {
  const row = (k) => top + 27 * k;
  const loss = reading("L", { class: "value strong", x: left, y: row(0) });
  const derivatives = parameter.map(({ symbol }, k) => {
    const { node, number } = reading(`∂L/∂${symbol}`, { class: "gradient", x: left + 16, y: row(k + 1) });
    const diamond = mark("gradient", 4);
    move(diamond, left + 5, row(k + 1) - 5);
    svg.append(node, diamond);
    return number;
  });
  const steps = s("tspan", { class: "strong" });
  const note = label(left, row(3), "", { class: "small muted" });
  const line = row(4) + 32;
  svg.append(loss.node, s("text", { x: left + width, y: row(0), "text-anchor": "end" }, "steps: ", steps), note);
  const along = scale(LIMITS.rate.map(Math.log10), [left + 10, left + width - 10]);
  const rate = slideOnLine(ui, svg, along, line, {
    kind: "knob",
    name: "rate",
    label: "learning rate",
    ticks: [0.01, 0.1, 1, 10, 100].map((v) => [Math.log10(v), String(v)]),
    source: "{learning rate}",
    says: { x: left },
    beside: 10,
    step: 0.05,
    get: (state) => Math.log10(state.rate),
    text: (state) => printed(state.rate),
    put: (v) => ({ rate: Number((10 ** v).toPrecision(2)) }),
  });
  const history = drawHistory(svg, left, line + 70, width);
  return (state, { loss: L, gradient }, walk) => {
    history(walk);
    ui.number(loss.number, "L", L, format(L, 4));
    derivatives.forEach((number, k) => ui.number(number, `gradient.${"ab"[k]}`, gradient[k], signed(gradient[k], 4)));
    ui.number(steps, "steps", walk.trail.length - 1, String(walk.trail.length - 1));
    ui.number(rate.number, "rate", state.rate, printed(state.rate));
    const atEdge = walk.trail.length > 1 && parameter.some(({ to }, k) => to.ends.includes(walk.trail.at(-1)[k]));
    say(note, atEdge ? "cut off at the edge of the map" : "");
  };
}

function drawButtons(ui, walk, controls) {
  const step = button("Step downhill", () => {
    walk.pause();
    walk.step();
    ui.redraw();
  });
  const play = button("Play", () => {
    (walk.playing() ? walk.pause : walk.play)();
    ui.redraw();
  });
  controls.append(step, play);
  return () => say(play, walk.playing() ? "Pause" : "Play");
}

/** Which two parameters the map shows. Choosing the other axis's parameter exchanges the two. */
function drawChoice(ui, axes, controls) {
  const selects = ["across", "up"].map((direction, k) => {
    const select = list(names(ui.state.W), (axis) => ui.change({ axes: axis === axes[1 - k] ? axes.toReversed() : axes.with(k, axis) }));
    select.value = axes[k];
    return h("label", { class: "cbp-choice muted" }, `${direction} `, select);
  });
  controls.append(h("div", { class: "cbp-choice" }, ...selects));
}

/** Which network is trained on which data. */
function drawData({ W, X, T }) {
  const row = (name, values) => h("tr", {}, h("th", { scope: "row" }, name), ...values.map((v) => h("td", {}, format(v))));
  const many = (n, word) => `${n} ${plural(n, word)}`;
  return h(
    "details",
    { class: "cbp-data" },
    formula(h("summary"), `{The network }z = η_p(σ(Wx)){, ${many(W[0].length, "input")}, ${many(W.length, "unit")}; }L{ sums }(t − z)^2{ over ${many(T.length, "sample")}}`),
    h("table", {}, ...X.map((values, m) => row(lowered(`x${m + 1}`), values)), row("t", T)),
  );
}
