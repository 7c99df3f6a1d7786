// The dated events of a gate, its past and present categories, and its planning lines.

import { dayInput, documentInput, nonEmptyValues, formDialog, labelled, noteInput } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { formatDay, joined } from "../core/format.js";
import { fillList, itemPath, request } from "../core/http.js";
import { dateText, titleOf } from "../core/labels.js";
import { codeTitle, layerCard } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";

const eventKinds = () => layerCard("gates").kinds_of_events ?? [];

/** @param {string} kind */
const kindTitle = (kind) => localized(eventKinds().find(({ value }) => value === kind)?.title) || kind;

/**
 * Open the dialog that records an event with its document. The stage of a gate follows from its events.
 * @param {LayerFeature} feature
 * @param {() => unknown} onRecorded
 */
export function gateEventDialog(feature, onRecorded) {
  const kinds = eventKinds().map(({ value, title }) => element("option", { value }, localized(title)));
  const none = element("option", { value: "" }, message("choose"));
  const labels = {
    kind: message("event_kind"),
    on: message("event_on"),
    document: message("event_document"),
    note: message("event_note"),
  };
  const content = [
    labelled(labels.kind, element("select", { name: "kind", required: true }, none, ...kinds)),
    labelled(labels.on, dayInput("on")),
    labelled(labels.document, documentInput()),
    labelled(labels.note, noteInput()),
  ];
  const send = async (/** @type {FormData} */ values) => {
    await request(itemPath("gates", feature.id, "/events"), { method: "POST", body: nonEmptyValues(values) });
    await onRecorded();
  };
  formDialog(message("record_event"), titleOf("gates", feature), content, send, { labels });
}

/** @typedef {{ category: string, valid_from?: string, valid_to?: string, document?: string, source?: string }} Category */
/** @typedef {{ horizon: number, category: string, mode: string, decision?: string, on?: string, source?: string }} Plan */

/**
 * The timeline of a gate's events, and the lists of its categories and plans.
 * @param {LayerFeature} feature
 */
export function gateEventLists(feature) {
  const timeline = element("ol", { className: "timeline" });
  const lists = element("div", { className: "beside" });
  const path = itemPath("gates", feature.id, "/events");
  /** @type {(data: { events: GateEvent[], categories: Category[], plans: Plan[] }) => Node[]} */
  const toItems = ({ events, categories, plans }) => {
    lists.replaceChildren(
      ...sourcedList("gate_categories", categories, categoryText),
      ...sourcedList("gate_plans", plans, planText),
    );
    return events.map(eventItem);
  };
  fillList(timeline, path, toItems, "no_history");
  return [timeline, lists];
}

/** @param {GateEvent} event */
const eventItem = (event) =>
  element(
    "li",
    { title: event.source },
    element("p", { className: "when" }, dateText(event)),
    element("p", {}, kindTitle(event.kind)),
    element("p", { className: "change" }, joined(event.document, event.note)),
  );

/**
 * A heading and a list, each item with its source as a tooltip; an empty array without items.
 * @template {{ source?: string }} Item
 * @param {string} title
 * @param {Item[]} items
 * @param {(item: Item) => string} toText
 */
function sourcedList(title, items, toText) {
  if (!items.length) return [];
  const list = items.map((item) => element("li", { title: item.source }, toText(item)));
  return [element("h4", {}, message(title)), element("ul", {}, ...list)];
}

/** @param {Category} category */
const categoryText = (category) =>
  joined(codeTitle("gates", "category", category.category), periodText(category), category.document);

/** @param {Plan} plan */
const planText = ({ horizon, category, mode, decision, on }) =>
  joined(
    message("until_year", { year: horizon }),
    codeTitle("gates", "category", category),
    codeTitle("gates", "mode", mode),
    decision,
    on && formatDay(on),
  );

/** @param {Category} category */
function periodText({ valid_from: from, valid_to: to }) {
  if (!from && !to) return "";
  return `${from ? formatDay(from) : "…"} – ${to ? formatDay(to) : message("to_now")}`;
}
