// One thing: its card on the map, and its whole record in the panel.

import { card, factsOf, fieldOf, isAssumed, labelOf, mayChange, stepBar, titleOf, valueOf, wordOf, wording } from "../core/labels.js";
import { eventDialog, eventsOf } from "../forms/gate_events.js";
import { ask, fill, item, query } from "../core/http.js";
import { distance, h, moment, page, said, say } from "../core/page.js";
import { linksOf } from "../forms/links.js";
import { mark } from "../core/marks.js";
import { moveDialog } from "../core/dialogs.js";
import { procedureOf } from "../forms/procedure.js";

const facts = (layer, feature, options) =>
  h("dl", { className: "facts" }, ...factsOf(layer, feature, options).flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]));

function kindOf(layer, feature) {
  const p = feature.properties;
  const kind = p.kind ? wording(layer, "kind", p.kind) : said(card(layer)?.title);
  return [kind, p.border ? say(p.border) : null].filter(Boolean).join(" · ");
}

/** The line that says how the thing stands, where its status is no way through. */
function standing(layer, feature) {
  const { drawn_by: drawnBy, status } = card(layer) ?? {};
  if (!drawnBy || drawnBy === status) return null;
  const word = wordOf(layer, drawnBy, feature.properties[drawnBy]);
  if (word && said(word.title) === wording(layer, status, feature.properties[status])) return null;
  return word ? h("p", { className: "marked" }, mark(word.mark ?? {}), said(word.title)) : null;
}

function head(layer, feature) {
  return [
    h("p", { className: "kind" }, kindOf(layer, feature)),
    h("h2", {}, (isAssumed(feature) && layer === "markers" ? "≈ " : "") + titleOf(layer, feature)),
    stepBar(layer, feature),
    standing(layer, feature),
  ].filter(Boolean);
}

/** A gate's stage changes by dated events, any other status by a move. */
function moveButton(layer, feature, after) {
  if (!mayChange(feature) || (layer !== "gates" && !card(layer)?.movable)) return null;
  if (layer === "gates") return h("button", { className: "button", type: "button", onclick: () => eventDialog(feature, after) }, say("record_event"));
  return h("button", { className: "button", type: "button", onclick: () => moveDialog(layer, feature, after) }, say("move_on"));
}

/** Whoever may make a thing may also say where it is. */
const isPlaceable = (layer, feature) => Boolean(card(layer)?.geometry && card(layer).creatable && mayChange(feature));

/** The card that stands on the map. */
export function cardOf(layer, feature, { open, changed, place, grown }) {
  return h("article", { className: "card", "aria-label": titleOf(layer, feature) }, ...head(layer, feature), facts(layer, feature),
    ...procedureOf(feature, changed, { brief: true, grown }),
    h("div", { className: "actions" },
      h("button", { className: "button", type: "button", onclick: open }, say("open_record")),
      moveButton(layer, feature, changed),
      feature.geometry || !isPlaceable(layer, feature) ? null : h("button", { className: "button", type: "button", onclick: place }, say("set_position"))));
}

/** The whole record in the panel: facts, procedure, events, links and what happened to it. `tell` says what was done. */
export function recordOf(layer, feature, { back, changed, edit, place, go, tell }) {
  const past = h("ol", { className: "timeline" });
  fillPast(layer, feature.id, past);
  return [
    h("div", { className: "record-head" },
      h("button", { className: "button plain", type: "button", onclick: back }, `← ${say("back")}`),
      h("button", { className: "button plain", type: "button", onclick: () => print() }, say("print"))),
    h("article", { className: "record card" },
      h("p", { className: "print-only" }, [document.querySelector(".brand")?.textContent.trim().replace(/\s+/g, " "), `${say("as_of")} ${moment(page.past || new Date().toISOString())}`].filter(Boolean).join(" · ")),
      ...head(layer, feature),
      h("div", { className: "actions" },
        moveButton(layer, feature, changed),
        mayChange(feature) ? h("button", { className: "button", type: "button", onclick: edit }, say("edit")) : null,
        isPlaceable(layer, feature) ? h("button", { className: "button", type: "button", onclick: place }, say("set_position")) : null),
      ...procedureOf(feature, changed),
      h("h3", {}, say("facts")), facts(layer, feature, { all: true }),
      ...(layer === "gates" ? [h("h3", {}, say("events")), ...eventsOf(feature)] : []),
      h("h3", {}, say("linked")), ...linksOf(layer, feature, { go, tell }),
      ...sharedWith(feature),
      h("h3", {}, say("timeline")), past),
  ];
}

/** Which partners were given it, since when and through which release; told to those who share. */
function sharedWith(feature) {
  if (!document.querySelector('meta[name="shares"]')) return [];
  const list = h("ul", { className: "shared" });
  const part = h("section", { hidden: true }, h("h3", {}, say("shared_with")), list);
  ask(query("/api/holdings", { feature: feature.id })).then(({ data }) => {
    part.hidden = !data.holdings.length;
    list.replaceChildren(...data.holdings.map((one) => h("li", {}, h("b", {}, one.recipient), ` · ${moment(one.since)} – ${one.until ? moment(one.until) : say("still_held")} · `,
      h("a", { href: `/releases/${one.release}` }, `${one.name}, ${say("release_version").toLowerCase()} ${one.since_version}`))));
  }).catch(() => { /* what is shared is told beside the record, which stands without it */ });
  return [part];
}

const ACTIONS = { insert: "created", create: "created", delete: "retired", retire: "retired" };
const OF_A_PART = { insert: "part_added", delete: "part_removed", update: "part_changed" };
const HIDDEN = new Set(["version", "updated_at", "created_at", "geom", "shared_geom", "geometry", "id", "layer", "original", "ordinal", "precision", "retired_at"]);
const OF_A_PLACE = new Set(["address", "chainage_m", "accuracy_m", "position_source"]);

const fillPast = (layer, id, list) => fill(list, item(layer, id, "/history"), (data) =>
  [...(data.entries ?? [])].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).map((entry) => {
    const elsewhere = entry.device_at && moment(entry.device_at) !== moment(entry.at) ? say("device_time", { moment: moment(entry.device_at) }) : null;
    return h("li", {},
      h("p", { className: "when", title: entry.request ? say("request_id", { id: entry.request }) : null }, [moment(entry.at), entry.actor, elsewhere].filter(Boolean).join(" · ")),
      ...(entry.part ? ofPart(layer, entry) : ofItself(layer, entry)),
      entry.reason ? h("p", {}, entry.reason) : null);
  }), "no_history");

/** What became of the thing itself: it was made or retired, moved a step, or some of its values changed. */
function ofItself(layer, { action, changes = {}, moved_m: moved }) {
  if (ACTIONS[action]) return [h("p", {}, say(ACTIONS[action]))];
  const status = card(layer)?.status;
  const shown = (name, value) => valueOf(layer, fieldOf(layer, name) ?? { name }, value) || "–";
  const place = placeText(changes.geometry, moved);
  const told = Object.entries(changes).filter(([name]) => !HIDDEN.has(name) && name !== status && !(place && OF_A_PLACE.has(name)));
  return [
    changes[status] ? h("p", {}, `${shown(status, changes[status].old)} → `, h("b", {}, shown(status, changes[status].new))) : null,
    place ? h("p", { className: "change" }, `${say("position")}: ${place}`) : null,
    ...told.map(([name, { old, new: now }]) => h("p", { className: "change" }, `${labelOf(layer, name)}: ${shown(name, old)} → ${shown(name, now)}`)),
  ];
}

/** What became of a place: set, taken away, moved so far, or drawn anew. */
function placeText(change, moved) {
  if (!change) return "";
  if (!change.old) return say("was_placed");
  if (!change.new) return say("was_unplaced");
  return moved === null || moved === undefined ? say("was_reshaped") : say("was_moved", { d: distance(moved) });
}

/** What became of what belongs to it: an inspection, an event, a step; or a link from either end. */
function ofPart(layer, { part, action, changes = {}, about }) {
  if (part === "links") {
    const role = say(about.direction === "from" ? `role_${about.role}_from` : `role_${about.role}`);
    const what = `${about.title ?? about.at ?? "–"} (${role[0].toLowerCase()}${role.slice(1)})`;
    return [h("p", {}, say(action === "insert" ? "linked_to" : "unlinked", { what }))];
  }
  const known = card(layer)?.parts?.find((one) => one.name === part);
  const fields = new Map((known?.fields ?? []).map((field) => [field.name, field]));
  const shown = (name, value) => valueOf(layer, fields.get(name) ?? { name }, value);
  const lines = action === "delete" ? [] : Object.entries(changes).filter(([name]) => fields.has(name) && !HIDDEN.has(name) && name !== "source");
  return [
    h("p", {}, say(OF_A_PART[action] ?? "part_changed", { what: said(known?.title) || part })),
    ...lines.map(([name, { old, new: now }]) => h("p", { className: "change" }, `${said(fields.get(name).title)}: ${[shown(name, old), shown(name, now) || "–"].filter(Boolean).join(" → ")}`)),
  ];
}
