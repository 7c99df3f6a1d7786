// The list of links of a feature: follow, add and remove links.

import { element } from "../core/elements.js";
import { joined } from "../core/format.js";
import { fillList, itemPath, request } from "../core/http.js";
import { titleOf } from "../core/labels.js";
import { displayOf, isEditable } from "../core/layer_cards.js";
import { message } from "../core/page.js";
import { linkDialog } from "./link_dialog.js";

/**
 * @typedef {object} LinkActions
 * @property {(layer: string, id: string) => unknown} follow
 * @property {(text: string, undo?: (() => Promise<unknown>) | null, error?: boolean) => unknown} report Shows a text
 *   and, with `undo`, a button that undoes the change.
 */

/**
 * The list of links, and the button that adds one if the reader may.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {LinkActions} actions
 */
export function linkList(layer, feature, { follow, report }) {
  const list = element("ul", { className: "links" });
  const path = itemPath(layer, feature.id);
  const draw = () => fillList(list, `${path}/links`, (data) => data.links.map(item), "no_links");
  const changed = async (/** @type {string} */ text, /** @type {() => Promise<unknown>} */ undo) => {
    const undoAndDraw = async () => {
      await undo();
      await draw();
    };
    report(text, undoAndDraw); // first, because it replaces the undo button of an earlier change
    await draw();
  };

  /** @param {Link} link */
  async function remove(link) {
    try {
      await deleteLink(path, link.link);
      const { owner, body } = inverseOf(path, feature.id, link);
      await changed(message("unlinked", { what: link.title ?? link.at ?? "" }), () => createLink(owner, body));
    } catch (error) {
      report(error.message, null, true);
    }
  }

  /** @param {Link} link */
  function item(link) {
    const role = element("span", { className: "role" }, roleText(link));
    return element("li", {}, role, linkEnd(link, follow), isEditable(feature) ? removeButton(link, remove) : null);
  }

  draw();
  if (!isEditable(feature)) return [list];
  const add = () =>
    linkDialog(feature, async (body, title) => {
      const { data } = await createLink(path, body);
      await changed(message("linked_to", { what: title }), () => deleteLink(path, data.link));
    });
  const button = element("button", { className: "button", type: "button", onclick: add }, message("link_to"));
  return [list, element("p", { className: "actions" }, button)];
}

/**
 * @param {string} owner The path of the feature that the link belongs to.
 * @param {object} body
 */
const createLink = (owner, body) => request(`${owner}/links`, { method: "POST", body });

/**
 * @param {string} path The path of the feature at either end.
 * @param {string} id
 */
const deleteLink = (path, id) => request(`${path}/links/${id}`, { method: "DELETE" });

/**
 * The request that creates a removed link again: the path of the feature that owned it, and the body.
 * @param {string} path
 * @param {string} id
 * @param {Link} link
 */
function inverseOf(path, id, { role, direction, layer, id: otherId, at, border }) {
  if (direction === "from") return { owner: itemPath(layer, otherId ?? ""), body: { role, to: id } };
  if (otherId) return { owner: path, body: { role, to: otherId } };
  return { owner: path, body: { role, at, ...(border ? { border } : {}) } };
}

/** @param {Link} link */
const roleText = ({ role, direction }) => message(direction === "from" ? `role_${role}_from` : `role_${role}`);

/**
 * The other end of a link: a button that opens the feature, or a marker address.
 * @param {Link} link
 * @param {LinkActions["follow"]} follow
 */
function linkEnd(link, follow) {
  const { layer, id, at, border } = link;
  if (!id) return element("span", { className: "name" }, joined(at, border && message(border)));
  const open = () => follow(layer, id);
  return element("button", { className: "name", type: "button", onclick: open }, endTitle(link));
}

/**
 * The title of the feature at the other end: its name in the label of its layer.
 * @param {Link} link
 */
const endTitle = ({ layer, id, title }) =>
  titleOf(layer, {
    type: "Feature",
    id: id ?? "",
    geometry: null,
    properties: { [displayOf(layer).named_by ?? ""]: title },
  });

/**
 * @param {Link} link
 * @param {(link: Link) => unknown} remove
 */
function removeButton(link, remove) {
  const label = message("unlink", { what: link.title ?? link.at ?? "" });
  return element(
    "button",
    { className: "button plain", type: "button", "aria-label": label, title: label, onclick: () => remove(link) },
    "✕",
  );
}
