// Labels of features: their marks, titles, values as text, and the facts in popups and records.

import { formatDay, formatDistance, formatMoment, formatNumber, formatQuantity, daysSince, joined } from "./format.js";
import { codeTitle, drawingCode, fieldLabel, layerCard, layerTitle } from "./layer_cards.js";
import { GREY, markElement } from "./marks.js";
import { localized, message, page } from "./page.js";

/**
 * Whether the position is assumed, or taken from linked features.
 * @param {DrawableFeature} feature
 */
export function isAssumed({ geometry, properties }) {
  const source = properties.position_source;
  return source === "assumed" || Boolean(geometry && source === "none");
}

/** @param {string} layer */
const layerMark = (layer) => page.marks?.[layer] ?? { shape: "circle", colour: GREY };

/**
 * The mark of a feature: that of its code, else that of its layer.
 * @param {string} layer
 * @param {DrawableFeature} feature
 * @param {{ spoken?: boolean }} [options] Whether screen readers read out the code's title.
 */
export function markOf(layer, feature, { spoken = false } = {}) {
  const code = drawingCode(layer, feature);
  const label = spoken ? localized(code?.title) : null;
  return markElement(code?.mark ?? layerMark(layer), { hollow: isAssumed(feature), label });
}

/**
 * @param {string} layer
 * @param {DrawableFeature} feature
 * @returns {string}
 */
export const colourOf = (layer, feature) =>
  drawingCode(layer, feature)?.mark?.colour ?? layerMark(layer).colour ?? GREY;

/** @param {Properties} p */
const sectionOf = (p) => p.section || p.address || "";

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {string}
 */
export function titleOf(layer, { id, properties: p }) {
  switch (layer) {
    case "markers":
      return `${message("marker_prefix")} ${p.number ?? ""}`.trim();
    case "posts":
      return `${layerTitle(layer)} ${sectionOf(p)}`.trim();
    case "gates":
      return [p.name, p.counterpart].filter(Boolean).join(" – ");
    case "incidents":
      return joined(p.code, codeTitle(layer, "category", p.category));
    case "sectors":
      return joined(p.name, p.section);
    case "documents":
      return joined(p.number, p.title);
    case "crossings":
      return p.name || `${codeTitle(layer, "kind", p.kind)} ${sectionOf(p)}`.trim();
    default:
      return p.title || p.name || p.code || p.address || layerTitle(layer) || id;
  }
}

/**
 * The title in a narrow list; for a work with a marker address, the address and the kind of work.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export function shortTitleOf(layer, feature) {
  const { address, kind } = feature.properties;
  if (layer !== "works" || !address || !kind) return titleOf(layer, feature);
  let place = address;
  if (/^\d+(\/\d+)?(\(\d\))?$/.test(address)) place = `${message("marker_prefix")} ${address}`;
  else if (address.includes("–")) place = `${message("section_prefix")} ${address}`;
  return `${place} · ${codeTitle(layer, "kind", kind).toLowerCase()}`;
}

/**
 * The label beside a mark on the map: a name, number, code or marker address.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {string}
 */
export function mapLabelOf(layer, { properties: p }) {
  if (layer === "gates" || layer === "crossings") return p.name ?? "";
  if (layer === "markers") return p.number ?? "";
  if (layer === "incidents") return p.code ?? "";
  return p.address ?? "";
}

/**
 * The right-hand text of a feature in a list: overdue, waiting, due or occurred; for gates the category, for crossings
 * the state.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export function timeTextOf(layer, { properties: p }) {
  if (p.urgency === "overdue" && p.due_on) return message("overdue_days", { n: formatNumber(daysSince(p.due_on)) });
  if (p.urgency === "waiting" && p.waiting_since) {
    return message("waiting_since", { day: monthOf(formatDay(p.waiting_since)) });
  }
  if (p.urgency === "done") return codeTitle(layer, "urgency", "done");
  if (p.due_on) return message("due_on", { day: formatDay(p.due_on) });
  if (layer === "incidents") return p.occurred_at ? formatDay(p.occurred_at) : "";
  if (layer === "gates") return codeTitle(layer, "category", p.category);
  if (layer === "crossings") return codeTitle(layer, "state", p.state);
  return "";
}

/**
 * The second line of a feature in a list.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export function subtitleOf(layer, feature) {
  const p = feature.properties;
  const address = p.address && isAssumed(feature) ? `≈ ${p.address}` : p.address;
  const newAddress = address && !shortTitleOf(layer, feature).includes(p.address) ? address : null;
  if (p.waiting_on) return joined(newAddress, message("waiting_on", { whom: p.waiting_on }));
  if (layer === "incidents") {
    return joined(address, codeTitle(layer, "handling", p.handling), codeTitle(layer, "severity", p.severity));
  }
  if (layer === "gates") {
    const stage = p.stage && codeTitle(layer, "stage", p.stage);
    return joined(stage, p.next_event && eventText(layer, p.next_event), p.border && message(p.border));
  }
  return joined(newAddress, p.unit || p.lead_unit, p.clause || p.plan);
}

/** @type {Record<string, (value: any) => string>} The text of values by the type of their field, if that decides it. */
const TEXT_BY_TYPE = {
  boolean: (value) => message(value ? "yes" : "no"),
  date: formatDay,
  datetime: formatMoment,
};

/**
 * A value as text; empty for null and an empty text. A field that no card describes needs only its name.
 * @param {string} layer
 * @param {Partial<Field>} field
 * @param {any} value
 * @returns {string}
 */
export function valueText(layer, field, value) {
  if (value === null || value === undefined || value === "") return "";
  if (Array.isArray(value)) {
    return value
      .map((item) => valueText(layer, field, item))
      .filter(Boolean)
      .join(", ");
  }
  if (field.codes) return localized(field.codes.find((code) => code.value === value)?.title) || String(value);
  const textOf = TEXT_BY_TYPE[field.type ?? ""];
  if (textOf) return textOf(value);
  if (typeof value === "number") return field.unit === "m" ? formatDistance(value) : formatQuantity(value, field.unit);
  if (value.on) return eventText(layer, value);
  if (value.of) return progressText(value);
  if (typeof value === "object") return objectText(value);
  return field.name === "border" ? message(String(value)) : String(value);
}

/** @param {{ done: number, of: number, next?: { title: Title } }} progress The steps done, all, and the next one. */
const progressText = ({ done, of, next }) =>
  joined(`${done}/${of}`, next && message("next_step", { step: localized(next.title) }));

/** @param {Record<string, any>} value */
const objectText = (value) =>
  Object.entries(value)
    .map(([name, item]) => `${name}: ${typeof item === "object" ? JSON.stringify(item) : item}`)
    .join("; ");

/**
 * A dated event in one line: its kind, or the text of a note; its date to the known precision; its document.
 * @param {string} layer
 * @param {GateEvent} event
 */
function eventText(layer, event) {
  const { events, status } = layerCard(layer);
  const kind = events?.find(({ value }) => value === event.kind);
  const title = localized(kind?.title) || codeTitle(layer, status, event.kind);
  return joined(event.kind === "note" ? event.note || title : title, dateText(event), event.document);
}

/**
 * A date to its known precision: dd/mm/yyyy, mm/yyyy or yyyy.
 * @param {Pick<GateEvent, "on" | "precision">} event
 */
export function dateText({ on, precision }) {
  const day = on ? formatDay(on) : "";
  if (precision === "month") return monthOf(day);
  return precision === "year" ? day.slice(6) : day;
}

/** @param {string} day dd/mm/yyyy; returned as mm/yyyy. */
const monthOf = (day) => day.slice(3);

// Fields that the record does not list: it shows them in another way, or they are for internal use.
const NOT_LISTED = new Set([
  ...["open", "procedure", "waiting_since", "seed_item", "imported", "created_by", "retired_at", "suspended_from"],
  ...["original", "id", "layer", "level", "position_source", "accuracy_m", "address", "chainage_m", "version"],
  ...["created_at", "updated_at"],
]);

/** @type {Record<string, string[]>} The fields in the popup on the map, in this order. */
const POPUP_FIELDS = {
  works: [
    "unit",
    "clause",
    "starts_on",
    "due_on",
    "waiting_on",
    "cost_planned",
    "cost_approved",
    "cost_spent",
    "funding",
  ],
  tasks: ["lead_unit", "person", "due_on", "waiting_on", "missing_clears"],
  gates: ["category", "planned_2030", "last_event", "next_event"],
  incidents: ["severity", "occurred_at", "unit", "description"],
  markers: ["class", "built_by", "responsible_side", "inspected_on", "remark"],
};
const MAX_POPUP_FACTS = 5; // for layers without an entry in POPUP_FIELDS

/**
 * Label and text of each field that has a value: the fields of the popup or, with `all`, all fields of the record.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {{ all?: boolean }} [options]
 * @returns {[string, string][]}
 */
export function factsOf(layer, feature, { all = false } = {}) {
  const p = feature.properties;
  /** @type {[string, string][]} */
  const facts = [];
  for (const field of listedFields(layer, all)) {
    let text = valueText(layer, field, p[field.name]);
    if (!text || field.name === "address") continue;
    if (field.name === "waiting_on" && p.waiting_since) {
      text += ` · ${message("since", { day: formatDay(p.waiting_since) })}`;
    }
    facts.push([fieldLabel(layer, field.name), text]);
  }
  if (!all && !POPUP_FIELDS[layer]) facts.splice(MAX_POPUP_FACTS);
  return facts.concat(positionFacts(feature, all));
}

/**
 * @param {string} layer
 * @param {boolean} all
 */
function listedFields(layer, all) {
  const { fields } = layerCard(layer);
  const names = all ? null : POPUP_FIELDS[layer];
  if (!names) return fields.filter((field) => !NOT_LISTED.has(field.name));
  return fields
    .filter((field) => names.includes(field.name))
    .sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}

/**
 * @param {LayerFeature} feature
 * @param {boolean} all
 * @returns {[string, string][]}
 */
function positionFacts(feature, all) {
  const p = feature.properties;
  const sign = isAssumed(feature) ? "≈ " : "";
  /** @type {[string, string][]} */
  const facts = [];
  if (p.address) facts.push([message("address"), sign + p.address]);
  if (all && p.chainage_m !== null && p.chainage_m !== undefined) {
    facts.push([message("chainage"), sign + formatDistance(p.chainage_m)]);
  }
  if (p.position_source && p.position_source !== "none") {
    const accuracy = p.accuracy_m ? message("accuracy", { d: formatDistance(p.accuracy_m) }) : "";
    facts.push([message("position"), [message(`source_${p.position_source}`), accuracy].filter(Boolean).join(", ")]);
  }
  return facts;
}
