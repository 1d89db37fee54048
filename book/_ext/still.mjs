// Draws live figures without a browser: for pages where no script runs. The figures' own bundle draws them, into as much of
// a document as it writes to.
//
//   node still.mjs BUNDLE < '[{"width": 640, "state": {…}}, …]'      prints [{"html": …, "text": what it shows, in words}, …]

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const kebab = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

class Text {
  constructor(data) {
    this.data = data;
  }

  get textContent() {
    return this.data;
  }

  toString() {
    return escaped(this.data);
  }
}

class Element {
  style = {};
  childNodes = [];
  attributes = new Map();
  dataset = new Proxy(this.attributes, {
    get: (attributes, name) => attributes.get(`data-${kebab(name)}`),
    set: (attributes, name, value) => Boolean(attributes.set(`data-${kebab(name)}`, String(value))),
    deleteProperty: (attributes, name) => attributes.delete(`data-${kebab(name)}`) || true,
  });

  classList = {
    contains: (name) => (this.getAttribute("class") ?? "").split(" ").includes(name),
    toggle: (name, on) => {
      const others = (this.getAttribute("class") ?? "").split(" ").filter((one) => one && one !== name);
      this.setAttribute("class", [...others, ...(on ? [name] : [])].join(" "));
    },
    add: (name) => this.classList.toggle(name, true),
  };

  constructor(namespaceURI, tag) {
    Object.assign(this, { namespaceURI, tag });
  }

  get children() {
    return this.childNodes.filter((node) => node instanceof Element);
  }

  get firstChild() {
    return this.childNodes[0] ?? null;
  }

  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }

  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }

  setAttribute(name, value) {
    this.attributes.set(name, String(value));
  }

  removeAttribute(name) {
    this.attributes.delete(name);
  }

  toggleAttribute(name, on) {
    if (on) this.setAttribute(name, "");
    else this.removeAttribute(name);
  }

  #put(index, nodes) {
    const added = nodes.filter((node) => node !== "").map((node) => (typeof node === "object" ? node : new Text(String(node))));
    for (const node of added) {
      if (node.parentNode) node.parentNode.childNodes = node.parentNode.childNodes.filter((other) => other !== node);
      node.parentNode = this;
    }
    this.childNodes.splice(index, 0, ...added);
  }

  append(...nodes) {
    this.#put(this.childNodes.length, nodes);
  }

  prepend(...nodes) {
    this.#put(0, nodes);
  }

  before(...nodes) {
    this.parentNode.#put(this.parentNode.childNodes.indexOf(this), nodes);
  }

  replaceChildren(...nodes) {
    this.childNodes = [];
    this.append(...nodes);
  }

  contains() {
    return false; // asked of what has the focus, and nothing has
  }

  addEventListener() {}

  /** All elements within. */
  *all() {
    for (const child of this.children) {
      yield child;
      yield* child.all();
    }
  }

  /** The first with an attribute: `[data-slider=p]`. */
  querySelector(selector) {
    const [, name, value] = /^\[([\w-]+)=(\w+)\]$/.exec(selector);
    return [...this.all()].find((node) => node.getAttribute(name) === value) ?? null;
  }

  toString() {
    const attributes = [...this.attributes].map(([name, value]) => ` ${name}="${escaped(value)}"`);
    const kept = attributes.filter((text) => !/^ (aria-(?!pressed)|data-(?!figure)|role="(?!group)|tabindex)/.test(text));
    return `<${this.tag}${kept.join("")}>${this.childNodes.join("")}</${this.tag}>`;
  }
}

const HTML = "http://www.w3.org/1999/xhtml";
Object.assign(globalThis, {
  document: { createElement: (tag) => new Element(HTML, tag), createElementNS: (uri, tag) => new Element(uri, tag) },
  requestAnimationFrame() {},
  ResizeObserver: class {
    observe() {}
    disconnect() {}
  },
});

const { default: widget } = await import(pathToFileURL(process.argv[2]));

async function still({ width, state }) {
  const el = document.createElement("div");
  // The room that a figure finds.
  Object.defineProperty(Element.prototype, "clientWidth", { value: width, configurable: true });
  const model = { isStatic: true, get: (name) => state[name], on() {} };
  widget.render({ el, model });
  await new Promise((next) => setTimeout(next, 1)); // until it has said what it shows
  const [figure] = el.children;
  const unseen = figure.children.filter((node) => node.classList.contains("cbp-unseen"));
  const text = unseen[0].textContent;
  figure.childNodes = figure.childNodes.filter((node) => !unseen.includes(node));
  return { html: String(figure), text };
}

const wanted = JSON.parse(readFileSync(0, "utf8"));
const drawn = [];
for (const figure of wanted) drawn.push(await still(figure));
process.stdout.write(JSON.stringify(drawn));
