// Parts of records and popups that follow from the card: the heading, the facts in groups, and the button that changes
// the status.

import { element, present } from "../core/elements.js";
import { formatMoment, joined } from "../core/format.js";
import { factsOf, isAssumed, positionFacts, titleOf, valueText } from "../core/labels.js";
import {
  codeOf,
  codeTitle,
  displayOf,
  fieldLabel,
  fieldOf,
  isEditable,
  layerCard,
  layerTitle,
  statusOf,
} from "../core/layer_cards.js";
import { markElement } from "../core/marks.js";
import { localized, message } from "../core/page.js";
import { stepBar } from "../core/status_steps.js";
import { addLabel, rowDialog, statusTable } from "./child_rows.js";
import { hasLevel, levelDialog } from "./record_dialogs.js";
import { statusDialog } from "./status_dialog.js";

/** @typedef {(outcome: Outcome) => unknown} OnChanged */

/**
 * @param {string} label
 * @param {() => unknown} onclick
 * @param {string} [className]
 */
export const button = (label, onclick, className = "button") =>
  element("button", { className, type: "button", onclick }, label);

/**
 * The kind of layer, the title, the steps of the status, and the mark.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export function heading(layer, feature) {
  const p = feature.properties;
  const isNamedByAddress = p.address && p[displayOf(layer).named_by ?? ""] === p.address;
  const sign = isNamedByAddress && isAssumed(feature) ? "≈ " : "";
  const singular = localized(displayOf(layer).singular) || layerTitle(layer);
  const border = valueText(layer, fieldOf(layer, "border") ?? { name: "border" }, p.border);
  return present([
    element("p", { className: "kind" }, joined(singular[0].toUpperCase() + singular.slice(1), border)),
    element("h2", {}, sign + titleOf(layer, feature)),
    stepBar(layer, feature),
    ...markLines(layer, feature),
  ]);
}

/**
 * The codes by which the feature is marked, unless that is the status or has the same title.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
function markLines(layer, feature) {
  const { drawn_by: drawnBy, status, display } = layerCard(layer);
  const names = [drawnBy, display.second_mark].filter((name) => name && name !== status);
  return names.map((name) => {
    const code = codeOf(layer, name, feature.properties[name ?? ""]);
    if (!code || localized(code.title) === codeTitle(layer, status, statusOf(layer, feature))) return null;
    return element("p", { className: "marked" }, markElement(code.mark ?? display.mark), localized(code.title));
  });
}

/**
 * The button that changes the status: by a row of a child table, such as a dated event, else by a transition.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {OnChanged} onChanged
 */
export function statusButton(layer, feature, onChanged) {
  if (!isEditable(feature)) return null;
  const table = statusTable(layer);
  if (table?.addable) return button(addLabel(table), () => rowDialog(layer, feature, table, onChanged));
  if (table || !layerCard(layer).movable) return null;
  return button(message("status_update"), () => statusDialog(layer, feature, onChanged));
}

/**
 * Whether the reader may set the position: only with the right to create features of the layer.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export function isPlaceable(layer, feature) {
  const { geometry, creatable } = layerCard(layer);
  return Boolean(geometry && creatable && isEditable(feature));
}

/**
 * The facts of the popup.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
export const factList = (layer, feature) => definitions(factsOf(layer, feature));

/** @param {[string, string | (Node | string)[]][]} facts */
function definitions(facts) {
  const rows = facts.flatMap(([label, text]) => [element("dt", {}, label), element("dd", {}, text)]);
  return element("dl", { className: "facts" }, ...rows);
}

/**
 * All facts of a record in groups: the subject, the position, and who entered it when. The line of the level has a
 * button to change it.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {OnChanged} onChanged
 */
export function factGroups(layer, feature, onChanged) {
  const subject = factsOf(layer, feature, { all: true });
  const position = layerCard(layer).geometry ? positionFacts(feature, true) : [];
  const written = feature.properties.original?.text;
  if (written) position.push([message("position_written"), written]);
  if (layerCard(layer).geometry && !position.length) position.push([message("position"), message("no_position")]);
  return [
    ...group(message("facts"), subject),
    ...group(message("position"), position),
    ...group(message("bookkeeping"), [...levelFact(layer, feature, onChanged), ...entryFacts(layer, feature)]),
  ];
}

/**
 * @param {string} title
 * @param {[string, string | (Node | string)[]][]} facts
 */
const group = (title, facts) => (facts.length ? [element("h3", {}, title), definitions(facts)] : []);

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {OnChanged} onChanged
 * @returns {[string, (Node | string)[]][]}
 */
function levelFact(layer, feature, onChanged) {
  const { level } = feature.properties;
  if (!level) return [];
  const change =
    hasLevel(layer) && isEditable(feature)
      ? [
          " · ",
          button(message("level_change_short"), () => levelDialog(layer, feature, onChanged), "button plain inline"),
        ]
      : [];
  return [[fieldLabel(layer, "level"), [element("span", {}, codeTitle(layer, "level", level)), ...change]]];
}

/**
 * Who entered the record when, and when it was last changed, as far as the reader may know.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {[string, string][]}
 */
function entryFacts(layer, { properties: p }) {
  /** @type {[string, string][]} */
  const facts = [];
  const author = p.created_by === "system" ? message("system_actor") : p.created_by;
  if (p.created_at) facts.push([fieldLabel(layer, "created_at"), joined(formatMoment(p.created_at), author)]);
  if (p.updated_at) {
    const version = p.version ? message("version_n", { n: p.version }) : "";
    facts.push([fieldLabel(layer, "updated_at"), joined(formatMoment(p.updated_at), version)]);
  }
  return facts;
}
