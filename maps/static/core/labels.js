// The layers' own cards (/api/cards), and what a row says about itself: title, label, mark, words, steps.

import { ask } from "./http.js";
import { day, daysSince, distance, h, moment, number, page, quantity, said, say } from "./page.js";
import { GREY, mark } from "./marks.js";

let catalog = {};

export async function knowCards() {
  const { data } = await ask("/api/cards");
  // What has been is not changed: nobody is offered what would be refused.
  if (page.past) for (const one of data.layers) Object.assign(one, { creatable: false, movable: false, places: false });
  catalog = Object.fromEntries(data.layers.map((card) => [card.name, card]));
  return data.layers;
}

export const card = (layer) => catalog[layer];

/** Whether this very thing is the reader's to change: the server has said so with it, so that no page has to know the law. */
export const mayChange = (feature) => Boolean(feature.allows?.includes("PATCH"));
export const fieldOf = (layer, name) => catalog[layer]?.fields.find((field) => field.name === name);
export const labelOf = (layer, name) => said(fieldOf(layer, name)?.title) || (name === "geom" || name === "geometry" ? say("position") : name);

/** The word of a code list field for a value, with its mark and its onward moves. */
export function wordOf(layer, name, value) {
  return fieldOf(layer, name)?.codes?.find((code) => code.value === value) ?? null;
}
export const wording = (layer, name, value) => said(wordOf(layer, name, value)?.title) || value || "";

/** Hollow: the position is assumed, or is only that of what the thing is linked to. */
export const isAssumed = (feature) => feature.properties.position_source === "assumed" || Boolean(feature.geometry && feature.properties.position_source === "none");

/** The mark of a row by the field that draws its layer. */
export function markOf(layer, feature, options = {}) {
  const drawnBy = card(layer)?.drawn_by;
  const value = feature.properties[drawnBy];
  const word = drawnBy ? wordOf(layer, drawnBy, value) : null;
  return mark(word?.mark ?? ownMark(layer), { hollow: isAssumed(feature), label: options.spoken ? said(word?.title) : null });
}
const ownMark = (layer) => page.marks?.[layer] ?? { shape: "circle", colour: GREY };
export const colourOf = (layer, feature) => wordOf(layer, card(layer)?.drawn_by, feature.properties[card(layer)?.drawn_by])?.mark?.colour ?? ownMark(layer).colour;

const section = (p) => p.section || p.address || "";

/** What a row is called. */
export function titleOf(layer, feature) {
  const p = feature.properties;
  switch (layer) {
    case "markers": return `${say("marker_word")} ${p.number ?? ""}`.trim();
    case "posts": return `${said(card(layer)?.title)} ${section(p)}`.trim();
    case "gates": return [p.name, p.counterpart].filter(Boolean).join(" – ");
    case "incidents": return [p.code, wording(layer, "category", p.category)].filter(Boolean).join(" · ");
    case "sectors": return [p.name, p.section].filter(Boolean).join(" · ");
    case "documents": return [p.number, p.title].filter(Boolean).join(" · ");
    case "crossings": return p.name || `${wording(layer, "kind", p.kind)} ${section(p)}`.trim();
    default: return p.title || p.name || p.code || p.address || said(card(layer)?.title) || feature.id;
  }
}

/** What it is called in a narrow list: what stands at an address by that address and the kind of thing. */
export function shortOf(layer, feature) {
  const { address, kind } = feature.properties;
  if (layer !== "works" || !address || !kind) return titleOf(layer, feature);
  const place = /^\d+(\/\d+)?(\(\d\))?$/.test(address) ? `${say("marker_word")} ${address}` : address.includes("–") ? `${say("section_word")} ${address}` : address;
  return `${place} · ${wording(layer, "kind", kind).toLowerCase()}`;
}

/** The few characters beside its mark on the map. */
export function labelFor(layer, feature) {
  const p = feature.properties;
  if (layer === "gates" || layer === "crossings") return p.name ?? "";
  if (layer === "markers") return p.number ?? "";
  if (layer === "incidents") return p.code ?? "";
  return p.address ?? "";
}

/** What it says about time: overdue, waiting, due. */
export function whenOf(layer, feature) {
  const p = feature.properties;
  if (p.urgency === "overdue" && p.due_on) return say("overdue_days", { n: number(daysSince(p.due_on)) });
  if (p.urgency === "waiting" && p.waiting_since) return say("waiting_since", { day: day(p.waiting_since).slice(3) });
  if (p.urgency === "done") return wording(layer, "urgency", "done");
  if (p.due_on) return say("due_on", { day: day(p.due_on) });
  if (layer === "incidents") return p.occurred_at ? day(p.occurred_at) : "";
  if (layer === "gates") return wording(layer, "category", p.category);
  if (layer === "crossings") return wording(layer, "state", p.state);
  return "";
}

/** The second line of a row. */
export function underOf(layer, feature) {
  const p = feature.properties;
  const about = p.address && isAssumed(feature) ? `≈ ${p.address}` : p.address;
  const where = about && !shortOf(layer, feature).includes(p.address) ? about : null;
  if (p.waiting_on) return [where, say("waiting_on", { whom: p.waiting_on })].filter(Boolean).join(" · ");
  if (layer === "incidents") return [about, wording(layer, "handling", p.handling), wording(layer, "severity", p.severity)].filter(Boolean).join(" · ");
  if (layer === "gates") return [p.stage ? wording(layer, "stage", p.stage) : null, p.next_event ? eventText(p.next_event, layer) : null, p.border ? say(p.border) : null].filter(Boolean).join(" · ");
  return [where, p.unit || p.lead_unit, p.clause || p.plan].filter(Boolean).join(" · ");
}

/** One value as it is read; an empty string when there is nothing to say. */
export function valueOf(layer, field, value) {
  if (value === null || value === undefined || value === "") return "";
  if (Array.isArray(value)) return value.map((one) => valueOf(layer, field, one)).filter(Boolean).join(", ");
  if (field.codes) return said(field.codes.find((code) => code.value === value)?.title) || String(value);
  if (field.type === "boolean") return say(value ? "yes" : "no");
  if (field.type === "date") return day(value);
  if (field.type === "datetime") return moment(value);
  if (typeof value === "number") return field.unit === "m" ? distance(value) : quantity(value, field.unit);
  if (value.on) return eventText(value, layer);
  if (value.of) return [`${value.done}/${value.of}`, value.next && say("next_step", { word: said(value.next.title) })].filter(Boolean).join(" · ");
  if (typeof value === "object") return Object.entries(value).map(([key, one]) => `${key}: ${typeof one === "object" ? JSON.stringify(one) : one}`).join("; ");
  return field.name === "border" ? say(String(value)) : String(value);
}

/** A dated event in one line: its word, its date as exactly as it is known, its document; a plain note by its text. */
export function eventText(event, layer) {
  const when = day(event.on);
  const word = said(card(layer)?.events?.find((one) => one.value === event.kind)?.title) || wording(layer, card(layer)?.status, event.kind);
  return [event.kind === "note" ? event.note || word : word, { month: when.slice(3), year: when.slice(6) }[event.precision] ?? when, event.document].filter(Boolean).join(" · ");
}

const COMMON = new Set(["open", "procedure", "waiting_since", "seed_item", "imported", "created_by", "retired_at", "suspended_from", "original", "id", "layer", "level", "position_source", "accuracy_m", "address", "chainage_m", "version", "created_at", "updated_at"]);
const SHORT = {
  works: ["unit", "clause", "starts_on", "due_on", "waiting_on", "cost_planned", "cost_approved", "cost_spent", "funding"],
  tasks: ["lead_unit", "person", "due_on", "waiting_on", "missing_clears"],
  gates: ["category", "planned_2030", "last_event", "next_event"],
  incidents: ["severity", "occurred_at", "unit", "description"],
  markers: ["class", "built_by", "responsible_side", "inspected_on", "remark"],
};
const FEW = 5; // what a card shows of a layer without a choice of its own

/** `[label, value]` of what is known: the few for the card on the map, or everything. */
export function factsOf(layer, feature, { all = false } = {}) {
  const p = feature.properties;
  const facts = [];
  const shown = all ? null : SHORT[layer];
  const fields = (card(layer)?.fields ?? []).filter((field) => (shown ? shown.includes(field.name) : !COMMON.has(field.name)));
  if (shown) fields.sort((a, b) => shown.indexOf(a.name) - shown.indexOf(b.name));
  for (const field of fields) {
    let value = valueOf(layer, field, p[field.name]);
    if (!value || field.name === "address") continue;
    if (field.name === "waiting_on" && p.waiting_since) value += ` · ${say("since", { day: day(p.waiting_since) })}`;
    facts.push([said(field.title), value]);
  }
  if (!all && !shown) facts.splice(FEW);
  const about = isAssumed(feature) ? "≈ " : "";
  if (p.address) facts.push([say("address"), about + p.address]);
  if (p.chainage_m !== null && p.chainage_m !== undefined && all) facts.push([say("chainage"), about + distance(p.chainage_m)]);
  if (p.position_source && p.position_source !== "none") {
    const accuracy = p.accuracy_m ? say("accuracy", { d: distance(p.accuracy_m) }) : "";
    facts.push([say("position"), [say(`source_${p.position_source}`), accuracy].filter(Boolean).join(", ")]);
  }
  return facts;
}

// Words that stand beside the way: nobody has to pass through them. What is declared after `suspended` stands beside it too.
const BESIDE = new Set(["waiting", "cancelled", "dismissed", "damaged", "missing"]);

/** The main way through a status, in the order its words are declared. */
export function stepsOf(layer) {
  const codes = fieldOf(layer, card(layer)?.status)?.codes ?? [];
  if (codes.every((code) => code.onward.length >= codes.length - 2)) return []; // any to any is no way through
  const end = codes.findIndex((code) => code.value === "suspended");
  const steps = (end < 0 ? codes : codes.slice(0, end)).filter((code) => !BESIDE.has(code.value));
  return steps.length > 1 ? steps : [];
}

/** The step bar with the current word; the colour of the current step is that of the row's mark. */
export function stepBar(layer, feature) {
  const name = card(layer)?.status;
  const value = feature.properties[name];
  if (!name || !value) return null;
  const steps = stepsOf(layer);
  const at = steps.findIndex((step) => step.value === value);
  if (at < 0) {
    const word = wordOf(layer, name, value);
    return h("p", { className: "aside-step marked" }, word?.mark ? mark(word.mark) : null, said(word?.title) || value);
  }
  const waiting = feature.properties.urgency === "waiting";
  const colour = feature.properties.urgency ? colourOf(layer, feature) : "#0072b2";
  const bar = h("div", { className: "steps", "aria-hidden": "true", style: { "--step": colour } },
    ...steps.map((_, place) => h("i", { className: place < at ? "past" : place === at ? "now" : "" })));
  const line = h("p", { className: "step-words", style: { "--step-ink": waiting ? "var(--waiting-ink)" : "var(--ink)" } });
  if (steps.length <= 7) steps.forEach((step, place) => line.append(...(place ? [" → "] : []), place === at ? h("b", {}, said(step.title)) : said(step.title)));
  else line.append(`${say("step_of", { i: at + 1, n: steps.length })}: `, h("b", {}, said(steps[at].title)), at + 1 < steps.length ? ` · ${say("next_step", { word: said(steps[at + 1].title) })}` : "");
  return h("div", {}, bar, line);
}
