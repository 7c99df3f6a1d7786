// The whole record of a feature of any layer, from its card: what it is, what can be done, its facts, its child tables,
// what it is linked to and what stands at its address, which partners hold it, and its timeline.

import { element } from "../core/elements.js";
import { formatMoment, joined, now } from "../core/format.js";
import { itemPath, request, withQuery } from "../core/http.js";
import { codeOf, isEditable, layerCard, layerTitle, statusOf } from "../core/layer_cards.js";
import { markOf, subtitleOf, titleOf } from "../core/labels.js";
import { localized, message, page } from "../core/page.js";
import { historyList } from "../map/feature_history.js";
import { childTables } from "./child_rows.js";
import { linkList } from "./links.js";
import { checklist } from "./procedure.js";
import { retireDialog } from "./record_dialogs.js";
import { button, factGroups, heading, isPlaceable, statusButton } from "./record_parts.js";

/**
 * @typedef {object} RecordActions
 * @property {() => unknown} back
 * @property {(outcome?: Outcome) => unknown} onChanged
 * @property {(outcome: Outcome) => unknown} [onRetired] By default it reports the outcome and goes back.
 * @property {() => unknown} edit
 * @property {() => unknown} setPosition
 * @property {(by: number) => unknown} [step] Opens the record so many rows below this one.
 * @property {import("./links.js").LinkActions["follow"]} follow
 * @property {import("./links.js").LinkActions["report"]} report
 */

/**
 * The content of a panel: its head, and the record.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {RecordActions} actions
 */
export function featureRecord(layer, feature, actions) {
  const { onChanged, edit, setPosition } = actions;
  const record = element(
    "article",
    { className: "record card" },
    element("p", { className: "print-only" }, printHeader()),
    ...heading(layer, feature),
    element(
      "div",
      { className: "actions" },
      statusButton(layer, feature, onChanged),
      isEditable(feature) ? button(message("edit"), edit) : null,
      isPlaceable(layer, feature) ? button(message("set_position"), setPosition) : null,
    ),
    ...checklist(layer, feature, onChanged),
    ...factGroups(layer, feature, onChanged),
    ...childTables(layer, feature, onChanged),
    element("h3", {}, message("linked")),
    ...linkList(layer, feature, actions),
    ...nearbySection(layer, feature, actions),
    ...holdingsSection(feature),
    element("h3", {}, message("timeline")),
    historyList(layer, feature.id),
    retireButton(layer, feature, actions),
  );
  return [recordHead(actions), record];
}

/** @param {RecordActions} actions */
function recordHead({ back, step }) {
  const steps = step
    ? [-1, 1].map((by) => {
        const label = message(by < 0 ? "previous_record" : "next_record");
        const properties = { className: "button plain", type: "button", "aria-label": label, title: label };
        return element("button", { ...properties, onclick: () => step(by) }, by < 0 ? "‹" : "›");
      })
    : [];
  return element(
    "div",
    { className: "record-head" },
    button(`← ${message("back")}`, back, "button plain"),
    element(
      "span",
      { className: "record-tools" },
      ...steps,
      button(message("print"), () => print(), "button plain"),
    ),
  );
}

function printHeader() {
  const office = document.querySelector(".brand")?.textContent?.trim().replace(/\s+/g, " ");
  return joined(office, `${message("as_of")} ${formatMoment(page.past || now())}`);
}

/**
 * The button that retires the feature, at the end of the record.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {RecordActions} actions
 */
function retireButton(layer, feature, { back, report, onRetired }) {
  if (!feature.allows?.includes("DELETE")) return null;
  const done = (/** @type {Outcome} */ { text = "", undo = null }) => {
    report(text, undo);
    back();
  };
  const open = () => retireDialog(layer, feature, onRetired ?? done);
  return element("p", { className: "actions last" }, button(message("retire"), open, "button plain"));
}

/** @typedef {{ layer: string, features: LayerFeature[], more: boolean }} NearbyGroup */

/**
 * What stands at the same marker, in all layers. The section stays hidden if there is nothing or the request fails.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {RecordActions} actions
 */
function nearbySection(layer, feature, { follow }) {
  if (!feature.properties.address) return [];
  const content = element("div", {});
  const title = message("at_address", { address: feature.properties.address });
  const section = element("section", { className: "nearby", hidden: true }, element("h3", {}, title), content);
  request(itemPath(layer, feature.id, "/nearby")).then(
    ({ data }) => {
      /** @type {NearbyGroup[]} */
      const groups = data.layers;
      section.hidden = !groups.length;
      content.replaceChildren(...groups.flatMap((group) => nearbyGroup(group, follow)));
    },
    () => {},
  );
  return [section];
}

/**
 * @param {NearbyGroup} group
 * @param {RecordActions["follow"]} follow
 */
function nearbyGroup({ layer, features, more }, follow) {
  const items = features.map((other) => {
    const status = codeOf(layer, layerCard(layer).status, statusOf(layer, other));
    const open = () => follow(layer, other.id);
    return element(
      "li",
      {},
      markOf(layer, other),
      element("button", { className: "name", type: "button", onclick: open }, titleOf(layer, other)),
      element("span", { className: "quiet" }, joined(localized(status?.title), subtitleOf(layer, other))),
    );
  });
  const count = more ? message("more_than", { n: features.length }) : String(features.length);
  return [element("h4", {}, `${layerTitle(layer)} · ${count}`), element("ul", { className: "at-address" }, ...items)];
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
