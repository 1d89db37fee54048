import { lpPooling } from "./lp_pooling.js";
import { sigmoid } from "./sigmoid.js";

export const figures = Object.fromEntries([lpPooling, sigmoid].map((figure) => [figure.name, figure]));
