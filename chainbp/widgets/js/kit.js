// What all figures share: nodes, numbers, formulas, sliders, and the life of a figure from its model to the screen.

import { isAnswer, makeAsk } from "./ask.js";

const SVG = "http://www.w3.org/2000/svg";

// ---- Nodes -------------------------------------------------------------------------------------------------------

/** An SVG element with attributes and children (nodes or texts). */
export const s = (tag, attributes = {}, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

/** An HTML element with attributes and children. */
export const h = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

function filled(node, attributes, children) {
  set(node, attributes);
  node.append(...children);
  return node;
}

/** Set attributes, and only those that differ: writing one anew costs layout. null or false removes one. */
export function set(node, attributes) {
  for (const name in attributes) {
    const value = attributes[name];
    if (value === null || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  }
}

/** Change a node's text, and only if it differs. The node holds nothing else; its text node stays, which is quicker. */
export function say(node, text) {
  const old = node.firstChild;
  if (!old) node.append(text);
  else if (old.data !== text) old.data = text;
}

export const move = (node, x, y) => set(node, { transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})` });

/** Which number, by its name, a node shows by its place; tests hold it to that. */
export const shows = (name, node) => {
  node.dataset.of = name;
  return node;
};

/** A sign that something lies beyond the edge at which it stands: "up", "down" or "left"; it points there. */
export const beyond = (kind, way) => {
  const turn = { up: 0, down: 180, left: -90 }[way];
  const node = s("g", { class: `beyond ${kind}` }, s("path", { d: "M-7 5L0 -6L7 5Z", fill: "currentcolor", transform: `rotate(${turn})` }));
  show(node, false);
  return node;
};

/**
 * Tell of a node's size when it changed, and at first: in the next frame. Who changes a page's layout while browsers tell of
 * sizes may change what they have told already, and they call that an error.
 */
function watchSize(node, tell) {
  const observer = new ResizeObserver(([entry]) => requestAnimationFrame(() => tell(entry)));
  observer.observe(node);
  return observer;
}

/**
 * Words that follow the hand, in a box of their own. With each of their changes a browser would lay out all of a page; so
 * they are laid out apart from it, once their box has been told how high they are.
 */
export function apart(...words) {
  const inside = h("span", {}, ...words);
  const node = h("span", { class: "cbp-apart" }, inside);
  watchSize(inside, ({ borderBoxSize: [{ blockSize }] }) => Object.assign(node.style, { height: `${blockSize}px`, contain: "layout size" }));
  return node;
}

/** A button of the figures' look; `content` is a text or a node. Where aria-disabled is true, it can be read, not pressed. */
export function button(content, press, attributes = {}) {
  const node = h("button", { type: "button", class: "cbp-button", ...attributes }, content);
  node.addEventListener("click", (event) => node.getAttribute("aria-disabled") !== "true" && press(event));
  return node;
}

/** A list of texts to choose from. */
export function list(texts, choose, attributes = {}) {
  const node = h("select", { class: "cbp-select", ...attributes }, ...texts.map((text, i) => h("option", { value: i }, text)));
  node.addEventListener("change", () => choose(Number(node.value)));
  node.addEventListener("keydown", (event) => event.stopPropagation()); // JupyterLab would take the arrow keys.
  return node;
}

/** A mark for drag() that is a second way to move what has a slider, so that screen readers pass over it. */
export const grip = (kind, r, ...under) =>
  s("g", { class: "cbp-slider free", "aria-hidden": "true" }, s("circle", { class: "touch", r: 23 }), ...under, mark(kind, r));

/** Where an SVG line begins and ends. */
export const stretch = (line, x1, y1, x2, y2) => set(line, { x1: x1.toFixed(2), y1: y1.toFixed(2), x2: x2.toFixed(2), y2: y2.toFixed(2) });

/** Where an SVG rectangle lies, and how large it is. */
export const cover = (rect, x, y, width, height) => set(rect, { x: x.toFixed(2), y: y.toFixed(2), width: width.toFixed(2), height: height.toFixed(2) });

/** Lay a line through a point, along a direction, so far to both sides; where one of them is infinite, it stays. */
export function lean(line, [x, y], [dx, dy], reach) {
  const part = reach / Math.hypot(dx, dy);
  if (Number.isFinite(x + y + part * dx + part * dy)) stretch(line, x - part * dx, y - part * dy, x + part * dx, y + part * dy);
}

/** Show or hide an SVG node without taking it out of the drawing. */
export const show = (node, visible) => set(node, { visibility: visible ? null : "hidden" });

/** "M x y L x y …" through points; use it for every path so that no NaN ever reaches the screen. */
export function path(points, closed = false) {
  const good = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  return good.length ? `M${good.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}${closed ? "Z" : ""}` : "";
}

/** The mark of a kind of quantity, the same as in chainbp/plotting.py, centered on (0, 0). */
export function mark(kind, r = 6) {
  const shapes = {
    value: () => s("circle", { r }),
    knob: () => s("circle", { r }),
    error: () => s("path", { d: `M${-r * 1.15} 0L${r * 0.85} ${-r}V${r}Z` }),
    gradient: () => s("path", { d: `M0 ${-r * 1.25}L${r * 1.25} 0L0 ${r * 1.25}L${-r * 1.25} 0Z` }),
    weight: () => s("rect", { x: -r, y: -r, width: 2 * r, height: 2 * r, rx: 1.5 }),
  };
  return filled(shapes[kind](), { class: `mark ${kind}` }, []);
}

/** An arrow whose tip, `r` long, follows; returns a function (x1, y1, x2, y2) that moves it. */
export function arrow(parent, kind, r = 10) {
  const line = s("line", { class: `arrow ${kind}` });
  const head = s("path", { class: `mark ${kind}`, d: `M0 0L${-r} ${0.45 * r}V${-0.45 * r}Z` });
  parent.append(line, head);
  return (x1, y1, x2, y2) => {
    const length = Math.hypot(x2 - x1, y2 - y1);
    const visible = Number.isFinite(length) && length > 1;
    show(line, visible);
    show(head, visible);
    if (!visible) return;
    const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
    stretch(line, x1, y1, x2 - 0.8 * r * ux, y2 - 0.8 * r * uy);
    const angle = (Math.atan2(uy, ux) * 180) / Math.PI;
    set(head, { transform: `translate(${x2.toFixed(2)} ${y2.toFixed(2)}) rotate(${angle.toFixed(1)})` });
  };
}

// ---- Numbers and formulas ------------------------------------------------------------------------------------------

/** A number as the figures print it: fixed decimals, a true minus sign, powers of ten beyond a million. */
export function format(v, digits = 2) {
  if (v === Infinity) return "∞";
  if (v === -Infinity) return "−∞";
  if (Number.isNaN(v)) return "–";
  if (Math.abs(v) >= 1e6) return power(v);
  const text = v.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** The same for numbers of any size: powers of ten where decimals would leave a digit or none, and from 10000 on. */
export function fine(v, digits = 3) {
  const size = Math.abs(v);
  const inPowers = v !== 0 && (size < 10 ** (1 - digits) || size >= 1e4) && size < Infinity;
  return inPowers ? power(v) : format(v, size < 10 ? digits : digits - 1);
}

/** A number of three digits or four, for where there is little room. */
export function short(v, print = format) {
  const size = Math.abs(v);
  if (size >= 99999.5 && size < Infinity) return (v > 0 && print === signed ? "+" : "") + power(v);
  return size < 9.995 ? print(v) : size < 99.95 ? print(v, 1) : print(v, 0);
}

/** A number as a power of ten: 1.5·10⁻⁶. */
function power(v) {
  const [mantissa, exponent] = v.toExponential(1).split("e");
  return `${mantissa.replace("-", "−")}·10${raised(exponent)}`;
}

/** The digits of an exponent, as they are printed. */
export const raised = (exponent) => [...exponent.replace("+", "")].map((d) => (d === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[d])).join("");

/** A number with a plus sign; zero has none. */
export const signed = (v, digits = 2) => (Number(v.toFixed(digits)) > 0 ? "+" : "") + format(v, digits);

/** What sums, differences and products give, from their digits as they are printed; NaN where there is more than digits. */
export function worth(text) {
  if (text.includes("(")) return worth(text.replace(/\(([^()]*)\)/g, (_, inside) => `${worth(inside)}`));
  const number = (digits) => {
    const plain = digits.replace("−", "-").replace("·10", "e");
    return Number(plain.replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (d) => "-0123456789"["⁻⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(d)]));
  };
  const product = (factors) => factors.split(" · ").reduce((all, v) => all * number(v), 1);
  return text.replaceAll(" − ", " + −1 · ").split(" + ").reduce((sum, term) => sum + product(term), 0);
}

/** " = ", or " ≈ " where what stands at its left, as it is printed, gives other digits than stand at its right. */
export const equal = (left, right, print) => (Number.isNaN(worth(left)) || print(worth(left)) === right ? " = " : " ≈ ");

/** A function of one state, which keeps what it last gave: a figure asks for it many times in a drawing. */
export function remembered(read) {
  let last;
  let result;
  return (state, ...more) => {
    if (state !== last) [last, result] = [state, read(state, ...more)];
    return result;
  };
}

/** A word after a number: "1 step", "2 steps". */
export const plural = (count, word) => (count === 1 ? word : `${word}s`);

/** Keep a number between two others. */
export const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

/** The nearest multiple of a step, without the dust of binary fractions. */
export const onGrid = (v, step) => Number((Math.round(v / step) * step).toFixed(9));

/** A straight scale from its ends, [a, b], to [u, v], with its way back; outside, it goes on. */
export function scale([a, b], [u, v]) {
  const to = (x) => u + ((x - a) / (b - a)) * (v - u);
  to.back = (y) => a + ((y - u) / (v - u)) * (b - a);
  to.ends = [a, b];
  to.clamped = (x) => clamp(to(x), Math.min(u, v), Math.max(u, v));
  return to;
}

/** The smallest of 1, 1.5, 2, 3, 5, 8 times a power of ten that is at least v. */
export function nice(v) {
  const power = 10 ** Math.floor(Math.log10(v));
  return [1, 1.5, 2, 3, 5, 8, 10].map((m) => m * power).find((m) => m >= v * (1 - 1e-12));
}

/** The largest size in a number, a vector or a matrix. */
export const largest = (values) => Math.max(0, ...[values].flat(2).filter(Number.isFinite).map(Math.abs));

/** The limit of a handle: room for what was given at first, and more only where Python or an address needs it. */
export const limitFor = (first, now) => (largest(now) <= nice(first) ? nice(first) : nice(largest(now)));

/**
 * A formula without TeX, as children of an SVG <text> or an HTML element: letters are italic; _ and ^ lower and raise
 * the next character or {group}; a group alone is plain text: "{slope }∂z/∂y_1", "W^{(2)}", "x′".
 */
export function formula(node, source) {
  const isSvg = node.namespaceURI === SVG;
  let sunk = 0;
  for (const [, shift, group, one] of source.matchAll(/([_^]?)(?:\{([^}]*)\}|(.))/gu)) {
    if (group !== undefined && !shift) {
      // Back on the line after an index; what follows stays there.
      node.append(isSvg ? s("tspan", { dy: sunk ? `${(-sunk).toFixed(3)}em` : null }, group) : group);
      sunk = 0;
      continue;
    }
    for (const [text, letters] of (group ?? one).matchAll(/([^\P{L}Σ]+)|′|[^\p{L}′]+|Σ/gu)) {
      // The prime of KaTeX's fonts is as large as a letter, and another font's would stand upon a slanting one.
      const font = text === "′" ? "prime" : "formula";
      if (isSvg) {
        const target = { _: 0.28, "^": -0.42, "": 0 }[shift];
        const dy = `${((target - sunk) / (shift ? 0.8 : 1.1)).toFixed(3)}em`;
        const dx = font === "prime" ? "0.12em" : null;
        node.append(s("tspan", { class: `${font} ${shift ? "small" : ""}`, "font-style": letters ? "italic" : null, dx, dy }, text));
        sunk = target;
      } else {
        const inner = letters ? h("i", {}, text) : text;
        node.append(h({ _: "sub", "^": "sup", "": "span" }[shift], { class: font }, inner));
      }
    }
  }
  return node;
}

/** An SVG <text>; `attributes.class` may name a kind of quantity, which colors it. */
export const label = (x, y, text, attributes = {}) => s("text", { x, y, ...attributes }, text);

/** An SVG <text> that holds a formula. */
export const math = (x, y, source, attributes = {}) => formula(s("text", { x, y, ...attributes }), source);

/** An SVG <text> "name = …" and the place of its number: pass both on to ui.number by `.number`. */
export function reading(name, attributes = {}) {
  const node = math(0, 0, `${name}{ = }`, attributes);
  const number = s("tspan");
  node.append(number);
  return { node, number };
}

// ---- State ----------------------------------------------------------------------------------------------------------

// JSON has no infinity; it travels as a string, and chainbp/widgets/base.py does the same.
export const encode = (v) => (Array.isArray(v) ? v.map(encode) : typeof v === "number" && !Number.isFinite(v) ? String(v) : v);
const decode = (v) => (Array.isArray(v) ? v.map(decode) : Number(v));
export const same = (a, b) => JSON.stringify(encode(a)) === JSON.stringify(encode(b));

/** Whether a number, or all of them, lie in a range; with a step, at its multiples. */
export const within = (values, [low, high, step]) => [values].flat(Infinity).every((v) => Number(v) >= low && Number(v) <= high && !(v % step));

/** Bring what a hand or an address gives into the shape of `like` and into [low, high]; what is no number stays as it was. */
function fit(value, like, [low, high] = [-Infinity, Infinity]) {
  if (Array.isArray(like)) return like.map((v, i) => fit(value?.[i], v, [low, high]));
  const number = typeof value === "number" ? value : NaN;
  return Number.isNaN(number) ? like : clamp(number, low, high);
}

// ---- The life of a figure --------------------------------------------------------------------------------------------

const MIN_WIDTH = 340; // on a narrower screen it is drawn smaller; fingers find 44 px at 326
const MAX_WIDTH = 720;
let count = 0;

/**
 * Draw a figure in `el` and keep it, its model and its reader in step. Returns a function that ends it.
 * README.md says what a figure is.
 */
export function mount(figure, { model, el }) {
  const id = `cbp${++count}`;
  const body = h("div", { class: "cbp-body" });
  const reset = button("Reset", toStart, { class: "cbp-button cbp-reset" });
  const description = h("p", { class: "cbp-unseen", id: `${id}-text` });
  const live = h("p", { class: "cbp-unseen", "aria-live": "polite" });
  const title = h("p", { class: "cbp-title", id: `${id}-title` }, formula(h("span"), figure.formula ?? ""));
  title.prepend(`${figure.title} `);
  const root = h(
    "div",
    { class: "cbp", role: "group", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` },
    h("div", { class: "cbp-head" }, title, reset),
    body,
    description,
    live,
  );
  root.dataset.figure = figure.name;

  const asked = figure.questions?.[model.get("ask")] ? model.get("ask") : "";
  const traits = asked ? [...figure.traits, "answer"] : figure.traits;
  const pick = (get) => Object.fromEntries(traits.map((name) => [name, decode(get(name))]));
  const start = pick((name) => model.get("_start")[name]);
  const isWrong = (name) => name === "answer" && !isAnswer(figure.questions[asked], start, model.get(name));
  const read = () => pick((name) => (isWrong(name) ? [] : model.get(name)));
  let state = read();
  let width = 0;
  let layout;
  let planned; // the layout as text
  let view;
  let sliders = [];
  let clips = 0;

  const ui = {
    id,
    body,
    reset,
    /** Whether a Python runs that hears of changes. */
    kernel: !model.isStatic,
    /** The state that it began in. */
    start,
    /** What a figure remembers when it is built anew. */
    kept: {},
    /** What Python alone gives, beside the state. */
    given: (name) => model.get(name),
    get state() {
      return state;
    },
    /** The reader's change: {trait: value}. It is brought into range, drawn at once, and sent to the model. */
    change(patch) {
      const range = { ...figure.accepts, ...figure.range(layout) };
      const next = { ...state };
      for (const [name, value] of Object.entries(patch)) next[name] = name === "answer" ? value : fit(value, state[name], range[name]);
      if (Object.keys(patch).every((name) => same(next[name], state[name]))) return;
      for (const name in patch) if (!same(next[name], state[name])) pending[name] = next[name];
      sending ||= requestAnimationFrame(send); // also where a drawing fails
      turnTo(next, hand());
    },
    /** Draw again what is no part of the state, such as a button's text. */
    redraw: () => draw(),
    slider: (options) => {
      const slider = makeSlider(ui, options);
      sliders.push(slider);
      return slider.node;
    },
    /** The SVG drawing, one unit to a CSS pixel. */
    svg(height) {
      const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
      body.append(svg);
      return svg;
    },
    /** What is seen of nodes in a box [x, y, width, height]. */
    clipped([x, y, width, height], ...nodes) {
      const name = `${id}-clip${++clips}`;
      return s("g", { "clip-path": `url(#${name})` }, s("clipPath", { id: name }, s("rect", { x, y, width, height })), ...nodes);
    },
    /** Print a number; for machines, it also stands in full in data-value. Without a name and a value, nothing stands there. */
    number(node, name, value, text = format(value)) {
      say(node, text);
      set(node, { "data-name": name, "data-value": value });
    },
  };

  ui.ask = makeAsk(ui, figure, asked, start);
  body.before(ui.ask.node);

  function build() {
    ui.ask.clear();
    const focusable = () => [...body.querySelectorAll("button, select, [tabindex]")];
    const focused = body.contains(document.activeElement) && focusable().indexOf(document.activeElement);
    sliders = [];
    body.replaceChildren();
    view = figure.build(ui, layout);
    draw();
    if (focused !== false) focusable()[focused]?.focus({ preventScroll: true });
  }

  function draw() {
    view.draw(state);
    for (const slider of sliders) slider.draw(state);
    ui.ask.draw(state, root);
    announce();
  }

  let announcing;
  function announce() {
    clearTimeout(announcing);
    announcing = setTimeout(() => {
      const text = ui.ask.text(state) ?? view.describe(state);
      if (description.textContent) say(live, text);
      say(description, text);
    }, description.textContent ? 500 : 0);
  }

  // What the reader has changed, and the model has not heard of: one message to Python per frame at most.
  let pending = {};
  let sending = 0;
  function send() {
    for (const name in pending) model.set(name, encode(pending[name]));
    [pending, sending] = [{}, 0];
    model.save_changes();
  }

  const hand = () => body.querySelector(".dragged");
  const shapeOf = (values) => JSON.stringify(values, (_, v) => (typeof v === "number" ? 0 : v));

  /** Draw a state. Where it needs another layout, the figure is built anew: at once, or when `by`, a hand that drags, lets go. */
  function turnTo(next, by = null) {
    state = next;
    if (!width) return;
    const needed = figure.layout(state, width, start, ui.given);
    const text = JSON.stringify(needed);
    if (text === planned || by) return draw();
    [layout, planned] = [needed, text];
    build();
  }
  body.addEventListener("lostpointercapture", () => turnTo(state, hand()));

  /** A change from outside: Python, another view, the address. */
  function refresh() {
    const next = { ...read(), ...pending };
    if (same(Object.values(next), Object.values(state))) return;
    view?.forget?.();
    turnTo(next, shapeOf(next) === shapeOf(state) && hand());
  }

  function toStart() {
    ui.ask.forget();
    view?.forget?.();
    cancelAnimationFrame(sending);
    [state, pending] = [start, { ...start }];
    send();
    turnTo(start);
  }
  const drawAgain = () => view && draw();
  const heard = [...traits.map((name) => [name, refresh]), ...(figure.given ?? []).map((name) => [name, drawAgain])];
  for (const [name, answer] of heard) model.on(`change:${name}`, answer);

  function resize() {
    const next = clamp(Math.floor(root.clientWidth), MIN_WIDTH, figure.widest ?? MAX_WIDTH);
    if (!root.clientWidth || next === width) return;
    width = next;
    turnTo(state);
  }
  el.append(root);
  resize();
  const resized = watchSize(root, resize);

  return () => {
    resized.disconnect();
    clearTimeout(announcing);
    cancelAnimationFrame(sending);
    for (const [name, answer] of heard) model.off(`change:${name}`, answer);
    root.remove();
  };
}

// ---- Sliders ------------------------------------------------------------------------------------------------------------

const KEYS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: "min", End: "max" };

/**
 * A mark in the drawing that can be dragged and moved by the keyboard.
 *   parent    the SVG node it goes into
 *   kind      which mark: value, weight …
 *   name      of the slider, unique in the figure (data-slider)
 *   label     what a screen reader calls it
 *   vertical  true where it moves up and down
 *   min, max, step   in slider units, or functions of the state; a drag is rounded to steps
 *   page      how many steps a page key goes
 *   stops(state), near   optional slider units that a drag within `near` means, and that no key skips
 *   get(state)    position in slider units
 *   text(state)   the value as read aloud
 *   where(state)  [x, y] of the mark
 *   at(x, y)      slider units at a point of the drawing
 *   put(units)    the change {trait: value}
 *   track     optional SVG node, or nodes; a press on it is at(x, y), as a drag is
 *   shape     optional SVG node that stands for the mark and its ring
 *   keys(state)   optional {key: steps}, for keys that move it otherwise than along a line
 */
function makeSlider(ui, { parent, kind, name, label, vertical, min, max, step, page = 10, stops = () => [], near = 0, get, text, where, at, put, track = [], shape, keys, r = 8 }) {
  const node = s(
    "g",
    { class: `cbp-slider ${shape ? "free" : vertical ? "vertical" : ""}`, role: "slider", tabindex: 0, "aria-label": label, "data-slider": name },
    s("circle", { class: "touch", r: 23 }),
    ...(shape ? [shape] : [s("circle", { class: "ring", r: r + 6 }), mark(kind, r)]),
  );
  set(node, { "aria-orientation": vertical ? "vertical" : "horizontal" });
  parent.append(node);
  const now = (limit) => (typeof limit === "function" ? limit(ui.state) : limit);
  const go = (units) => ui.change(put(clamp(units, now(min), now(max))));
  // What is hidden stands for nothing that could change, even if a second finger hid it while the first pulls.
  const hidden = () => node.getAttribute("visibility") === "hidden";
  const pull = (x, y) => {
    const units = at(x, y);
    if (hidden() || units === get(ui.state)) return;
    go(stops(ui.state).find((stop) => Math.abs(stop - units) < now(near)) ?? onGrid(units, now(step)));
  };
  /** Some steps on, to the next stop at most; and further, where a step is too small to change what is printed. */
  function walk(count) {
    const [from, one] = [get(ui.state), count * now(step)];
    for (let to = from + one; one; to += one) {
      const stop = stops(ui.state).find((v) => (v - from) * (to - v) > 0);
      go(stop ?? onGrid(to, now(step)));
      if (get(ui.state) !== from || to <= now(min) || to >= now(max)) return;
    }
  }

  node.addEventListener("keydown", (event) => {
    if (hidden()) return;
    const key = { ...KEYS, PageUp: page, PageDown: -page, ...keys?.(ui.state) }[event.key];
    if (key === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take the arrow keys.
    if (typeof key === "number") walk(key);
    else go(now(key === "min" ? min : max));
  });
  drag(node, pull, () => where(ui.state));
  for (const one of [track].flat()) {
    one.classList.add("cbp-track");
    drag(one, pull, null, () => node);
  }
  return {
    node,
    draw(state) {
      move(node, ...where(state));
      const [low, value, high] = [now(min), get(state), now(max)].map((v) => Number(v.toFixed(4)));
      set(node, { "aria-valuemin": low, "aria-valuenow": value, "aria-valuemax": high, "aria-valuetext": text(state) });
    },
  };
}

/**
 * A slider on a scale, from end to end, `line` the place of all of it in the other direction; `print` is how its value is
 * read. `options` are those of makeSlider: they say what is more, or otherwise.
 */
export function slideOn(ui, parent, to, line, { print = format, ...options }) {
  const { vertical, get } = options;
  return ui.slider({
    parent,
    min: to.ends[0],
    max: to.ends[1],
    text: (state) => print(get(state)),
    where: (state) => (vertical ? [line, to.clamped(get(state))] : [to.clamped(get(state)), line]),
    at: (x, y) => to.back(vertical ? y : x),
    ...options,
  });
}

/**
 * A slider on a line with ticks [value, text, attributes]; a press moves it from `above` the line to 20 below, and `beside`
 * its ends. `tick` is how the ticks look. Above stands `source = number`, with the attributes `says`; returns these words.
 */
export function slideOnLine(ui, svg, to, line, { ticks, tick = "axis", source, says, above = 20, beside, ...options }) {
  const [left, right] = to.ends.map((end) => to(end));
  const words = reading(source, { y: line - 20, ...says });
  const track = s("rect", { x: left - beside, y: line - above, width: right - left + 2 * beside, height: above + 20, fill: "transparent" });
  svg.append(s("line", { class: "axis strong", x1: left, x2: right, y1: line, y2: line }));
  for (const [value, text, attributes] of ticks) {
    const x = to(value);
    svg.append(
      s("line", { class: tick, x1: x, x2: x, y1: line - 5, y2: line + 5 }),
      label(x, line + 25, text, { class: "small muted", "text-anchor": "middle", ...attributes }),
    );
  }
  svg.append(track, words.node);
  slideOn(ui, svg, to, line, { track, ...options });
  return words;
}

/** Where in the drawing of a node a pointer is. */
export function pointOf(node, { clientX, clientY }) {
  const svg = node.ownerSVGElement;
  const { left, top, width } = svg.getBoundingClientRect();
  const zoom = svg.viewBox.baseVal.width / width;
  return [(clientX - left) * zoom, (clientY - top) * zoom];
}

const held = new WeakMap(); // What is dragged, and by which pointer.

/**
 * Call moved(x, y) while `node` is dragged; the events "grasp", whose detail is where, and "release" tell that it begins and
 * ends. `center` keeps the point under the finger; `owner()` gets the focus, and belongs to that pointer until it lets go:
 * others are ignored.
 */
export function drag(node, moved, center = null, owner = () => node) {
  let offset;
  let waiting; // a finger that may be about to scroll the page
  const holds = (event) => held.get(owner()) === event.pointerId;
  const went = (event) => [event.clientX - waiting.clientX, event.clientY - waiting.clientY].map(Math.abs);
  const follow = (event) => {
    const [x, y] = pointOf(node, event);
    moved(x + offset[0], y + offset[1]);
  };
  function begin(event) {
    waiting = null;
    node.dispatchEvent(new CustomEvent("grasp", { detail: pointOf(node, event) }));
    owner().focus({ preventScroll: true });
    const [x, y] = pointOf(node, event);
    const [cx, cy] = center ? center() : [x, y];
    offset = [cx - x, cy - y];
    node.classList.add("dragged");
    if (!center) follow(event);
  }
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || held.has(owner())) return;
    event.preventDefault();
    node.setPointerCapture(event.pointerId);
    held.set(owner(), event.pointerId);
    waiting = event.pointerType === "touch" && getComputedStyle(node).touchAction === "pan-y" ? event : null;
    if (!waiting) begin(event);
  });
  node.addEventListener("pointermove", (event) => {
    if (!holds(event)) return;
    if (!waiting) return follow(event);
    const [across, along] = went(event);
    if (across > along) begin(event);
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
    node.addEventListener(type, (event) => {
      if (!holds(event)) return;
      if (waiting && type === "pointerup" && Math.max(...went(event)) < 10) begin(event); // a tap
      held.delete(owner());
      if (waiting) return;
      node.classList.remove("dragged");
      node.dispatchEvent(new Event("release"));
    });
  }
}
