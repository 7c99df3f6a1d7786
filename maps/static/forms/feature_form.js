// The form of a feature, generated from its layer card: for a new feature with its position, for the fields of an
// existing feature, or for its position alone.

import { element } from "../core/elements.js";
import { errorContent, idempotencyKey, itemsPath, request } from "../core/http.js";
import { titleOf } from "../core/labels.js";
import { fieldLabel, layerCard, layerTitle } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { AddressInput } from "./address_input.js";
import { controlFor, inputFor, isUnchanged, valueFrom } from "./feature_inputs.js";
import { updateFeature } from "./transitions.js";

// Fields without an input: the position has its own control, and the level is not changed in this form.
const WITHOUT_INPUT = new Set(["place", "geom", "geometry", "level", "position_source", "accuracy_m"]);

/**
 * @typedef {object} FormOptions
 * @property {LayerFeature | null} [feature] The feature to change; none for a new one.
 * @property {boolean} [positionOnly]
 * @property {(id: string, outcome?: Outcome) => unknown} onSaved
 * @property {() => unknown} onCancel
 */

/**
 * The form, and a function that removes its drawing from the map.
 * @param {string} layer
 * @param {L.Map} map
 * @param {FormOptions} options
 */
export function featureForm(layer, map, { feature = null, positionOnly = false, onSaved, onCancel }) {
  const card = layerCard(layer);
  const fields = positionOnly ? [] : card.fields.filter((field) => hasInput(card, field));
  const labels = Object.fromEntries(card.fields.map((field) => [field.name, localized(field.title)]));
  const inputs = fields.map((field) => inputFor(field, feature?.properties[field.name]));
  const error = element("div", { className: "refusal", role: "alert", hidden: true });
  const submit = element("button", { className: "button primary", type: "submit" }, message("save"));
  const reasonRequired = Boolean(positionOnly && feature?.geometry && feature.properties.position_source !== "none");
  const reason = feature ? reasonInput(reasonRequired) : null;
  const placeRoot = card.geometry && (!feature || positionOnly) ? element("div", { className: "place-control" }) : null;
  const cancel = () => leave(onCancel);
  const form = element(
    "form",
    { className: "form", novalidate: true },
    element("h2", {}, formTitle(layer, feature, positionOnly)),
    placeRoot,
    ...fields.map((field, index) => fieldRow(inputLabel(layer, field), controlFor(field, inputs[index]))),
    reason && fieldRow(`${message("reason")}${reasonRequired ? " *" : ""}`, reason),
    error,
    element(
      "div",
      { className: "actions" },
      submit,
      element("button", { className: "button", type: "button", onclick: cancel }, message("cancel")),
    ),
  );
  const place = placeRoot
    ? new AddressInput(placeRoot, map, {
        title: message("place_of"),
        border: feature?.properties.border ?? null,
        onChange: () => form.dispatchEvent(new Event("input")),
      })
    : null;
  const key = idempotencyKey();
  const leave = (/** @type {() => unknown} */ next) => {
    place?.remove();
    next();
  };

  /**
   * @param {PositionInput | null} position
   * @param {string} reasonText
   */
  async function save(position, reasonText) {
    const { geometry = null, ...positionProperties } = position ?? {};
    const properties = { ...changedValues(inputs, feature), ...positionProperties };
    if (feature) {
      const changes = { ...(geometry ? { geometry } : {}), ...(reasonText ? { reason: reasonText } : {}), properties };
      const outcome = await updateFeature(layer, feature, changes);
      leave(() => onSaved(feature.id, outcome));
    } else {
      const { data, location } = await request(itemsPath(layer), {
        method: "POST",
        type: "application/geo+json",
        headers: { "Idempotency-Key": key },
        body: { type: "Feature", geometry, properties },
      });
      leave(() => onSaved(data?.id ?? location?.split("/").at(-1)));
    }
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.hidden = true;
    for (const input of [...inputs, reason]) input?.removeAttribute("aria-invalid");
    const position = place?.value() ?? null;
    if (positionOnly && !position) return place?.showError(message("place_missing"));
    const reasonText = reason?.value.trim() ?? "";
    if (reason && reasonRequired && !reasonText) {
      reason.setAttribute("aria-invalid", "true");
      error.replaceChildren(message("reason_missing"));
      error.hidden = false;
      return reason.focus();
    }
    submit.disabled = true;
    try {
      await save(position, reasonText);
    } catch (problem) {
      error.replaceChildren(...errorContent(problem, labels));
      error.hidden = false;
      for (const { field, detail } of problem.errors ?? []) {
        inputs.find((input) => input.name === field)?.setAttribute("aria-invalid", "true");
        if (/^(place|geom)/.test(field)) place?.showError(detail);
      }
      error.scrollIntoView({ block: "nearest" });
    } finally {
      submit.disabled = false;
    }
  });
  return { form, remove: () => place?.remove() };
}

/**
 * @param {LayerCard} card
 * @param {Field} field
 */
function hasInput(card, { name, input, receivable }) {
  return receivable && input !== null && name !== card.status && !WITHOUT_INPUT.has(name);
}

/**
 * @param {string} layer
 * @param {LayerFeature | null} feature
 * @param {boolean} positionOnly
 */
function formTitle(layer, feature, positionOnly) {
  if (!feature) return layerTitle(layer);
  return positionOnly ? `${message("set_position")}: ${titleOf(layer, feature)}` : titleOf(layer, feature);
}

/**
 * @param {string} layer
 * @param {Field} field
 */
const inputLabel = (layer, { name, unit, required }) =>
  `${fieldLabel(layer, name)}${unit ? ` (${unit})` : ""}${required ? " *" : ""}`;

/**
 * @param {string} label
 * @param {HTMLElement} control
 */
const fieldRow = (label, control) => element("div", { className: "field" }, element("label", {}, label, control));

/** @param {boolean} required Changing a position that the feature itself has needs a reason. */
const reasonInput = (required) =>
  element("textarea", { name: "reason", rows: "2", maxlength: "500", required, placeholder: message("reason_hint") });

/**
 * The values that differ from those of the feature; for a new feature, all that are not empty.
 * @param {import("./feature_inputs.js").Input[]} inputs
 * @param {LayerFeature | null} feature
 */
function changedValues(inputs, feature) {
  /** @type {Properties} */
  const values = {};
  for (const input of inputs) {
    const value = valueFrom(input);
    const before = feature?.properties[input.name] ?? null;
    if (feature ? !isUnchanged(input, value, before) : value !== null) values[input.name] = value;
  }
  return values;
}
