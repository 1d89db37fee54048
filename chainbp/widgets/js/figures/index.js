import { chainRule } from "./chain_rule.js";
import { descent } from "./descent.js";
import { learningP } from "./learning_p.js";
import { lpNetwork } from "./lp_network.js";
import { lpPooling } from "./lp_pooling.js";
import { poolingMap } from "./pooling_map.js";
import { sigmoid } from "./sigmoid.js";
import { twoLayer } from "./two_layer.js";

const all = [twoLayer, sigmoid, chainRule, lpPooling, lpNetwork, descent, learningP, poolingMap];

export const figures = Object.fromEntries(all.map((figure) => [figure.name, figure]));
