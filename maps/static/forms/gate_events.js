// A gate's dated events, the categories it has had and what is planned for it.

import { ask, fill, item } from "../core/http.js";
import { card, titleOf, wording } from "../core/labels.js";
import { day, h, said, say } from "../core/page.js";
import { dayInput, dialog, documentInput, line, noteInput } from "../core/dialogs.js";

const kinds = () => card("gates").events;
const kindWord = (kind) => said(kinds().find((one) => one.value === kind)?.title) || kind;
const joined = (...parts) => parts.filter(Boolean).join(" · ");

/** Record a dated event with its document: this is how a gate's stage moves. */
export function eventDialog(feature, after) {
  dialog(say("record_event"), titleOf("gates", feature), [
    line(say("event_kind"), h("select", { name: "kind", required: true }, h("option", { value: "" }, say("choose")), ...kinds().map((one) => h("option", { value: one.value }, said(one.title))))),
    line(say("event_on"), dayInput("on")),
    line(say("event_document"), documentInput()),
    line(say("event_note"), noteInput()),
  ], async (given) => {
    const body = Object.fromEntries([...given].filter(([, value]) => value !== ""));
    await ask(item("gates", feature.id, "/events"), { method: "POST", body });
    await after();
  }, { labels: { kind: say("event_kind"), on: say("event_on"), document: say("event_document"), note: say("event_note") } });
}

/** The timeline, and quietly under it the categories a gate has had and its planning lines. */
export function eventsOf(feature) {
  const events = h("ol", { className: "timeline" });
  const beside = h("div", { className: "beside" });
  fill(events, item("gates", feature.id, "/events"), (data) => {
    const listed = (title, lines) => (lines.length ? [h("h4", {}, say(title)), h("ul", {}, ...lines.map(([text, source]) => h("li", { title: source }, text)))] : []);
    beside.replaceChildren(
      ...listed("gate_categories", data.categories.map((one) => [joined(wording("gates", "category", one.category), span(one), one.document), one.source])),
      ...listed("gate_plans", data.plans.map((one) => [joined(say("until_year", { year: one.horizon }), wording("gates", "category", one.category), wording("gates", "mode", one.mode), one.decision, one.on && day(one.on)), one.source])));
    return data.events.map((event) => h("li", { title: event.source },
      h("p", { className: "when" }, exactly(event)), h("p", {}, kindWord(event.kind)), h("p", { className: "change" }, joined(event.document, event.note))));
  }, "no_history");
  return [events, beside];
}

/** A date as exactly as it is known. */
function exactly({ on, precision }) {
  const when = on ? day(on) : "";
  return { month: when.slice(3), year: when.slice(6) }[precision] ?? when;
}

const span = ({ valid_from: from, valid_to: to }) => (from || to ? `${from ? day(from) : "…"} – ${to ? day(to) : say("to_now")}` : "");
