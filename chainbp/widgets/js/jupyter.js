// The bundle for Jupyter: an anywidget module.

import { figures } from "./figures/index.js";
import { mount } from "./kit.js";

export default {
  render: (context) => mount(figures[context.model.get("figure")], context),
};
