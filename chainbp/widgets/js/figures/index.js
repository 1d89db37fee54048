import { chainRule } from "./chain_rule.js";
import { lpPooling } from "./lp_pooling.js";
import { sigmoid } from "./sigmoid.js";

export const figures = Object.fromEntries([chainRule, lpPooling, sigmoid].map((figure) => [figure.name, figure]));
