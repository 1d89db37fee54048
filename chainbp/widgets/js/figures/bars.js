// A window y as bars: how the reader takes hold of one.

import { format } from "../kit.js";

/** The slider at the tip of bar i, which stands at x; `up` is the bars' scale, and from `low` to `limit` each may reach. */
export function barSlider(ui, svg, { i, x, up, limit, low = -limit, step }) {
  ui.slider({
    parent: svg,
    kind: "value",
    name: `y${i}`,
    label: `y ${i + 1}`,
    vertical: true,
    min: low,
    max: limit,
    step,
    get: ({ y }) => y[i],
    text: ({ y }) => format(y[i]),
    where: ({ y }) => [x, up.clamped(y[i])],
    at: (_, py) => up.back(py),
    put: (v) => ({ y: ui.state.y.with(i, v) }),
  });
}
