// A record beside the list: its title and its facts.

import { element } from "../core/elements.js";
import { itemPath, request } from "../core/http.js";
import { factsOf, titleOf } from "../core/labels.js";
import { layerTitle } from "../core/layer_cards.js";
import { message } from "../core/page.js";

/**
 * Show a record in the panel.
 * @param {HTMLElement} panel
 * @param {string} layer
 * @param {string} id
 * @param {import("./record_pane.js").PanelActions} actions
 */
export async function openRecord(panel, layer, id, actions) {
  const { data } = await request(itemPath(layer, id));
  const facts = factsOf(layer, data, { all: true }).flatMap(([name, text]) => [
    element("dt", {}, name),
    element("dd", {}, text),
  ]);
  panel.replaceChildren(head(titleOf(layer, data), actions), element("dl", { className: "facts" }, ...facts));
}

/**
 * Show the form for a new feature in the panel.
 * @param {HTMLElement} panel
 * @param {string} layer
 * @param {import("./record_pane.js").PanelActions} actions
 */
export async function openNewForm(panel, layer, actions) {
  panel.replaceChildren(head(layerTitle(layer), actions));
}

/**
 * @param {string} title
 * @param {import("./record_pane.js").PanelActions} actions
 */
function head(title, actions) {
  const close = { className: "button plain", type: "button", onclick: actions.close, "aria-label": message("close") };
  return element("div", { className: "panel-head" }, element("h2", {}, title), element("button", close, "✕"));
}
