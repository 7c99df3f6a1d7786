// The step bar of a status: the main sequence of its codes, and the current code of a feature in it.

import { element } from "./elements.js";
import { colourOf } from "./labels.js";
import { codeOf, codesOf, layerCard, statusOf } from "./layer_cards.js";
import { markElement } from "./marks.js";
import { localized, message } from "./page.js";

// Codes outside the main sequence. `suspended` and the codes declared after it are left out as well.
const SIDE_CODES = new Set(["waiting", "cancelled", "dismissed", "damaged", "missing"]);
const MAX_LISTED_STEPS = 7; // of a longer sequence only the current and the next step are named

/**
 * The main sequence of a layer's status codes, in the order of their declaration. Empty if nearly every code may follow
 * every other.
 * @param {string} layer
 */
export function mainSteps(layer) {
  const codes = codesOf(layer, layerCard(layer).status);
  if (codes.every((code) => code.onward.length >= codes.length - 2)) return [];
  const end = codes.findIndex((code) => code.value === "suspended");
  const steps = (end < 0 ? codes : codes.slice(0, end)).filter((code) => !SIDE_CODES.has(code.value));
  return steps.length > 1 ? steps : [];
}

/**
 * The step bar of a feature, or only its code if that is not in the main sequence; null without a status. With an
 * urgency, the steps have the colour of the feature's mark.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export function stepBar(layer, feature) {
  const value = statusOf(layer, feature);
  if (!value) return null;
  const steps = mainSteps(layer);
  const current = steps.findIndex((step) => step.value === value);
  if (current < 0) {
    const code = codeOf(layer, layerCard(layer).status, value);
    const mark = code?.mark ? markElement(code.mark) : null;
    return element("p", { className: "aside-step marked" }, mark, localized(code?.title) || value);
  }
  const { urgency } = feature.properties;
  const colour = urgency ? colourOf(layer, feature) : "#0072b2";
  const segment = (/** @type {Code} */ _step, /** @type {number} */ index) =>
    element("i", { className: index < current ? "past" : index === current ? "now" : "" });
  const ink = urgency === "waiting" ? "var(--waiting-ink)" : "var(--ink)";
  const properties = { className: "steps", "aria-hidden": "true", style: { "--step": colour } };
  return element(
    "div",
    {},
    element("div", properties, ...steps.map(segment)),
    element("p", { className: "step-words", style: { "--step-ink": ink } }, ...stepTexts(steps, current)),
  );
}

/**
 * @param {Code[]} steps
 * @param {number} current
 */
function stepTexts(steps, current) {
  const title = (/** @type {number} */ index) => localized(steps[index].title);
  const currentTitle = element("b", {}, title(current));
  if (steps.length <= MAX_LISTED_STEPS) {
    return steps.flatMap((_step, index) => [
      ...(index ? [" → "] : []),
      index === current ? currentTitle : title(index),
    ]);
  }
  const next = current + 1 < steps.length ? ` · ${message("next_step", { step: title(current + 1) })}` : "";
  return [`${message("step_of", { i: current + 1, n: steps.length })}: `, currentTitle, next];
}
