// Predictions that listen: a question stands over the figure, and what would answer it is hidden until the reader has
// answered, on the figure, or wants to be shown. Then both stand there. No score. README.md says how a figure asks.

import shared from "../shared.json";
import { button, clamp, drag, formula, h, move, path, s, set, show, within } from "./kit.js";

/** What may be pressed while a question is open, and is only seen afterwards. */
const offered = (isOpen) => ({ "aria-hidden": isOpen ? null : "true", tabindex: isOpen ? 0 : null });

/** Words as nodes: the note's letters among them, but for that of a genitive, are set as in its formulas. */
const lettered = (text) =>
  text.split(/\b([b-zL])\b/).map((part, k, all) => (k % 2 && !all[k - 1].endsWith("’") ? formula(h("span"), part) : part));

/** Whether an answer is one that a question can have: none yet, "show me", an option, or a curve within its plot. */
export function isAnswer(question, start, answer) {
  if (!question || answer.length === 0 || (answer.length === 1 && answer[0] === -1)) return Boolean(question);
  if (question.options) return answer.length === 1 && Object.hasOwn(question.options(start), answer[0]);
  const { points, low, high } = question.curve(start);
  const rounded = (high - low) / 200;
  return answer.length === points && within(answer, [low - rounded, high + rounded]);
}

/** What one figure asks: `name` of the question or "", and the start state, from which its truth is told. */
export function makeAsk(ui, figure, name, start) {
  const question = figure.questions?.[name];
  const text = shared.questions[figure.name]?.[name];
  const words = h("p", { tabindex: -1 });
  const buttons = h("div", { class: "cbp-answers" });
  const node = h("div", { class: "cbp-ask", role: "group", "aria-label": "prediction" }, words, buttons);
  const done = button("Done", () => give(curve()));
  let parts = [];
  let curve = () => null;
  let [values, here] = [null, 0]; // of a curve, and its point that has the keys; another width must not lose them

  /** The reader's answer, and what the figure shows with it: from the start, which was asked about, whatever was pulled. */
  function give(answer) {
    if (!answer) return;
    ui.change({ ...start, answer, ...question.then?.(start) });
    words.focus({ preventScroll: true });
  }
  const open = (state) => Boolean(question) && state.answer.length === 0;
  const said = ([k, ...more]) =>
    more.length ? "The dotted line is yours. " : k < 0 ? "" : `You said: ${question.options(start)[k]}. `;

  if (question) {
    // Taps and curves are answered in the drawing.
    if (!question.drawn) question.options?.(start).forEach((option, k) => buttons.append(button(option, () => give([k]))));
    if (!question.options) buttons.append(done);
    buttons.append(button("Show me", () => give([-1])));
  }
  return {
    node: question ? node : "",
    text: (state) => (open(state) ? `${text} ` : null),
    /** The figure is built anew. */
    clear: () => (parts = []),
    /** What has been drawn is gone. */
    forget: () => ([values, here] = [values?.fill(NaN), 0]),
    draw(state, root) {
      if (!question) return;
      set(root, { "data-asking": open(state) && name });
      const now = open(state) ? text : said(state.answer) + question.tell(start);
      if (words.textContent !== now) words.replaceChildren(...lettered(now));
      set(done, { "aria-disabled": String(!curve()) });
      for (const part of parts) part(state, open(state));
    },
    /** Hide nodes while this question is open. */
    hide(asked, ...nodes) {
      if (asked === name) for (const hidden of nodes) hidden.classList.add("untold");
    },
    /** Targets in the drawing, one for each option; where(k, state) is the center of one, and r its ring's radius. */
    taps(asked, svg, where, r) {
      if (asked !== name) return;
      question.options(start).forEach((option, k) => {
        const circles = [s("circle", { class: "touch", r: 23 }), s("circle", { class: "ring", r })];
        const tap = s("g", { class: "cbp-tap", role: "button", "aria-label": option }, ...circles);
        svg.append(tap);
        tap.addEventListener("click", () => give([k]));
        tap.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          event.stopPropagation();
          give([k]);
        });
        parts.push((state, isOpen) => {
          const chosen = state.answer[0] === k;
          show(tap, isOpen || chosen);
          set(tap, offered(isOpen));
          tap.classList.toggle("chosen", chosen);
          move(tap, ...where(k, state));
        });
      });
    },
    /**
     * A plot to draw a curve into: `xs`, the places of its points across; `up`, the scale of its values; `at(k)`, what a
     * screen reader calls point k; `print`, how it reads a value.
     */
    sketch(asked, svg, { xs, up, at, print }) {
      if (asked !== name) return;
      const { low, high } = question.curve(start);
      values ??= xs.map(() => NaN);
      const middle = (low + high) / 2;
      const [left, top] = [xs[0], up(high)];
      const area = s("rect", { class: "area", x: left, y: top, width: xs.at(-1) - left, height: up(low) - top });
      const line = s("path", { class: "yours" });
      const point = s("circle", { class: "ring", r: 8 });
      const plot = s("g", { class: "cbp-sketch", role: "slider", "aria-label": "your curve", "aria-valuemin": low, "aria-valuemax": high }, area, line, point);
      let last = null;
      plot.addEventListener("grasp", () => (last = null));
      drag(plot, (x, y) => {
        const value = up.back(clamp(y, top, up(low)));
        const from = last ?? { x, value };
        xs.forEach((there, k) => {
          if ((there - x) * (there - from.x) > 0 && Math.abs(there - x) > (xs[1] - xs[0]) / 2) return;
          const part = x === from.x ? 1 : clamp((there - from.x) / (x - from.x), 0, 1);
          values[k] = from.value + (value - from.value) * part;
        });
        last = { x, value };
        ui.redraw();
      });
      const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      plot.addEventListener("keydown", (event) => {
        if (event.key === "Enter") give(curve());
        const [across, upward] = KEYS[event.key] ?? [];
        if (across === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        xs.forEach((_, k) => (values[k] = Number.isNaN(values[k]) ? middle : values[k]));
        here = clamp(here + across, 0, xs.length - 1);
        values[here] = clamp(values[here] + (upward * (high - low)) / 20, low, high);
        ui.redraw();
      });
      curve = () => {
        const known = [...xs.keys()].filter((k) => !Number.isNaN(values[k]));
        if (known.length < 2) return null;
        const near = (k) => known.reduce((best, other) => (Math.abs(other - k) < Math.abs(best - k) ? other : best));
        return xs.map((_, k) => Number(values[near(k)].toPrecision(3)));
      };
      parts.push((state, isOpen) => {
        if (!plot.parentNode) svg.append(plot); // above what the figure has drawn since it asked
        const shown = isOpen ? values : state.answer.length > 1 ? state.answer : [];
        set(line, { d: path(xs.map((x, k) => [x, up(shown[k])])) });
        plot.classList.toggle("open", isOpen);
        const v = values[here];
        const [y, said] = Number.isNaN(v) ? [middle, "not drawn"] : [v, print(v)];
        set(point, { cx: xs[here], cy: up(y).toFixed(1) });
        set(plot, { "aria-valuenow": y.toPrecision(3), "aria-valuetext": `${at(here)}: ${said}`, ...offered(isOpen) });
      });
    },
  };
}
