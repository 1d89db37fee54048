// The bundle for the static book: draws the page's figures without a kernel. A classic script, because a page opened
// from disk cannot import modules.

import { isAnswer } from "./ask.js";
import { figures } from "./figures/index.js";
import { encode, h, mount, same, within } from "./kit.js";

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
      const model = module === "anywidget" && Object.hasOwn(figures, state.figure) ? new Model(state) : null;
      const children = BOXES.includes(kind) ? state.children.map((child) => child.slice(REFERENCE.length)) : [];
      widgets.set(id, { kind, model, children });
    }
  }
  return widgets;
}

/** Whether the page is here, or an element of it while it arrives. Without its style nothing can be measured. */
function arrived(element) {
  if (document.readyState === "complete") return true;
  const dressed = [...document.querySelectorAll('link[rel="stylesheet"]')].every((link) => link.sheet);
  return dressed && (document.readyState === "interactive" || Boolean(element?.nextSibling));
}

/** The scripts that say where widgets stand on the page, as far as it has arrived, in its order. */
const readViews = () => [...document.querySelectorAll(VIEW)].filter((script) => arrived(script.closest(".cbp-live")));

/** Give the models in a widget the names that the address uses: lp_pooling, lp_pooling-2 … in the order of the page. */
function nameModels(id, widgets, named) {
  const { model, children = [] } = widgets.get(id) ?? {};
  for (const child of children) nameModels(child, widgets, named);
  if (!model || model.name) return;
  const figure = model.get("figure");
  const before = [...named.values()].filter((other) => other.get("figure") === figure).length;
  model.name = before ? `${figure}-${before + 1}` : figure;
  named.set(model.name, model);
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

/** Draw a widget where it stands, in place of its picture, or say why it cannot be drawn. */
function draw(script, id, widgets) {
  const el = h("div");
  script.before(el);
  try {
    drawInto(el, id, widgets);
    script.closest(".cbp-live").querySelector(".cbp-still")?.remove();
  } catch (error) {
    el.className = "cbp-sorry";
    el.textContent = `This figure is not alive here: ${error.message}. Open the page as a notebook to use it.`;
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
  const { accepts: rule, questions } = figures[model.get("figure")];
  if (trait === "answer") return isAnswer(questions?.[model.get("ask")], model.get("_start"), value);
  if (typeof rule === "function") return rule(trait, value, (name) => model.get(name));
  return within(value, rule[trait]);
}

/** Bring the models into the state that the address names; returns the names of those that it sets. */
function readAddress(named) {
  const found = [];
  for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
    const [name, trait] = key.split(".");
    const model = named.get(name);
    if (!model || !Object.hasOwn(model.get("_start"), trait)) continue;
    // An answer may be a choice or a curve.
    const value = parse(text, trait === "answer" ? text.split(",") : model.get("_start")[trait]);
    if (value !== null && accepts(model, trait, value)) {
      model.set(trait, value);
      found.push(name);
    }
  }
  return found;
}

/** What the address says of figures that have not arrived yet stays in it. */
function writeAddress(named) {
  const parts = location.hash.slice(1).split("&").filter((part) => part.includes("=") && !named.has(part.split(".")[0]));
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

let writing;
function writeSoon(named) {
  clearTimeout(writing);
  writing = setTimeout(() => writeAddress(named), 300);
}

/** What has arrived is on the screen; where nobody looks at the page, it is there as a whole. */
const shown = () =>
  new Promise((next) => {
    requestAnimationFrame(() => setTimeout(next));
    document.addEventListener("DOMContentLoaded", next, { once: true });
    addEventListener("load", next, { once: true });
  });

/** Draw the figures in the order of the page, each in a task of its own, the first while the page still arrives. */
async function start() {
  const named = new Map();
  let widgets, first;
  addEventListener("hashchange", () => readAddress(named));
  for (let done = 0; ; ) {
    const view = readViews()[done];
    if (view) {
      const { model_id: id } = JSON.parse(view.textContent);
      const before = named.size;
      widgets ??= readWidgets();
      nameModels(id, widgets, named);
      const fresh = new Map([...named].slice(before));
      const wanted = readAddress(fresh).map((name) => fresh.get(name));
      first ??= wanted[0]?.name;
      // A state is shown at once, without a question, unless the address holds the answer.
      for (const model of wanted) if (!model.get("answer").length) model.set("ask", "");
      for (const model of fresh.values()) model.on("change", () => writeSoon(named));
      draw(view, id, widgets);
      done += 1;
    } else if (arrived()) break;
    await (view ? new Promise((next) => setTimeout(next)) : shown());
  }
  // Who has begun to read is left in peace.
  if (!first || scrollY) return;
  const wanted = document.querySelector(`[data-name="${first}"]`);
  // What stands below a figure tells what it shows.
  wanted?.scrollIntoView({ block: wanted.offsetHeight < innerHeight ? "end" : "start" });
}

start();
