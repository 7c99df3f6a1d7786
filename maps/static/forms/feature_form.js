// A form made from a layer's card: what the doors take, in the card's order, with a place where the layer has one.

import { amend } from "./transitions.js";
import { ask, collection, explained, sendingKey } from "../core/http.js";
import { card, labelOf, titleOf } from "../core/labels.js";
import { dayField, dayOf, momentOf } from "../core/date_text.js";
import { day, h, moment, said, say } from "../core/page.js";
import { PlaceControl } from "./address_input.js";

const LONG = new Set(["description", "note", "remark", "gist", "product", "responsibility"]);

function inputFor(field, value) {
  const shared = { name: field.name, required: field.required, "data-type": field.type };
  const given = value === null || value === undefined ? "" : String(value);
  if (field.codes) {
    return h("select", shared, h("option", { value: "" }, field.required ? say("choose") : "–"),
      ...field.codes.map((code) => h("option", { value: code.value, selected: code.value === given }, said(code.title))));
  }
  if (field.type === "boolean") {
    return h("select", shared, h("option", { value: "" }, "–"), ...["true", "false"].map((one) => h("option", { value: one, selected: one === given }, say(one === "true" ? "yes" : "no"))));
  }
  if (LONG.has(field.name)) {
    const area = h("textarea", { ...shared, rows: "3", maxlength: "4000" });
    area.value = given;
    return area;
  }
  const type = { integer: "number", number: "number" }[field.type] ?? "text";
  const input = h("input", { ...shared, type, step: field.type === "number" ? "any" : null, maxlength: "500" });
  input.value = !given ? "" : field.type === "date" ? day(given) : field.type === "datetime" ? moment(given) : Array.isArray(value) ? value.join(", ") : given;
  return input;
}

/** What stands in the form for a field: of a day also its calendar. */
const controlOf = (field, input) => (["date", "datetime"].includes(field.type) ? dayField(input, { timed: field.type === "datetime" }) : input);

function valueFrom(input) {
  const text = input.value.trim();
  if (text === "") return null;
  switch (input.dataset.type) {
    case "integer": case "number": return Number(text);
    case "boolean": return text === "true";
    case "date": return dayOf(text) ?? text; // what is no day is told by the door, at its field
    case "datetime": return momentOf(text) ?? text;
    case "list": return text.split(",").map((one) => one.trim()).filter(Boolean);
    default: return text;
  }
}

/** Whether a field still says what it said: a moment is shown to its minute and may have been exacter. */
const alike = (input, value, before) => (input.dataset.type === "datetime" && value && before ? moment(value) === moment(before) : JSON.stringify(value) === JSON.stringify(before));

/** The form for a new thing (`feature` null), for its facts, or for its place alone (`onlyPlace`). */
export function draftForm(layer, map, { feature = null, onlyPlace = false, saved, back }) {
  const status = card(layer).status;
  const fields = onlyPlace ? [] : card(layer).fields.filter((field) => field.receivable && field.name !== status && !["json", "uuid"].includes(field.type) && !["place", "geom", "geometry", "level", "position_source", "accuracy_m"].includes(field.name));
  const labels = Object.fromEntries(card(layer).fields.map((field) => [field.name, said(field.title)]));
  const inputs = fields.map((field) => inputFor(field, feature?.properties[field.name]));
  const fault = h("div", { className: "refusal", role: "alert", hidden: true });
  const submit = h("button", { className: "button primary", type: "submit" }, say("save"));
  // Who moves what already has a place of its own says why; for any other change a reason is welcome.
  const moves = Boolean(onlyPlace && feature?.geometry && feature.properties.position_source !== "none");
  const reason = feature ? h("textarea", { name: "reason", rows: "2", maxlength: "500", required: moves, placeholder: say("reason_hint") }) : null;
  const placeRoot = card(layer).geometry && (!feature || onlyPlace) ? h("div", { className: "place-control" }) : null;
  const form = h("form", { className: "form", novalidate: true },
    h("h2", {}, onlyPlace ? `${say("set_position")}: ${titleOf(layer, feature)}` : feature ? titleOf(layer, feature) : said(card(layer).title)),
    placeRoot,
    ...fields.map((field, at) => h("div", { className: "field" }, h("label", {}, `${labelOf(layer, field.name)}${field.unit ? ` (${field.unit})` : ""}${field.required ? " *" : ""}`, controlOf(field, inputs[at])))),
    reason ? h("div", { className: "field" }, h("label", {}, `${say("reason")}${moves ? " *" : ""}`, reason)) : null,
    fault,
    h("div", { className: "actions" }, submit, h("button", { className: "button", type: "button", onclick: () => leave(back) }, say("cancel"))));
  const place = placeRoot ? new PlaceControl(placeRoot, map, { title: say("place_of"), border: feature?.properties.border ?? null, changed: () => form.dispatchEvent(new Event("input")) }) : null;
  const key = sendingKey();
  const leave = (then) => (place?.remove(), then());

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fault.hidden = true;
    for (const input of inputs) input.removeAttribute("aria-invalid");
    const position = place?.value() ?? null;
    if (onlyPlace && !position) return place.wrong(say("place_missing"));
    reason?.removeAttribute("aria-invalid");
    const why = reason?.value.trim() ?? "";
    if (moves && !why) {
      reason.setAttribute("aria-invalid", "true");
      fault.replaceChildren(say("reason_missing"));
      fault.hidden = false;
      return reason.focus();
    }
    const properties = {};
    for (const input of inputs) {
      const value = valueFrom(input);
      const before = feature?.properties[input.name] ?? null;
      if (feature ? !alike(input, value, before) : value !== null) properties[input.name] = value;
    }
    const { geometry = null, ...rest } = position ?? {};
    Object.assign(properties, rest);
    submit.disabled = true;
    try {
      if (feature) {
        const done = await amend(layer, feature, { ...(geometry ? { geometry } : {}), ...(why ? { reason: why } : {}), properties });
        leave(() => saved(feature.id, done));
      } else {
        const { data, location } = await ask(collection(layer), { method: "POST", type: "application/geo+json", headers: { "Idempotency-Key": key }, body: { type: "Feature", geometry, properties } });
        leave(() => saved(data?.id ?? location?.split("/").at(-1)));
      }
    } catch (error) {
      fault.replaceChildren(...explained(error, labels));
      fault.hidden = false;
      for (const { field, detail } of error.errors ?? []) {
        inputs.find((input) => input.name === field)?.setAttribute("aria-invalid", "true");
        if (place && /^(place|geom)/.test(field)) place.wrong(detail);
      }
      fault.scrollIntoView({ block: "nearest" });
    } finally {
      submit.disabled = false;
    }
  });
  return { form, remove: () => place?.remove() };
}
