// Any chain: each variable a column of units, its values above its errors, from the data at the left to the cost at the
// right; the walk back; one number with a handle, its gradient and its check; L beside, and a step downhill.

import { apart, arrow, button, clamp, cover, encode, equal, fine, formula, h, label, largest, limitFor, list, mark, math, move, nice, path, pointOf, raised, reading, s, same, say, scale, set, show, within } from "../kit.js";
import { eta } from "../math.js";
import { box, entries, entry, equation, errorOf, evaluate, gradientOf, inSample, into, known, owners, parameterOf, slopeOf, targetsOf, units, withEntry } from "./chain.js";
import { drawAxis, MIN_P, overAxis } from "./p_axis.js";

/** Three significant digits, in `most` decimals, or in three where two would leave none; in powers of ten where that is long. */
export function three(v, most = 4) {
  const size = Math.abs(v);
  if (!Number.isFinite(v)) return fine(v);
  if (size < 1e-12) return "0";
  const exponent = Number(v.toExponential(2).split("e")[1]);
  const decimals = exponent < -2 ? Math.max(most, 3) : most;
  if (size >= 0.6 * 10 ** -decimals && exponent < 4) return v.toFixed(clamp(2 - exponent, 0, decimals)).replace("-", "−");
  const [digits, power] = v.toExponential(Number(exponent > 0 && most > 3)).split("e");
  // A small unit has room for a power, but not for its digits and ten or more.
  const lead = most < 3 && Math.abs(exponent) > 9 ? (v < 0 ? "−" : "") : `${digits.replace("-", "−")}·`;
  return `${lead}10${raised(power)}`;
}
const plus = (v, most) => {
  const text = three(v, most);
  return v > 0 && text !== "0" ? `+${text}` : text;
};

const PHONE = 680;
const LEAST_GAP = 130; // where the chosen number's chip fits beside its handle
const quantity = ({ kind }) => (kind === "x" || kind === "t" ? "value" : "weight");
const reach = (start, now, least) => limitFor(Math.max(least, 1.25 * largest(start)), now);
const around = (limit) => [-limit, limit];
const FREE = around(1e6); // what an address may set without a limit of its own
const isTargetProbability = ({ links }) => ["cross_entropy", "sigmoid_cross_entropy"].includes(links.at(-1).kind);

export const explore = {
  name: "explore",
  title: "A chain of functions",
  traits: ["parameters", "x", "t", "step", "chosen", "sample", "rate"],
  given: ["chain", "computed"],
  widest: 960,

  /** Whether an address may set a trait to a value. */
  accepts(trait, value, get) {
    const chain = get("chain");
    const start = get("_start");
    const all = entries(chain, start);
    if (trait === "chosen") return within(value[1], [0, Infinity, 1]) && all.some(({ at }) => String(at) === String(inSample(chain, value, start.sample)));
    // What cannot be moved.
    if (["parameters", "x", "t"].includes(trait) && !known(chain)) return false;
    if (trait === "t" && !all.some(({ kind }) => kind === "t")) return false;
    if (trait === "parameters") return owners(chain).every(({ kind }, k) => within(value[k], kind === "order" ? [MIN_P, Infinity] : FREE));
    const [t, rate] = [isTargetProbability(chain) ? [0, 1] : FREE, [Number.MIN_VALUE, FREE[1]]];
    return within(value, { x: FREE, t, rate, step: [0, chain.links.length, 1], sample: [0, Math.max(chain.batch - 1, 0), 1] }[trait]);
  },

  layout(state, width, start, given) {
    const chain = given("chain");
    const phone = width < PHONE;
    const count = chain.variables.length;
    // Columns 56 wide and 6 apart; on a wide screen the target is one of them, and L has its room beside.
    const most = phone ? Math.min(5, Math.floor((width - 13) / 62)) : Math.min(8, Math.floor((width - 203) / 62) - 1);
    // Of a long chain, what is near the box at work.
    const from = clamp(count - state.step - Math.floor(most / 2), 0, Math.max(count - most, 0));
    const negative = [start.t, state.t].flat(3).some((v) => v < 0);
    const kinds = owners(chain).map(({ kind }) => kind);
    return {
      width,
      phone,
      chain,
      from,
      to: Math.min(from + most, count),
      // An order has an axis of its own, which reaches to ∞: no limit follows it.
      parameters: state.parameters.map((value, k) => (kinds[k] === "order" ? [0, 0] : around(reach(start.parameters[k], value, 3)))),
      x: around(reach(start.x, state.x, 2)),
      t: isTargetProbability(chain) ? [0, 1] : [negative ? -reach(start.t, state.t, 1) : 0, reach(start.t, state.t, 1)],
      sample: chain.batch ? state.sample : 0,
    };
  },

  range: ({ chain }) => ({ step: [0, chain.links.length] }),

  build,
};

// ---- Places --------------------------------------------------------------------------------------------------------------

const HALO = 17;
const BESIDE = 6; // a handle's distance from its unit, so that it covers no minus
const HEAD = 68; // how much room a box's symbol and word take, with the name of what stands beneath
const SPREAD = { rho: 3, eta: 2, softmax: 2, own: 2 };

/** Where everything stands: columns of units, gaps between them, and what is left out. */
function placed({ width, phone, chain, from, to }) {
  const shown = Array.from({ length: to - from }, (_, c) => from + c);
  const target = chain.target && to === chain.variables.length;
  const beside = target && !phone;
  const right = phone ? width : width - 190;
  const unit = { width: clamp((0.66 * right) / shown.length, 56, phone ? 60 : 68), height: 42 };
  const most = phone ? 5 : 6;
  const rows = shown.map((i) => Math.min(chain.sizes[i], most));
  const pitch = phone ? 54 : width > 860 ? 66 : 60;
  const top = phone ? 90 : 96;
  const tallest = Math.max(...rows, phone ? 1 : 3);
  const flex = shown.slice(1).map((i) => SPREAD[chain.links[i - 1].kind] ?? 1).concat(beside ? [1] : []);
  const left = HALO + BESIDE + 1; // what goes into a column has its handle at its left
  const room = right - (shown.length + beside) * unit.width - left - 1;
  const parts = flex.reduce((sum, part) => sum + part, 0);
  const each = Math.min(room / parts, 76);
  let x = left + unit.width / 2 + (phone ? Math.max(0, room - each * parts) / 2 : 0);
  const columns = shown.map((i, c) => {
    const drawn = chain.sizes[i] > most ? most - 1 : chain.sizes[i];
    const ys = Array.from({ length: drawn }, (_, u) => top + pitch * (u + (tallest - rows[c]) / 2));
    const column = { i, x, ys, hidden: chain.sizes[i] - drawn };
    x += unit.width + (flex[c] ?? 1) * each;
    return column;
  });
  // On a phone the cost stands under the last column, and under it the targets, if they are few.
  const last = columns.at(-1);
  const under = phone && to === chain.variables.length ? last.ys.at(-1) + unit.height / 2 + (last.hidden && 30) : null;
  const few = target && last.ys.length <= 2 && !last.hidden;
  const below = under && few && { i: "t", x: last.x, ys: last.ys.map((_, u) => under + HEAD + unit.height / 2 + pitch * u) };
  const lowest = Math.max(top + pitch * (tallest - 1) + unit.height / 2, under && under + (few ? HEAD + pitch * last.ys.length - 12 : 48));
  const targets = beside ? { i: "t", x, ys: last.ys } : below;
  return { columns, unit, top, height: lowest + 14, right, targets, under, end: last.x + unit.width / 2 };
}

// ---- The figure ----------------------------------------------------------------------------------------------------------

const REST = 0.4; // where on its edge a weight's handle waits
const SNAP = 1 / 40; // how near to z, as a part of its range, a target means z

function build(ui, layout) {
  const { chain, phone, width } = layout;
  const place = placed(layout);
  const all = entries(chain, ui.state);
  const byPlace = new Map(all.map((e) => [String(e.at), e]));
  const chosen = ({ chosen: at } = ui.state) => byPlace.get(String(inSample(chain, at, layout.sample))) ?? all[0];
  const orders = all.filter(({ kind }) => kind === "order");
  const frozen = !known(chain) && !ui.kernel;
  /** Whether Python has yet to say what follows from a state. */
  const unanswered = ({ parameters, x, t }) => !known(chain) && !frozen && !same(ui.given("computed").of, [parameters, x, t]);
  const steepest = (at, k) => largest(k < 0 ? at.deltas[0] : at.gradients[k]);
  const boxes = chain.links.length;
  const bounds = ({ at: [k], kind }) => layout[kind] ?? layout.parameters[k];

  // What is no part of the state: whose the handle is, where L stood, and where it went. A step past a weight's range, or
  // another width, builds the figure anew, and must not forget them.
  const past = Object.assign(ui.kept, { shown: "", before: null, trail: [], walked: null, pressed: -Infinity, ...ui.kept });
  past.first ??= evaluate(chain, ui.start, ui.given("computed"));
  let shift = 0; // how far a hand has pulled the handle from its place, to which it returns
  let over = null; // what the pointer is over
  let view = null;

  // Where a number has its handle: {x, y, ux, uy, room}; null where what it belongs to is not drawn.
  const unitAt = (i, u) => {
    const column = [...place.columns, place.targets].find((c) => c?.i === i);
    return column && u < column.ys.length ? [column.x, column.ys[u]] : null;
  };
  const seatOf = ({ kind, link, row }) => ({ x: [0, row], bias: [link + 1, row], t: ["t", row] })[kind] ?? [];
  function spot(e) {
    const half = place.unit.width / 2;
    if (e.kind === "weight") {
      const [from, to] = [unitAt(e.link, e.column), unitAt(e.link + 1, e.row)];
      if (!from || !to) return null;
      const [x1, y1, x2, y2] = [from[0] + half, from[1], to[0] - half, to[1]];
      const length = Math.hypot(x2 - x1, y2 - y1);
      const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
      const at = REST * length;
      const free = phone ? 16 : 26; // at either end, for the arrow
      return { x: x1 + at * ux, y: y1 + at * uy, ux, uy, back: Math.max(0, at - free), ahead: Math.max(0, length - at - free), line: [x1, y1, x2, y2] };
    }
    const sits = unitAt(...seatOf(e));
    return sits && { x: sits[0] + (e.kind !== "t" ? -half - BESIDE : phone ? -half - 9 : half + 7), y: sits[1], ux: 0, uy: -1, back: 26, ahead: 26 };
  }
  const spots = new Map(all.map((e) => [e, spot(e)]));
  // Units show their own values, and an order has its axis. What else is chosen has a chip: in its gap, or in a row beneath.
  const hasChip = (e) => e.kind !== "order" && !(quantity(e) === "value" && spots.get(e));
  const gapOf = (e) => {
    const [from, , to] = spots.get(e)?.line ?? [];
    return to - from > LEAST_GAP && !phone ? [from, to] : null;
  };
  const hasRow = all.some((e) => hasChip(e) && !gapOf(e));
  const svg = ui.svg(place.height + (phone ? 70 : hasRow ? 40 : 0));
  const aside = { x: phone ? width - 180 : place.right - 30, y: place.height + 16, ux: 1, uy: 0, back: 20, ahead: 20 };
  const hold = (e) => spots.get(e) ?? aside;
  const handleAt = () => {
    const { x, y, ux, uy, back, ahead } = hold(chosen());
    shift = clamp(shift, -back, ahead);
    return [x + shift * ux, y + shift * uy];
  };

  // ---- Changing a number -------------------------------------------------------------------------------------------------
  const stepOf = (e) => (bounds(e)[1] - bounds(e)[0]) / (e.kind === "t" ? 100 : 120);
  // A pull is relative: 40 px move a number by a seventh of its range, wherever it stands.
  let pull = null;
  const begin = (x, y) => (pull = { x, y, v: entry(ui.state, chosen().at) });
  function pulled(x, y) {
    const e = chosen();
    const { ux, uy, back, ahead } = hold(e);
    // What sits at a unit grows to the right as well as up.
    const way = (x - pull.x) * (ux || 1) + (y - pull.y) * uy;
    shift = clamp(way, -back, ahead);
    return pull.v + (way * (bounds(e)[1] - bounds(e)[0])) / 300;
  }
  /** A pull begins, and L stands here: what comes now is measured against it. After a reset, null, nothing is. */
  const remember = (before = view.loss) => Object.assign(past, { before, trail: [], walked: null });
  const choose = (at) => ui.change({ chosen: at });

  // ---- The drawing -------------------------------------------------------------------------------------------------------
  const heads = drawHeads(ui, svg, layout, place, (j) => ui.change({ step: boxes - j }));
  const grips = [];
  const gaps = place.columns.slice(1).map((column, c) => drawGap(place.columns[c], column));

  /** The edges between two columns; returns what draws them. */
  function drawGap(previous, column) {
    const link = chain.links[previous.i];
    const [x1, x2] = [previous.x + place.unit.width / 2, column.x - place.unit.width / 2];
    const weights = all.filter((e) => e.kind === "weight" && e.link === previous.i);
    const look = { rho: weights.length ? "weight" : "plain", eta: "gradient" }[link.kind] ?? "plain";
    const edges = previous.ys.flatMap((y1, m) =>
      column.ys.map((y2, r) => ({
        m,
        found: weights.find((e) => e.row === r && e.column === m),
        line: (into(link, m) ?? r) === r && s("line", { class: `edge ${look}`, x1, y1, x2, y2 }),
      })),
    ).filter(({ line }) => line);
    svg.append(...edges.map(({ line }) => line));
    if (weights.length) svg.append(gripOf(weights, x1, x2));
    return (state, chosen) => {
      const slopes = link.kind === "eta" ? poolSlopes(chain, state, view, previous.i) : [];
      for (const { line, found, m } of edges) {
        if (found) {
          const [w, limit] = [entry(state, found.at), bounds(found)[1]];
          set(line, {
            "stroke-width": (1 + (4.5 * Math.min(Math.abs(w), limit)) / limit).toFixed(2),
            "stroke-dasharray": w < 0 ? "7 5" : null,
          });
          line.classList.toggle("chosen", found === chosen);
          line.classList.toggle("over", found === over);
        } else if (m in slopes) set(line, { "stroke-width": (slopes[m] && 1 + 6 * clamp(slopes[m], 0, 1.3)).toFixed(2) });
      }
    };
  }

  /** The room between two columns: a press takes hold of the nearest edge. */
  function gripOf(weights, x1, x2) {
    const area = s("rect", { class: "cbp-gap", x: x1, y: place.top - 26, width: x2 - x1, height: place.height - place.top + 20, fill: "transparent" });
    const near = weights.filter((e) => spots.get(e));
    const nearest = (x, y) => {
      const distance = (e) => {
        const [a, b, c, d] = spots.get(e).line;
        return Math.abs((c - a) * (b - y) - (a - x) * (d - b)) / Math.hypot(c - a, d - b);
      };
      return near.reduce((best, e) => (distance(e) < distance(best) ? e : best));
    };
    const hover = (e) => e !== over && ((over = e), ui.redraw());
    area.addEventListener("pointermove", (event) => event.buttons || hover(nearest(...pointOf(area, event))));
    area.addEventListener("pointerleave", () => hover(null));
    area.addEventListener("grasp", ({ detail: [x, y] }) => {
      choose(nearest(x, y).at);
      remember();
      begin(x, y);
    });
    area.addEventListener("release", () => letGo());
    grips.push(area);
    return area;
  }
  const press = (i, u) => {
    const found = all.find((e) => same(seatOf(e), [i, u]));
    if (found) choose(found.at);
  };
  const columns = place.columns.map((column) => drawColumn(ui, svg, chain, place, column, press));
  const targets = place.targets ? drawTargets(ui, svg, chain, place, press) : () => {};
  const loss = drawLoss(ui, svg, layout, place);

  const point = arrow(svg, "gradient", 14);
  const shape = s("g", {}, s("circle", { class: "halo", r: HALO }), mark("weight", 9), mark("value", 9));
  const limits = (state) => bounds(chosen(state));
  const handle = ui.slider({
    parent: svg,
    kind: "weight",
    name: "chosen",
    label: "the chosen number",
    min: (state) => limits(state)[0],
    max: (state) => limits(state)[1],
    step: (state) => stepOf(chosen(state)),
    // A target may meet z.
    stops: (state) => (chosen(state).kind === "t" ? [view.hidden.at(-1)[chosen(state).row]] : []),
    near: (state) => SNAP * (limits(state)[1] - limits(state)[0]),
    get: (state) => clamp(entry(state, chosen(state).at), ...limits(state)),
    text: (state) => `${chosen(state).text} is ${three(entry(state, chosen(state).at))}`,
    where: handleAt,
    at: (x, y) => {
      pull ??= begin(x, y);
      return pulled(x, y);
    },
    put: (v) => withEntry(ui.state, chosen().at, v),
    track: grips,
    shape,
  });
  const letGo = () => (([shift, pull] = [0, null]), ui.redraw());
  /** What is pulled, or moved by keys in a run, is measured against where L stood. */
  function attend(node, choose = () => {}) {
    node.addEventListener("grasp", () => (choose(), remember()), true);
    node.addEventListener("keydown", ({ key }) => {
      if (!/^(Arrow|Page|Home|End)/.test(key)) return;
      if (past.before === null || performance.now() - past.pressed > 1000) remember();
      past.pressed = performance.now();
    }, true);
  }
  attend(handle);
  handle.addEventListener("grasp", () => begin(...handleAt()));
  handle.addEventListener("release", letGo);
  const chip = drawChip(svg);
  const parts = place.columns.filter(({ hidden }) => hidden).map(({ i, ys }) => `${ys.length} of ${chain.sizes[i]} units of ${chain.variables[i]}`);
  if (place.columns.length < boxes) parts.push(`${place.columns.length} of ${boxes} variables, near the box at work`);
  const without = place.under && chain.target && !place.targets ? [parts.length ? "but not for t" : "There is no room for t"] : [];
  const room = [...(parts.length ? [`There is room for ${parts.join(", ")}`] : []), ...without].join(", ");
  if (room) ui.body.append(h("p", { class: "cbp-note" }, room, h("span", { class: "cbp-list" }, "; the list below has every number that can be dragged"), "."));

  // ---- Beneath it --------------------------------------------------------------------------------------------------------
  const walk = (text, label, by) => button(text, () => ui.change({ step: ui.state.step + by }), { "aria-label": label });
  const back = walk("◀", "The error goes back one box", 1);
  const forth = walk("▶", "Take back one step of the error", -1);
  const [walked, chosenLine] = [line(), line()];
  const numbers = list(all.map(({ text }) => text), (i) => choose(all[i].at), { "aria-label": "The number with the handle" });
  const downhill = button("Step downhill", () => {
    Object.assign(past, { before: view.loss, walked: past.trail.length ? past.trail : [view.loss] });
    ui.change({ parameters: stepped(ui.state, view.gradients, orders) });
    if (past.walked) ui.redraw(); // no number moved
  }, { class: "cbp-button cbp-main" });
  const samples = Array.from({ length: chain.batch }, (_, k) => `sample ${k + 1} of ${chain.batch}`);
  // In another sample, what is chosen of x or t stays in its row.
  const sampled = list(samples, (sample) => ui.change({ sample, chosen: inSample(chain, ui.state.chosen, sample) }), { "aria-label": "The sample that is drawn" });
  sampled.value = layout.sample;
  const below = h(
    "div",
    { class: "cbp-below" },
    h("div", { class: "cbp-walk", role: "group", "aria-label": "Walk of the error" }, back, forth),
    h("p", { class: "cbp-says" }, apart(walked.node, chosenLine.node)),
  );
  const order = orders.length ? drawOrder(ui, below, Math.min(width, phone ? width : 340), () => (chosen().kind === "order" ? chosen() : orders[0]), frozen, attend, choose) : () => {};
  below.append(...(chain.batch ? [sampled] : []), numbers, downhill, ui.reset);
  ui.body.append(below);
  if (frozen) ui.body.append(h("p", { class: "cbp-note" }, "A layer of this chain is written in Python, and none is running here: this is the state that was saved. Open the page as a notebook to move its numbers."));

  return {
    forget: () => remember(null),
    draw(state) {
      const e = chosen(state);
      state = { ...state, chosen: e.at };
      view = evaluate(chain, state, ui.given("computed"));
      // What has moved L otherwise than a step ends the trail.
      if (past.walked && !unanswered(state)) Object.assign(past, { trail: [...past.walked, view.loss].slice(-24), walked: null });
      if (past.trail.length && past.trail.at(-1) !== view.loss && !past.walked) past.trail = [];
      if (past.shown !== String(e.at)) {
        Object.assign(past, { before: null, shown: String(e.at) });
        [shift, pull] = [0, null];
      }
      const passed = (j) => state.step >= boxes - j; // whether the error has come back through box j
      const work = boxes - state.step;
      const met = units(chain, view.deltas, e);
      // For machines that compare the numbers with Python's.
      set(svg, { "data-name": "state", "data-value": JSON.stringify({ ...state, links: chain.links }, (_, v) => (typeof v === "number" ? encode(v) : v)) });
      heads(work);
      columns.forEach((draw) => draw(view, passed, met));
      targets(state);
      loss(view.loss, past.before, past.trail);
      gaps.forEach((draw) => draw(state, e));

      const value = entry(state, e.at);
      const { x, ux, uy, back: room, ahead } = hold(e);
      const [hx, hy] = handleAt();
      const gradient = passed(e.link) && spots.get(e) && e.kind !== "t" ? slopeOf(view, e) : 0;
      // Beside the largest of its parameter, now or at the start: a single one fades, too.
      const most = Math.max(1e-9, steepest(view, e.at[0]), steepest(past.first, e.at[0]));
      const length = clamp(16 + (30 * Math.abs(gradient)) / most, 16, Math.max(16, (gradient > 0 ? ahead - shift : room + shift) + 4));
      const way = gradient && Math.sign(gradient) * (length + 8);
      point(hx, hy, hx + way * ux, hy + way * uy);
      show(handle, !frozen && e.kind !== "order");
      show(shape.children[1], quantity(e) === "weight");
      show(shape.children[2], quantity(e) === "value");
      const gap = gapOf(e);
      const beneath = [phone ? width : spots.get(e) ? clamp(hx + 60, 120, place.right) : x - 50, place.height + 16];
      chip(ui, hasChip(e) ? e : null, value, gap ? [hx, hy - 34] : beneath, gap);

      // The line of the walk, and that of the chosen number or of what the pointer is over.
      if (state.step === 0) walked.say(ui, ["{Forward: the values run to the cost. }", ["value", "L"], " = ", ["value", view.loss]]);
      else if (!Number.isFinite(view.loss)) walked.say(ui, ["{Here L is infinite: a unit is sure, and wrong. It has no gradient.}"]);
      else if (work === e.link && ["weight", "bias"].includes(e.kind) && !over) walked.say(ui, [`{At the weights${equation(chain, work, true)}: error times value.}`]);
      else walked.say(ui, [`{At ${named(work)}${equation(chain, work)}: }`, ...errorOf(chain, state, view, work, met[work])]);
      const looked = over ?? e;
      if (looked.kind === "t" || !passed(looked.link)) chosenLine.say(ui, [[quantity(looked), looked.symbol], " = ", [quantity(looked), entry(state, looked.at)], looked.kind === "t" ? "{: the target. Let it meet z.}" : "{: the error has not come back to it yet.}"]);
      else chosenLine.say(ui, gradientOf(chain, view, looked, looked === e ? view.difference : null), looked === e);
      set(back, { "aria-disabled": String(state.step === boxes) });
      set(forth, { "aria-disabled": String(state.step === 0) });
      set(downhill, { "aria-disabled": String(frozen || unanswered(state)) });
      if (numbers.value !== String(all.indexOf(e))) numbers.value = all.indexOf(e);
      order(state, view, passed);
    },
    describe(state) {
      const e = chosen(state);
      const words = Array.from({ length: state.step }, (_, b) => named(boxes - 1 - b));
      const came = words.length ? `The error came back through ${words.join(", ")}. ` : "";
      const slope = e.at[0] >= 0 && state.step >= boxes - e.link ? ` Its derivative is ${three(slopeOf(view, e))}.` : "";
      const outputs = view.hidden.at(-1).slice(0, 6).map((v) => three(v)).join(", ");
      return `The chain gives ${chain.variables.at(-1)} = ${outputs}; the loss is ${three(view.loss)}. ${came}${e.text} is ${three(entry(state, e.at))}.${slope}`;
    },
  };

  function named(j) {
    const { kind, name } = chain.links[j];
    return kind === "own" ? "your layer" : `the ${box(chain, j).word || name}`;
  }
}

/** ∂z/∂y of a pooling's units. */
function poolSlopes(chain, state, { hidden }, link) {
  const [z, pull] = eta(parameterOf(chain, state, link), chain.links[link].n).forward(hidden[link]);
  return pull(Array.isArray(z) ? z.map(() => 1) : 1).map(Math.abs);
}

/** The parameters after one step downhill; a p stays one, and ∞ what it is. */
function stepped({ parameters, rate }, gradients, orders) {
  const moved = (value, slope, least) =>
    Array.isArray(value) ? value.map((v, i) => moved(v, slope[i], least)) : Number.isFinite(value) ? Math.max(value - rate * slope, least) : value;
  return parameters.map((value, k) => moved(value, gradients[k], orders.some(({ at }) => at[0] === k) ? MIN_P : -Infinity));
}

// ---- Its parts -----------------------------------------------------------------------------------------------------------

/** The boxes' symbols and words above the gaps; each is a button that walks the error to it. */
function drawHeads(ui, svg, { chain }, { columns, targets, under, right }, go) {
  const last = chain.links.length - 1;
  const heads = columns.map(({ i, x }, c) => {
    const next = columns[c + 1];
    if (!next && i !== last) return () => {};
    const middle = next ? (x + next.x) / 2 : under ? x : (x + (targets ? targets.x : right + 30)) / 2;
    const { symbol, word } = box(chain, i, columns.length > 4);
    const node = s("g", { class: "cbp-stop", "aria-hidden": "true" });
    if (!next && under) move(node, 0, under);
    node.append(
      s("rect", { x: middle - 34, y: 0, width: 68, height: 48, fill: "transparent" }),
      math(middle, 18, symbol, { "text-anchor": "middle" }),
      label(middle, 38, word, { class: "muted word", "text-anchor": "middle" }),
      s("line", { class: "stop", x1: middle - 24, x2: middle + 24, y1: 45, y2: 45 }),
    );
    if (columns.length > 6 || right / columns.length < 64) node.classList.add("crowded");
    node.addEventListener("click", () => go(i));
    svg.append(node);
    return (work) => node.classList.toggle("at-work", i === work);
  });
  return (work) => heads.forEach((draw) => draw(work));
}

/** How many decimals have room in a unit. */
const digits = ({ width }) => (width < 66 ? 2 : 3);

/** A variable: its name, and each unit's value above its error. */
function drawColumn(ui, svg, chain, { unit }, { i, x, ys, hidden }, press) {
  const most = digits(unit);
  const cells = ys.map((y, u) => {
    const frame = s("rect", { class: "unit", x: x - unit.width / 2, y: y - unit.height / 2, width: unit.width, height: unit.height, rx: 10 });
    const value = s("text", { class: "value strong", x, y: y - 3, "text-anchor": "middle" });
    const delta = s("text", { class: "error", x, y: y + 15, "text-anchor": "middle" });
    const touch = s("rect", { x: x - unit.width / 2, y: y - 26, width: unit.width, height: 52, fill: "transparent" });
    const node = s("g", { class: "cbp-unit" }, touch, frame, value, delta);
    node.addEventListener("click", () => press(i, u));
    svg.append(node);
    return { frame, value, delta };
  });
  svg.append(math(x, ys[0] - unit.height / 2 - 8, chain.variables[i], { "text-anchor": "middle" }));
  if (hidden) svg.append(label(x, ys.at(-1) + 46, `+ ${hidden}`, { class: "muted", "text-anchor": "middle" }));
  return ({ hidden: values, deltas }, passed, met) => {
    cells.forEach(({ frame, value, delta }, u) => {
      print(ui, value, `hidden.${i}.${u}`, values[i][u], three(values[i][u], most));
      print(ui, delta, `delta.${i}.${u}`, deltas[i][u], plus(deltas[i][u], most));
      show(delta, passed(i));
      frame.classList.toggle("met", met[i] === u);
    });
  };
}

/** The targets, beside what they are compared with. */
function drawTargets(ui, svg, chain, { unit, targets: { i, x, ys }, under, end }, press) {
  const left = x - unit.width / 2;
  const cells = ys.map((y, u) => {
    const value = s("text", { class: "value strong", x, y: y + 5, "text-anchor": "middle" });
    const node = s("g", { class: "cbp-unit" }, s("rect", { class: "unit target", x: left, y: y - 18, width: unit.width, height: 36, rx: 10 }), value);
    if (!under) svg.append(s("line", { class: "edge error gap-line", x1: end, x2: left, y1: y, y2: y }));
    svg.append(node);
    node.addEventListener("click", () => press(i, u));
    return value;
  });
  svg.append(math(x, ys[0] - unit.height / 2 - 8, "t", { "text-anchor": "middle" }));
  return (state) => {
    const t = targetsOf(chain, state);
    cells.forEach((value, u) => ui.number(value, `t.${u}`, t[u], three(t[u], digits(unit))));
  };
}

/** "L 0.569", and at another place by how much it changed: "▲ +0.17". */
function readout(ui, svg, x, y, change) {
  const number = s("tspan", { class: "number" });
  const text = math(x, y, "L", { class: "value loss" });
  text.append(s("tspan", { class: "number" }, " "), number);
  svg.append(text, change);
  return (loss, before) => {
    print(ui, number, "L", loss, three(loss));
    const by = before === null ? 0 : loss - before;
    say(change, Math.abs(by) > 5e-13 ? `${by > 0 ? "▲" : "▼"} ${plus(by)}` : "");
  };
}

/** A number for people and machines; one that does not exist, where L is infinite, is a dash. */
const print = (ui, node, name, value, text) => ui.number(node, name, Number.isNaN(value) ? null : value, text);

/**
 * L as a bar with a mark where it stood, and the trail of the steps: upright at the right, where there is room to name the
 * mark and to join the steps; level beneath, on a phone.
 */
function drawLoss(ui, svg, { width, phone, chain }, { height, right }) {
  const left = phone ? 0 : right + 60;
  const [top, bottom] = phone ? [height + 34, height + 48] : [74, height - 8];
  const along = scale([0, nice(Math.min(1.5 * Number(chain.loss), 1e300) || 1)], phone ? [0, width] : [bottom, top]);
  const track = s("rect", { class: "track", rx: 6 });
  const bar = s("rect", { class: "value", fill: "currentcolor", rx: 6 });
  const ghost = s("path", { class: "ghost-mark" });
  const said = label(left + 42, 0, "before", { class: "muted" });
  const line = s("path", { class: "trail value" });
  const dots = s("path", { class: "dots value" });
  svg.append(track, bar, line, dots, ghost, said);
  cover(track, left, top, phone ? width : 24, bottom - top);
  const change = phone ? label(width, top + 32, "", { class: "change", "text-anchor": "end" }) : label(left, 54, "", { class: "change" });
  const write = readout(ui, svg, left, phone ? top - 12 : 30, change);
  const room = (width - left - 44) / 23;
  return (loss, before, trail) => {
    write(loss, before);
    const end = along.clamped(Number.isNaN(loss) ? Infinity : loss);
    if (phone) cover(bar, left, top, end, bottom - top);
    else cover(bar, left, end, 24, bottom - end);
    const was = along.clamped(before ?? 0);
    set(ghost, { d: phone ? `M${was.toFixed(1)} ${top - 4}v22` : `M${left - 7} ${was.toFixed(1)}h38` });
    const moved = before !== null && before !== loss;
    show(ghost, moved);
    show(said, moved && !phone);
    const steps = trail.length > 1;
    say(said, steps ? "each step" : "before");
    // Above a trail that falls, and below one that rises.
    const beside = steps ? (trail.at(-1) < trail[0] ? top : bottom) : was + 5;
    set(said, { y: clamp(beside, top + 12, bottom).toFixed(1) });
    const points = trail.map((v, i) => (phone ? [clamp(along.clamped(v), 3, width - 3), top + 20] : [left + 38 + i * room, along.clamped(v)]));
    set(line, { d: path(phone ? [] : points) });
    set(dots, { d: points.map((p) => `${path([p])}h0`).join("") });
  };
}

/** The chosen number with its name: around x, within the gap that it stands in, or where none is given, up to x. */
function drawChip(svg) {
  const frame = s("rect", { class: "chip", height: 30, rx: 8 });
  const text = s("text", { "text-anchor": "middle" });
  const number = s("tspan", { class: "number" });
  const node = s("g", { class: "cbp-chip" }, frame, text);
  svg.append(node);
  let named = null;
  return (ui, e, value, [x, y], within) => {
    show(node, e !== null);
    if (!e) return delete number.dataset.value;
    if (named !== e.symbol) {
      named = e.symbol;
      text.replaceChildren();
      formula(text, `${e.symbol}{ }`);
      text.append(number);
      set(text, { class: quantity(e) });
    }
    ui.number(number, "chosen", value, three(value));
    const wide = 24 + 8.5 * (e.text.length + three(value).length);
    const middle = within ? clamp(x, within[0] + wide / 2, within[1] - wide / 2) : x - wide / 2;
    set(frame, { x: (middle - wide / 2).toFixed(1), y: y - 15, width: wide.toFixed(1) });
    set(text, { x: middle.toFixed(1), y: y + 5 });
  };
}

/** A line of text with live numbers; it is made anew only where its words change. */
function line() {
  const node = h("span", { class: "cbp-line" });
  let key = null;
  return {
    node,
    say(ui, parts, counts = false) {
      parts = parts.map((part) => (typeof part === "string" ? ["", part] : part));
      const texts = parts.map(([, part, sign]) => (typeof part !== "number" ? part : sign ? plus(part) : three(part)));
      const isEqual = (i) => texts[i] === " = ";
      const follows = (i) => typeof parts[i][1] === "number" || isEqual(i);
      const words = parts.map(([kind], i) => `${kind}|${follows(i) ? "" : texts[i]}`).join("");
      if (words !== key) {
        key = words;
        node.replaceChildren(...parts.map(([kind], i) => formula(h("span", { class: kind }), follows(i) ? "" : texts[i])));
      }
      parts.forEach(([kind, value, sign], i) => {
        if (!follows(i)) return;
        // What stands on both of its sides: "=" where they agree, as they are printed.
        const left = texts.slice(texts.lastIndexOf(" = ", i - 1) + 1, i).join("");
        const name = counts && sign ? (kind === "muted" ? "difference" : "gradient") : null;
        print(ui, node.children[i], name, name && value, isEqual(i) ? equal(left, texts[i + 1], plus) : texts[i]);
      });
    },
  };
}

/** The axis of an order p, and its gradient once the error has passed the pooling. */
function drawOrder(ui, parent, width, present, frozen, attend, choose) {
  const svg = s("svg", { viewBox: `0 0 ${width} 108`, width, height: 108 });
  parent.append(h("div", { class: "cbp-order" }, svg)); // itself in a row of others, its changes would lay out the page
  const get = (state) => entry(state, present().at);
  const axis = drawAxis(ui, svg, width, 18, { get, put: (p) => withEntry(ui.state, present().at, p), print: three });
  const place = overAxis(width, 0, 2);
  const mark = svg.querySelector("[data-slider=p]");
  show(mark, !frozen);
  attend(svg, () => choose(present().at));
  mark.addEventListener("focus", () => choose(present().at));
  const slope = reading("∂L/∂p", { class: "gradient", y: 14 });
  svg.append(slope.node);
  const point = arrow(svg, "gradient", 14);
  return (state, view, passed) => {
    const e = present();
    axis(state);
    const gradient = slopeOf(view, e);
    const seen = passed(e.link);
    print(ui, slope.number, "gradient.p", gradient, plus(gradient));
    show(slope.node, seen);
    const [x, y] = [place.at(get(state)), 18 + 38];
    const way = seen && gradient ? Math.sign(gradient) * clamp(20 + 80 * Math.abs(gradient), 20, 44) : 0;
    point(x, y, x + way, y);
  };
}
