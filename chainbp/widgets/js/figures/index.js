import { chainRule } from "./chain_rule.js";
import { descent } from "./descent.js";
import { explore } from "./explore.js";
import { learningP } from "./learning_p.js";
import { lpPooling } from "./lp_pooling.js";
import { poolingMap } from "./pooling_map.js";
import { sigmoid } from "./sigmoid.js";

const all = [explore, sigmoid, chainRule, lpPooling, descent, learningP, poolingMap];

export const figures = Object.fromEntries(all.map((figure) => [figure.name, figure]));
