// The step bar of a status: the main course of its code list and where a feature stands on it.

import { element } from "./elements.js";
import { colourOf } from "./labels.js";
import { codeOf, codesOf, layerCard, statusOf } from "./layer_cards.js";
import { markElement } from "./marks.js";
import { localized, message } from "./page.js";

// Codes that no feature has to pass through. Those declared after `suspended` are left out as well.
const ASIDE = new Set(["waiting", "cancelled", "dismissed", "damaged", "missing"]);
const LISTED_STEPS = 7; // a longer course shows only the current and the next step

/**
 * The main course of a layer's status, in the order in which its codes are declared. Empty where nearly every code may
 * follow every other.
 * @param {string} layer
 */
export function mainSteps(layer) {
  const codes = codesOf(layer, layerCard(layer).status);
  if (codes.every((code) => code.onward.length >= codes.length - 2)) return [];
  const end = codes.findIndex((code) => code.value === "suspended");
  const steps = (end < 0 ? codes : codes.slice(0, end)).filter((code) => !ASIDE.has(code.value));
  return steps.length > 1 ? steps : [];
}

/**
 * The step bar of a feature, or its code alone where that is not on the main course; null without a status. The current
 * step has the colour of the feature's mark.
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
  if (steps.length <= LISTED_STEPS) {
    return steps.flatMap((_step, index) => [
      ...(index ? [" → "] : []),
      index === current ? currentTitle : title(index),
    ]);
  }
  const next = current + 1 < steps.length ? ` · ${message("next_step", { step: title(current + 1) })}` : "";
  return [`${message("step_of", { i: current + 1, n: steps.length })}: `, currentTitle, next];
}
