// A window y as bars, which the reader takes hold of.

import { cover, math, s, short, slideOn } from "../kit.js";

/**
 * So many bars side by side, each in a column from `left` on and `thick` at most, with its name at `names` and its number as
 * the attributes number(x) have it. `up` is their scale; each may reach from `low` to `limit`, in steps. Returns where they
 * stand, how wide they are, and a function that draws them.
 */
export function drawBars(ui, svg, { n, left = 0, column, thick, names, number, up, limit, low = -limit, step }) {
  const width = Math.min(thick, column * 0.5);
  svg.append(s("line", { class: "axis", x1: left, x2: left + column * n, y1: up(0), y2: up(0) }));
  const bars = Array.from({ length: n }, (_, i) => {
    const x = left + column * (i + 0.5);
    const bar = s("rect", { class: "bar value" });
    const value = s("text", number(x));
    svg.append(bar, value, math(x, names, `y_{${i + 1}}`, { class: column < 30 ? "small" : "", "text-anchor": "middle" }));
    return { x, bar, value };
  });
  bars.forEach(({ x }, i) =>
    slideOn(ui, svg, up, x, {
      kind: "value",
      name: `y${i}`,
      label: `y ${i + 1}`,
      vertical: true,
      min: low,
      max: limit,
      step,
      get: ({ y }) => y[i],
      put: (v) => ({ y: ui.state.y.with(i, v) }),
    }),
  );
  const draw = (y) =>
    bars.forEach(({ x, bar, value }, i) => {
      const [zero, tip] = [up(0), up.clamped(y[i])];
      cover(bar, x - width / 2, Math.min(zero, tip), width, Math.abs(tip - zero));
      ui.number(value, `y.${i}`, y[i], short(y[i]));
    });
  return { xs: bars.map(({ x }) => x), width, draw };
}
