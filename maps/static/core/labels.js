// Labels of features: their marks, titles, values as text, and the facts in popups and records.

import { formatDay, formatDistance, formatMoment, formatNumber, formatQuantity, daysSince, joined } from "./format.js";
import {
  codeTitle,
  displayOf,
  drawingCode,
  fieldLabel,
  fieldOf,
  hasFlag,
  layerCard,
  layerTitle,
} from "./layer_cards.js";
import { GREY, markElement } from "./marks.js";
import { localized, message } from "./page.js";

/**
 * Whether the position is assumed, or taken from linked features.
 * @param {DrawableFeature} feature
 */
export function isAssumed({ geometry, properties }) {
  const source = properties.position_source;
  return source === "assumed" || Boolean(geometry && source === "none");
}

/**
 * The mark of a feature: that of its code, else that of its layer.
 * @param {string} layer
 * @param {DrawableFeature} feature
 * @param {{ spoken?: boolean }} [options] Whether screen readers read out the code's title.
 */
export function markOf(layer, feature, { spoken = false } = {}) {
  const code = drawingCode(layer, feature);
  const label = spoken ? localized(code?.title) : null;
  return markElement(code?.mark ?? displayOf(layer).mark, { hollow: isAssumed(feature), label });
}

/**
 * @param {string} layer
 * @param {DrawableFeature} feature
 * @returns {string}
 */
export const colourOf = (layer, feature) =>
  drawingCode(layer, feature)?.mark?.colour ?? displayOf(layer).mark.colour ?? GREY;

/**
 * The label of a feature by the template of its layer's card; the layer's title if it has no value for it.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {string}
 */
export const titleOf = (layer, feature) =>
  templateText(localized(displayOf(layer).label), layer, feature) || layerTitle(layer) || feature.id;

/**
 * The label in a narrow list; the label of the record if the short one has no value.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export const shortTitleOf = (layer, feature) =>
  templateText(localized(displayOf(layer).short), layer, feature, { prefixed: true }) || titleOf(layer, feature);

/**
 * The label beside a mark on the map.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export const mapLabelOf = (layer, feature) => templateText(displayOf(layer).on_map, layer, feature);

const SEPARATOR = /( · | – )/;
const PLACEHOLDER = /\{([\w|]+)\}/g;

/**
 * A template of the card with the values of a feature. `{section|address}` is the first of the fields with a value. A
 * part between separators that has fields, but no value for any of them, is left out together with its separator.
 * `maps/labels.py` does the same.
 * @param {string} template
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {{ prefixed?: boolean }} [options] Whether an address is written with “Mốc” or “Đoạn” before it.
 */
function templateText(template, layer, { properties: p }, { prefixed = false } = {}) {
  let text = "";
  let separator = "";
  for (const [index, piece] of template.split(SEPARATOR).entries()) {
    if (index % 2) {
      separator = piece;
      continue;
    }
    const filled = piece.replace(PLACEHOLDER, (_, names) => {
      for (const name of names.split("|")) {
        const value = valueText(layer, fieldOf(layer, name) ?? { name }, p[name]);
        if (value) return prefixed && name === "address" ? placeText(value) : value;
      }
      return "";
    });
    if (filled === piece.replace(PLACEHOLDER, "") && filled !== piece) continue;
    text += (text && separator) + filled;
  }
  return text.trim();
}

/** @param {string} address With “Mốc” before the number of a marker, and “Đoạn” before a section between two. */
function placeText(address) {
  if (/^\d+(\/\d+)?(\(\d\))?$/.test(address)) return `${message("marker_prefix")} ${address}`;
  return address.includes("–") ? `${message("section_prefix")} ${address}` : address;
}

/**
 * The text at the end of a row: how long overdue or waiting, that it is done, or the first of the card's fields
 * `beside` that has a value; a due date says that it is one.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export function timeTextOf(layer, { properties: p }) {
  const drawnBy = layerCard(layer).drawn_by;
  if (p.due_on && hasFlag(layer, drawnBy, p.urgency, "needs_action") && !p.waiting_on && daysSince(p.due_on) > 0) {
    return message("overdue_days", { n: formatNumber(daysSince(p.due_on)) });
  }
  if (p.waiting_since && hasFlag(layer, drawnBy, p.urgency, "waiting")) {
    return message("waiting_since", { day: monthOf(formatDay(p.waiting_since)) });
  }
  if (hasFlag(layer, drawnBy, p.urgency, "finished")) return codeTitle(layer, drawnBy, p.urgency);
  for (const name of displayOf(layer).beside) {
    const field = fieldOf(layer, name);
    const text = field?.input === "datetime" ? p[name] && formatDay(p[name]) : valueText(layer, field ?? {}, p[name]);
    if (text) return name === "due_on" ? message("due_on", { day: text }) : text;
  }
  return "";
}

/**
 * The second line of a feature in a list: whom it waits on, or the card's fields `under`.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export function subtitleOf(layer, feature) {
  const p = feature.properties;
  const title = shortTitleOf(layer, feature);
  const address = p.address && (isAssumed(feature) ? `≈ ${p.address}` : p.address);
  const newAddress = address && !title.includes(p.address) ? address : null;
  if (p.waiting_on) return joined(newAddress, message("waiting_on", { whom: p.waiting_on }));
  const texts = displayOf(layer).under.map((name) =>
    name === "address" ? newAddress : valueText(layer, fieldOf(layer, name) ?? { name }, p[name]),
  );
  return joined(...texts);
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
  if (value.on) return eventText(field, value);
  if (value.of) return progressText(value);
  if (field.codes) return localized(field.codes.find((code) => code.value === value)?.title) || String(value);
  const textOf = TEXT_BY_TYPE[field.type ?? ""];
  if (textOf) return textOf(value);
  if (typeof value === "number") return field.unit === "m" ? formatDistance(value) : formatQuantity(value, field.unit);
  if (typeof value === "object") return objectText(value);
  return field.name === "border" ? message(String(value)) : String(value);
}

/** @param {{ done: number, of: number, next?: { title: Title } }} progress The steps done, all, and the next one. */
const progressText = ({ done, of, next }) => joined(`${done}/${of}`, next && localized(next.title));

/** @param {Record<string, any>} value */
const objectText = (value) =>
  Object.entries(value)
    .map(([name, item]) => `${name}: ${typeof item === "object" ? JSON.stringify(item) : item}`)
    .join("; ");

/**
 * A dated event in one line: its kind, or the text of a note; its date to the known precision; its document.
 * @param {Partial<Field>} field Its codes are the kinds of events.
 * @param {GateEvent} event
 */
function eventText({ codes }, event) {
  const title = localized(codes?.find(({ value }) => value === event.kind)?.title) || event.kind;
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

/**
 * Label and text of each field that has a value: the fields of the popup with the position or, with `all`, all fields of
 * the record without it.
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
  return all ? facts : facts.concat(positionFacts(feature, false));
}

/**
 * @param {string} layer
 * @param {boolean} all
 */
function listedFields(layer, all) {
  const { fields, display } = layerCard(layer);
  if (all) return fields.filter((field) => !display.hidden.includes(field.name));
  return display.facts.flatMap((name) => fields.find((field) => field.name === name) ?? []);
}

/**
 * The position as label and text; with `all` also its chainage.
 * @param {LayerFeature} feature
 * @param {boolean} all
 * @returns {[string, string][]}
 */
export function positionFacts(feature, all) {
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
