// The history of a feature, the latest entry first: its own changes, and those of its child tables and links.

import { element } from "../core/elements.js";
import { formatDistance, formatMoment, joined } from "../core/format.js";
import { fillList, itemPath } from "../core/http.js";
import { valueText } from "../core/labels.js";
import { fieldLabel, fieldOf, layerCard } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";

/** @type {Record<string, string>} */
const ACTIONS = { insert: "created", create: "created", delete: "retired", retire: "retired", restore: "restored" };

/** @type {Record<string, string>} */
const PART_ACTIONS = { insert: "part_added", delete: "part_removed", update: "part_changed" };

// Changed fields that are not listed: they are internal, or shown in another way.
const NOT_LISTED = new Set([
  ...["version", "updated_at", "created_at", "geom", "shared_geom", "geometry", "id", "layer", "original", "ordinal"],
  ...["precision", "retired_at"],
]);
const POSITION_FIELDS = new Set(["address", "chainage_m", "accuracy_m", "position_source"]);

/** @typedef {NonNullable<HistoryEntry["changes"]>} Changes */

/**
 * The list of changes; the entries are loaded after it is returned.
 * @param {string} layer
 * @param {string} id
 */
export function historyList(layer, id) {
  const list = element("ol", { className: "timeline" });
  /** @type {(data: { entries?: HistoryEntry[] }) => Node[]} */
  const toItems = ({ entries = [] }) =>
    [...entries].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).map((entry) => entryItem(layer, entry));
  fillList(list, itemPath(layer, id, "/history"), toItems, "no_history");
  return list;
}

/**
 * @param {string} layer
 * @param {HistoryEntry} entry
 */
function entryItem(layer, entry) {
  const { at, actor, device_at: deviceAt, request, part, reason } = entry;
  const deviceTime = deviceAt ? formatMoment(deviceAt) : null;
  const differs = deviceTime && deviceTime !== formatMoment(at);
  return element(
    "li",
    {},
    element(
      "p",
      { className: "when", title: request ? message("request_id", { id: request }) : null },
      joined(
        formatMoment(at),
        actor === "system" ? message("system_actor") : actor,
        differs && message("device_time", { moment: deviceTime }),
      ),
    ),
    ...(part ? partContent(layer, part, entry) : featureContent(layer, entry)),
    reason ? element("p", {}, reason) : null,
  );
}

/**
 * A change of the feature itself: created or retired, or its status, its position or other values changed.
 * @param {string} layer
 * @param {HistoryEntry} entry
 */
function featureContent(layer, { action, changes = {}, moved_m: moved }) {
  if (ACTIONS[action]) return [element("p", {}, message(ACTIONS[action]))];
  const status = layerCard(layer).status ?? "";
  const text = (/** @type {string} */ name, /** @type {any} */ value) =>
    valueText(layer, fieldOf(layer, name) ?? { name }, value) || "–";
  const position = positionText(changes.geometry, moved);
  const others = Object.entries(changes).filter(
    ([name]) => !NOT_LISTED.has(name) && name !== status && !(position && POSITION_FIELDS.has(name)),
  );
  const content = others.map(([name, change]) =>
    changeLine(`${fieldLabel(layer, name)}: ${text(name, change.old)} → ${text(name, change.new)}`),
  );
  if (position) content.unshift(changeLine(`${message("position")}: ${position}`));
  if (changes[status]) {
    const after = element("b", {}, text(status, changes[status].new));
    content.unshift(element("p", {}, `${text(status, changes[status].old)} → `, after));
  }
  return content;
}

/** @param {string} text */
const changeLine = (text) => element("p", { className: "change" }, text);

/**
 * The change of the position as text: entered, removed, moved by a distance, or the shape edited. Empty without a
 * change.
 * @param {Changes[string] | undefined} change
 * @param {number | null | undefined} moved Metres.
 */
function positionText(change, moved) {
  if (!change) return "";
  if (!change.old) return message("position_entered");
  if (!change.new) return message("position_removed");
  return typeof moved === "number" ? message("position_moved", { d: formatDistance(moved) }) : message("shape_edited");
}

/**
 * A change of a row of a child table, or of a link of the feature.
 * @param {string} layer
 * @param {string} part
 * @param {HistoryEntry} entry
 */
function partContent(layer, part, { action, changes = {}, about }) {
  if (part === "links" && about) {
    const role = message(about.direction === "from" ? `role_${about.role}_from` : `role_${about.role}`);
    const what = `${about.title ?? about.at ?? "–"} (${role[0].toLowerCase()}${role.slice(1)})`;
    return [element("p", {}, message(action === "insert" ? "linked_to" : "unlinked", { what }))];
  }
  const table = layerCard(layer).parts?.find(({ name }) => name === part);
  const title = localized(table?.title) || part;
  const content = [element("p", {}, message(PART_ACTIONS[action] ?? "part_changed", { what: title }))];
  if (action === "delete") return content;
  for (const [name, change] of Object.entries(changes)) {
    const field = table?.fields.find((candidate) => candidate.name === name);
    if (!field || NOT_LISTED.has(name) || name === "source") continue;
    const values = [valueText(layer, field, change.old), valueText(layer, field, change.new) || "–"];
    content.push(changeLine(`${localized(field.title)}: ${values.filter(Boolean).join(" → ")}`));
  }
  return content;
}
