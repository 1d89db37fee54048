// The bundle for the static book: draws the page's figures without a kernel. A classic script, because a page opened
// from disk cannot import modules.

import { figures } from "./figures/index.js";
import { encode, h, mount, same } from "./kit.js";

const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
const REFERENCE = "IPY_MODEL_";
const BOXES = ["HBoxModel", "VBoxModel"];

/** The part of anywidget's model that a figure needs. */
class Model extends EventTarget {
  isStatic = true;
  on = this.addEventListener;
  #state;

  constructor(state) {
    super();
    this.#state = { ...state };
  }

  get(name) {
    return this.#state[name];
  }

  set(name, value) {
    if (JSON.stringify(value) === JSON.stringify(this.#state[name])) return;
    this.#state[name] = value;
    this.dispatchEvent(new Event(`change:${name}`));
    this.dispatchEvent(new Event("change"));
  }

  save_changes() {}
}

/** All widgets of the page by their model's id: figures have a model, boxes have children. */
function readWidgets() {
  const widgets = new Map();
  for (const script of document.querySelectorAll(STATE)) {
    for (const [id, { model_name: kind, model_module: module, state }] of Object.entries(JSON.parse(script.textContent).state)) {
      const model = module === "anywidget" && figures[state.figure] ? new Model(state) : null;
      const children = BOXES.includes(kind) ? state.children.map((child) => child.slice(REFERENCE.length)) : [];
      widgets.set(id, { kind, model, children });
    }
  }
  return widgets;
}

/** Where widgets stand on the page, in its order: [script element, widget id]. */
const readViews = () => [...document.querySelectorAll(VIEW)].map((script) => [script, JSON.parse(script.textContent).model_id]);

/** The figures' models by the names that the address uses: lp_pooling, lp_pooling-2 … in the order of the page. */
function nameModels(widgets, views) {
  const named = new Map();
  const visit = (id) => {
    const { model, children = [] } = widgets.get(id) ?? {};
    children.forEach(visit);
    if (!model || model.name) return;
    const figure = model.get("figure");
    const before = [...named.values()].filter((other) => other.get("figure") === figure).length;
    model.name = before ? `${figure}-${before + 1}` : figure;
    named.set(model.name, model);
  };
  for (const [, id] of views) visit(id);
  return named;
}

/** Draw one widget: a figure, or a box of widgets. A widget that needs Python says so. */
function drawInto(el, id, widgets) {
  const { model, kind, children } = widgets.get(id) ?? {};
  if (model) {
    mount(figures[model.get("figure")], { model, el });
    el.dataset.name = model.name;
  } else if (BOXES.includes(kind)) {
    el.classList.add("cbp-box", kind);
    const places = children.map(() => h("div"));
    el.append(...places);
    children.forEach((child, i) => drawInto(places[i], child, widgets));
  } else throw new Error(`${kind ? kind.replace(/Model$/, "") : "this widget"} needs a running Python`);
}

/** Draw one after the other, each in a task of its own: the first is on the screen while the others are made. */
async function drawAll(widgets, views) {
  for (const [script, id] of views) {
    const el = h("div");
    script.before(el);
    try {
      drawInto(el, id, widgets);
      script.closest(".cbp-live").querySelector(".cbp-still")?.remove();
    } catch (error) {
      el.className = "cbp-sorry";
      el.textContent = `This figure is not alive here: ${error.message}. Open the page as a notebook to use it.`;
    }
    await new Promise((next) => setTimeout(next));
  }
}

// ---- The state in the address: #lp_pooling.y=3,-4&lp_pooling.p=2 --------------------------------------------------------

const flat = (value) => [value].flat(Infinity);

/** Fill the numbers of a text into the shape of `like`; null if they do not fit. */
function parse(text, like) {
  const numbers = text.split(",").map((v) => Number(v || NaN));
  if (numbers.some(Number.isNaN) || numbers.length !== flat(like).length) return null;
  const take = (part) => (Array.isArray(part) ? part.map(take) : numbers.shift());
  return encode(take(like));
}

/** Whether an address may set a trait to a value: a range of the figure says so, or a function of its own. */
function accepts(model, trait, value) {
  const { accepts: rule } = figures[model.get("figure")];
  if (typeof rule === "function" && trait !== "answer") return rule(trait, value, (name) => model.get(name));
  const [low, high] = rule[trait] ?? [-1e6, 1e6];
  return flat(value).every((v) => Number(v) >= low && Number(v) <= high);
}

/**
 * Bring the models into the state that the address names; returns the name of the first figure in it. A state is shown at
 * once: a figure that is not drawn yet asks nothing, unless the address holds the answer.
 */
function readAddress(named) {
  let first = null;
  for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
    const [name, trait] = key.split(".");
    const model = named.get(name);
    if (!model || !(trait in model.get("_start"))) continue;
    // An answer may be a choice or a curve.
    const value = parse(text, trait === "answer" ? text.split(",") : model.get("_start")[trait]);
    if (value !== null && accepts(model, trait, value)) {
      model.set(trait, value);
      if (!location.hash.includes(`${name}.answer=`)) model.set("ask", "");
      first ??= name;
    }
  }
  return first;
}

function writeAddress(named) {
  const parts = [];
  for (const [name, model] of named) {
    const now = Object.keys(model.get("_start")).map((trait) => [trait, model.get(trait)]);
    if (same(Object.fromEntries(now), model.get("_start"))) continue;
    for (const [trait, value] of now) {
      const numbers = flat(value).map((v) => Number(Number(v).toPrecision(6)));
      if (numbers.length) parts.push(`${name}.${trait}=${numbers}`);
    }
  }
  // A page without changes keeps the anchor that it was opened at.
  if (parts.length || location.hash.includes("=")) history.replaceState(history.state, "", `#${parts.join("&")}`);
}

function shareAddress(named) {
  let writing;
  for (const model of named.values()) {
    model.on("change", () => {
      clearTimeout(writing);
      writing = setTimeout(() => writeAddress(named), 300);
    });
  }
  addEventListener("hashchange", () => readAddress(named));
}

async function start() {
  const widgets = readWidgets();
  const views = readViews();
  const named = nameModels(widgets, views);
  const first = readAddress(named);
  shareAddress(named);
  await drawAll(widgets, views);
  const shown = first && document.querySelector(`[data-name="${first}"]`);
  // What stands below a figure tells what it shows.
  shown?.scrollIntoView({ block: shown.offsetHeight < innerHeight ? "end" : "start" });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
