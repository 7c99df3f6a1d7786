// A feature on the map page: the popup on the map, and the whole record in the panel.

import { element, present } from "../core/elements.js";
import { formatMoment, joined, now } from "../core/format.js";
import { request, withQuery } from "../core/http.js";
import { factsOf, isAssumed, titleOf } from "../core/labels.js";
import { codeOf, codeTitle, isEditable, layerCard, layerTitle, statusOf } from "../core/layer_cards.js";
import { markElement } from "../core/marks.js";
import { localized, message, page } from "../core/page.js";
import { stepBar } from "../core/status_steps.js";
import { gateEventDialog, gateEventLists } from "../forms/gate_events.js";
import { linkList } from "../forms/links.js";
import { procedureChecklist } from "../forms/procedure.js";
import { statusDialog } from "../forms/status_dialog.js";
import { historyList } from "./feature_history.js";

/**
 * @typedef {object} PopupActions
 * @property {() => unknown} open Opens the record.
 * @property {(outcome?: Outcome) => unknown} onChanged
 * @property {() => unknown} setPosition
 * @property {() => unknown} onResized Called when the content of the popup has been loaded.
 */

/**
 * @typedef {object} RecordActions
 * @property {() => unknown} back
 * @property {(outcome?: Outcome) => unknown} onChanged
 * @property {() => unknown} edit
 * @property {() => unknown} setPosition
 * @property {import("../forms/links.js").LinkActions["follow"]} follow
 * @property {import("../forms/links.js").LinkActions["report"]} report
 */

/**
 * The content of the popup: facts, procedure and buttons.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {PopupActions} actions
 */
export function featurePopup(layer, feature, { open, onChanged, setPosition, onResized }) {
  return element(
    "article",
    { className: "card", "aria-label": titleOf(layer, feature) },
    ...heading(layer, feature),
    factList(layer, feature),
    ...procedureChecklist(feature, onChanged, { brief: true, onFilled: onResized }),
    element(
      "div",
      { className: "actions" },
      button("open_record", open),
      statusButton(layer, feature, onChanged),
      feature.geometry || !isPlaceable(layer, feature) ? null : button("set_position", setPosition),
    ),
  );
}

/**
 * The content of the panel: facts, procedure, events, links, holdings of partners and history.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {RecordActions} actions
 */
export function featureRecord(layer, feature, actions) {
  const { back, onChanged, edit, setPosition } = actions;
  const record = element(
    "article",
    { className: "record card" },
    element("p", { className: "print-only" }, printHeader()),
    ...heading(layer, feature),
    element(
      "div",
      { className: "actions" },
      statusButton(layer, feature, onChanged),
      isEditable(feature) ? button("edit", edit) : null,
      isPlaceable(layer, feature) ? button("set_position", setPosition) : null,
    ),
    ...procedureChecklist(feature, onChanged),
    element("h3", {}, message("facts")),
    factList(layer, feature, { all: true }),
    ...(layer === "gates" ? [element("h3", {}, message("events")), ...gateEventLists(feature)] : []),
    element("h3", {}, message("linked")),
    ...linkList(layer, feature, actions),
    ...holdingsSection(feature),
    element("h3", {}, message("timeline")),
    historyList(layer, feature.id),
  );
  const backButton = { className: "button plain", type: "button", onclick: back };
  const printButton = { className: "button plain", type: "button", onclick: () => print() };
  const head = element(
    "div",
    { className: "record-head" },
    element("button", backButton, `← ${message("back")}`),
    element("button", printButton, message("print")),
  );
  return [head, record];
}

function printHeader() {
  const office = document.querySelector(".brand")?.textContent?.trim().replace(/\s+/g, " ");
  return joined(office, `${message("as_of")} ${formatMoment(page.past || now())}`);
}

/**
 * @param {string} label
 * @param {() => unknown} onclick
 */
const button = (label, onclick) => element("button", { className: "button", type: "button", onclick }, message(label));

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {{ all?: boolean }} [options]
 */
function factList(layer, feature, options) {
  const facts = factsOf(layer, feature, options);
  const rows = facts.flatMap(([label, text]) => [element("dt", {}, label), element("dd", {}, text)]);
  return element("dl", { className: "facts" }, ...rows);
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 */
function heading(layer, feature) {
  const sign = layer === "markers" && isAssumed(feature) ? "≈ " : "";
  return present([
    element("p", { className: "kind" }, kindText(layer, feature)),
    element("h2", {}, sign + titleOf(layer, feature)),
    stepBar(layer, feature),
    markLine(layer, feature),
  ]);
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 */
function kindText(layer, { properties: { kind, border } }) {
  return joined(kind ? codeTitle(layer, "kind", kind) : layerTitle(layer), border && message(border));
}

/**
 * The code by which the feature is marked, unless that is the status or has the same title.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
function markLine(layer, feature) {
  const { drawn_by: name, status } = layerCard(layer);
  if (!name || name === status) return null;
  const code = codeOf(layer, name, feature.properties[name]);
  if (!code || localized(code.title) === codeTitle(layer, status, statusOf(layer, feature))) return null;
  return element("p", { className: "marked" }, markElement(code.mark ?? {}), localized(code.title));
}

/**
 * The button that changes the status: of a gate by a dated event, else by a transition.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {(outcome?: Outcome) => unknown} onChanged
 */
function statusButton(layer, feature, onChanged) {
  if (!isEditable(feature)) return null;
  if (layer === "gates") return button("record_event", () => gateEventDialog(feature, onChanged));
  if (!layerCard(layer).movable) return null;
  return button("status_update", () => statusDialog(layer, feature, onChanged));
}

/**
 * Whether the reader may set the position: only with the right to create features of the layer.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
function isPlaceable(layer, feature) {
  const { geometry, creatable } = layerCard(layer);
  return Boolean(geometry && creatable && isEditable(feature));
}

/**
 * @typedef {object} Holding
 * @property {string} recipient
 * @property {string} since
 * @property {string | null} until
 * @property {string} release
 * @property {string} name
 * @property {number} since_version
 */

/**
 * The partners that hold the feature, since when and by which release, for readers who manage releases. The section
 * stays hidden if there are none or the request fails.
 * @param {LayerFeature} feature
 */
function holdingsSection(feature) {
  if (!document.querySelector('meta[name="shares"]')) return [];
  const list = element("ul", { className: "shared" });
  const section = element("section", { hidden: true }, element("h3", {}, message("shared_with")), list);
  request(withQuery("/api/holdings", { feature: feature.id })).then(
    ({ data }) => {
      section.hidden = !data.holdings.length;
      list.replaceChildren(...data.holdings.map(holdingItem));
    },
    () => {},
  );
  return [section];
}

/** @param {Holding} holding */
function holdingItem({ recipient, since, until, release, name, since_version: version }) {
  const period = `${formatMoment(since)} – ${until ? formatMoment(until) : message("still_held")}`;
  const title = `${name}, ${message("release_version").toLowerCase()} ${version}`;
  const link = element("a", { href: `/releases/${release}` }, title);
  return element("li", {}, element("b", {}, recipient), ` · ${period} · `, link);
}
