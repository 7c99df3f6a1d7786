// One thing: its card on the map, its whole record in the panel, the dialogs that move it on.

import { ask, explained, item, sendingKey } from "./doors.js";
import { card, factsOf, fieldOf, isAssumed, labelOf, stepBar, titleOf, valueOf, wordOf, wording } from "./cards.js";
import { day, h, moment, said, say } from "./page.js";
import { mark } from "./marks.js";

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

/** Where a gate's stage changes by dated events, any other status by a move. */
const movesByEvents = (layer) => layer === "gates";

function head(layer, feature) {
  return [
    h("p", { className: "kind" }, kindOf(layer, feature)),
    h("h2", {}, (isAssumed(feature) && layer === "markers" ? "≈ " : "") + titleOf(layer, feature)),
    stepBar(layer, feature),
    standing(layer, feature),
  ].filter(Boolean);
}

function moveButton(layer, feature, after) {
  if (movesByEvents(layer)) return h("button", { className: "button", type: "button", onclick: () => eventDialog(layer, feature, after) }, say("record_event"));
  if (!card(layer)?.status) return null;
  return h("button", { className: "button", type: "button", onclick: () => moveDialog(layer, feature, after) }, say("move_on"));
}

/** The card that stands on the map. */
export function cardOf(layer, feature, { open, changed, place }) {
  return h("article", { className: "card", "aria-label": titleOf(layer, feature) }, ...head(layer, feature), facts(layer, feature),
    h("div", { className: "actions" },
      h("button", { className: "button", type: "button", onclick: open }, say("open_record")),
      moveButton(layer, feature, changed),
      feature.geometry || !card(layer)?.geometry ? null : h("button", { className: "button", type: "button", onclick: place }, say("set_position"))));
}

/** The whole record in the panel: facts, events, links and what happened to it. */
export function recordOf(layer, feature, { back, changed, edit, place, go }) {
  const id = feature.id;
  const section = (title, ...rest) => [h("h3", {}, say(title), ...rest)];
  const events = layer === "gates" ? h("ol", { className: "timeline" }) : null;
  const links = h("ul", { className: "links" }, h("li", { className: "quiet" }, say("loading", { what: say("linked").toLowerCase() })));
  const past = h("ol", { className: "timeline" }, h("li", { className: "quiet" }, say("loading", { what: say("timeline").toLowerCase() })));
  if (events) fillEvents(layer, id, events);
  fillLinks(layer, id, links, go);
  fillPast(layer, id, past);
  return [
    h("div", { className: "record-head" },
      h("button", { className: "button plain", type: "button", onclick: back }, `← ${say("back")}`)),
    h("article", { className: "record card" }, ...head(layer, feature),
      h("div", { className: "actions" },
        moveButton(layer, feature, changed),
        h("button", { className: "button", type: "button", onclick: edit }, say("edit")),
        card(layer)?.geometry ? h("button", { className: "button", type: "button", onclick: place }, say("set_position")) : null),
      ...section("facts"), facts(layer, feature, { all: true }),
      ...(events ? [...section("events"), events] : []),
      ...section("linked"), links,
      ...section("timeline"), past),
  ];
}

async function fill(list, path, rows, empty) {
  try {
    const { data } = await ask(path);
    const lines = rows(data);
    list.replaceChildren(...(lines.length ? lines : [h("li", { className: "quiet" }, say(empty))]));
  } catch (error) {
    list.replaceChildren(h("li", { className: "field-fault" }, error.message));
  }
}

const fillEvents = (layer, id, list) => fill(list, item(layer, id, "/events"), (data) =>
  (data.events ?? []).map((event) => h("li", {}, h("p", { className: "when" }, event.on ? day(event.on) : ""),
    h("p", {}, eventWord(layer, event.kind)), h("p", { className: "change" }, [event.document, event.note].filter(Boolean).join(" · ")))), "no_history");

const fillLinks = (layer, id, list, go) => fill(list, item(layer, id, "/links"), (data) =>
  (data.links ?? []).map((link) => h("li", {},
    h("button", { className: "button plain", type: "button", onclick: () => go(link.layer, link.id) },
      [said(card(link.layer)?.title), link.title ?? link.address ?? link.id].filter(Boolean).join(" · ")),
    link.role ? h("span", { className: "quiet" }, ` ${link.role_title ? said(link.role_title) : link.role}`) : null)), "no_links");

const ACTIONS = { insert: "created", create: "created", delete: "retired", retire: "retired" };
const HIDDEN = new Set(["version", "updated_at", "created_at", "geom", "shared_geom", "geometry", "id", "layer"]);

const fillPast = (layer, id, list) => fill(list, item(layer, id, "/history"), (data) =>
  [...(data.entries ?? [])].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).map((entry) => {
    const status = card(layer)?.status;
    const moved = entry.changes?.[status];
    const shown = (name, value) => valueOf(layer, fieldOf(layer, name) ?? { name }, value) || "–";
    const changes = ACTIONS[entry.action] ? [] : Object.entries(entry.changes ?? {}).filter(([name]) => !HIDDEN.has(name) && name !== status);
    return h("li", {},
      h("p", { className: "when" }, [moment(entry.at), entry.actor].filter(Boolean).join(" · ")),
      ACTIONS[entry.action] ? h("p", {}, say(ACTIONS[entry.action])) : null,
      moved && !ACTIONS[entry.action] ? h("p", {}, `${shown(status, moved.old)} → `, h("b", {}, shown(status, moved.new))) : null,
      entry.reason ? h("p", {}, entry.reason) : null,
      ...changes.map(([name, { old, new: now }]) => h("p", { className: "change" }, `${labelOf(layer, name)}: ${shown(name, old)} → ${shown(name, now)}`)));
  }), "no_history");

const eventWords = (layer) => card(layer)?.events ?? fieldOf(layer, card(layer)?.status)?.codes ?? [];
const eventWord = (layer, kind) => said(eventWords(layer).find((code) => code.value === kind)?.title) || say(`event_${kind}`);

/** A dialog with one form; `send` throws a Refusal, which is shown in place and loses nothing that was typed. */
function dialog(title, lead, fields, send, { label = say("save"), labels = {} } = {}) {
  const fault = h("div", { className: "refusal", role: "alert", hidden: true });
  const submit = h("button", { className: "button primary", type: "submit" }, label);
  const form = h("form", {}, ...fields, fault,
    h("div", { className: "dialog-foot" }, h("button", { className: "button", type: "button", onclick: () => window_.close() }, say("cancel")), submit));
  const window_ = h("dialog", { "aria-label": title }, h("h2", {}, title), lead ? h("p", { className: "quiet" }, lead) : null, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    fault.hidden = true;
    try {
      await send(new FormData(form));
      window_.close();
    } catch (error) {
      fault.replaceChildren(...explained(error, labels));
      fault.hidden = false;
    } finally {
      submit.disabled = false;
    }
  });
  window_.addEventListener("close", () => window_.remove());
  document.body.append(window_);
  window_.showModal();
  return window_;
}

/** Ask which step comes next and why, and make the move. */
function moveDialog(layer, feature, after) {
  const status = card(layer).status;
  const now = wordOf(layer, status, feature.properties[status]);
  const codes = fieldOf(layer, status).codes;
  const next = codes.filter((code) => now?.onward.includes(code.value));
  const forward = Math.max(0, next.findIndex((code) => codes.indexOf(code) > codes.indexOf(now)));
  const choices = h("fieldset", {}, h("legend", {}, say("move_to")),
    ...next.map((code, place) => h("label", { className: "choice" },
      h("input", { type: "radio", name: "to", value: code.value, required: true, checked: place === forward }), code.mark ? mark(code.mark) : null, said(code.title))));
  const reason = h("label", {}, h("span", {}, `${say("reason")} (${say("required")})`), h("textarea", { name: "reason", rows: "3", required: true, maxlength: "2000", placeholder: say("reason_hint") }));
  if (!next.length) choices.append(h("p", { className: "quiet" }, say("no_moves")));
  dialog(say("move_title", { title: titleOf(layer, feature) }), now ? say("move_now", { word: said(now.title) }) : null, [choices, reason], async (given) => {
    await changing(layer, feature, after, (etag) => ask(item(layer, feature.id, "/moves"), {
      method: "POST", headers: { "If-Match": etag }, body: { to: given.get("to"), reason: given.get("reason") },
    }));
  }, { label: say("move_on"), labels: { to: say("move_to"), reason: say("reason") } });
}

/** Record a dated event of a gate with its document: this is how its stage moves. */
function eventDialog(layer, feature, after) {
  const words = eventWords(layer);
  const text = (name, label, properties = {}) => h("label", {}, h("span", {}, label), h("input", { type: "text", name, maxlength: "500", ...properties }));
  dialog(say("record_event"), titleOf(layer, feature), [
    h("label", {}, h("span", {}, say("event_kind")), h("select", { name: "kind", required: true }, h("option", { value: "" }, say("choose")), ...words.map((code) => h("option", { value: code.value }, said(code.title))))),
    text("on", say("event_on"), { type: "date", required: true }),
    text("document", say("event_document"), { placeholder: say("reason_hint") }),
    h("label", {}, h("span", {}, say("event_note")), h("textarea", { name: "note", rows: "2", maxlength: "2000" })),
  ], async (given) => {
    const key = sendingKey();
    const body = Object.fromEntries([...given].filter(([, value]) => value !== ""));
    await ask(item(layer, feature.id, "/events"), { method: "POST", headers: { "Idempotency-Key": key }, body });
    await after();
  }, { labels: { kind: say("event_kind"), on: say("event_on"), document: say("event_document"), note: say("event_note") } });
}

/** Change a thing from the version the reader has seen; when it is stale, show the new one before another try. */
export async function changing(layer, feature, after, send) {
  const seen = feature.etag ?? `"${feature.properties.version}"`;
  try {
    await send(seen);
  } catch (error) {
    if (error.status === 412) {
      const { data, etag } = await ask(item(layer, feature.id));
      Object.assign(feature, data, { etag });
      error.message = `${error.message} ${say("changed_meanwhile")}`;
    }
    throw error;
  }
  await after();
}
