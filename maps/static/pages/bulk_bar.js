// Selecting rows of a list, and the bar with what can be done to all of them at once.

import { all, byId, element } from "../core/elements.js";
import { formatNumber } from "../core/format.js";
import { itemsPath, request } from "../core/http.js";
import { fieldOf, layerCard } from "../core/layer_cards.js";
import { showNotice } from "../core/notices.js";
import { message, page } from "../core/page.js";
import { changeableFields, openBulkDialog } from "./bulk_dialog.js";

/** @typedef {{ id: string, version: number }} RowAtVersion */

/**
 * Enable the check boxes of a list. Returns the function to call after the rows have been fetched again: rows that are
 * still there stay selected, at their new versions.
 * @param {string} layer
 * @param {import("./list_view.js").ListView} view
 */
export function enableBulkChanges(layer, view) {
  /** @type {Map<string, RowAtVersion>} */
  let selected = new Map();

  const boxes = () => all("#list [data-pick]", { kind: HTMLInputElement });
  const pageBox = () => /** @type {HTMLInputElement | null} */ (document.querySelector("#list [data-pick-page]"));

  function refresh() {
    const rows = new Map(view.rows.map((row) => [row.dataset.id ?? "", row]));
    selected = new Map([...selected.keys()].filter((id) => rows.has(id)).map((id) => [id, rowAtVersion(rows.get(id))]));
    for (const box of boxes()) {
      box.disabled = false;
      box.addEventListener("change", () => {
        const row = rowAtVersion(box.closest("tr"));
        if (box.checked) selected.set(row.id, row);
        else selected.delete(row.id);
        draw();
      });
    }
    const forPage = pageBox();
    if (forPage) {
      forPage.disabled = false;
      forPage.addEventListener("change", () => {
        selected = new Map(forPage.checked ? view.rows.map((row) => [row.dataset.id ?? "", rowAtVersion(row)]) : []);
        draw();
      });
    }
    draw();
  }

  function draw() {
    const present = boxes();
    for (const box of present) box.checked = selected.has(box.closest("tr")?.dataset.id ?? "");
    const forPage = pageBox();
    if (forPage) {
      const number = present.filter((box) => box.checked).length;
      forPage.checked = number > 0 && number === present.length;
      forPage.indeterminate = number > 0 && number < present.length;
    }
    const bar = document.getElementById("bulk-bar");
    if (!bar) return;
    bar.hidden = selected.size === 0;
    bar.replaceChildren(...(selected.size ? barContent() : []));
  }

  function barContent() {
    const count = message("bulk_selected", { n: formatNumber(selected.size) });
    const canAddRest = view.total > selected.size && view.total <= page.most;
    return [
      element("b", { role: "status" }, count),
      ...(canAddRest ? [button(message("bulk_all", { n: formatNumber(view.total) }), selectAll, "plain")] : []),
      ...actsOf(layer).map((act) => button(message(`bulk_${act}`), () => change(act))),
      button(message("bulk_none"), clear, "plain"),
    ];
  }

  function clear() {
    selected = new Map();
    draw();
    pageBox()?.focus();
  }

  async function selectAll() {
    try {
      const query = `${view.apiQuery}&properties=version&limit=${page.most}`.replace(/^&/, "");
      const { data } = await request(`${itemsPath(layer)}?${query}`);
      /** @type {LayerFeature[]} */
      const features = data.features;
      selected = new Map(features.map(({ id, properties }) => [id, { id, version: properties.version }]));
      draw();
      byId("bulk-bar").querySelector("button")?.focus();
    } catch (error) {
      showNotice("bulk", error.message, { error: true });
    }
  }

  /** @param {string} act */
  function change(act) {
    openBulkDialog(layer, act, [...selected.values()], async ({ text, undo }) => {
      const undoAndReload = async () => {
        try {
          await undo?.();
          showNotice("bulk", "");
        } catch (error) {
          showNotice("bulk", error.message, { error: true });
        }
        await view.load();
      };
      await view.load();
      showNotice("bulk", text ?? "", { undo: undo ? undoAndReload : null });
    });
  }

  refresh();
  return refresh;
}

/** @param {HTMLTableRowElement | null | undefined} row */
const rowAtVersion = (row) => ({ id: row?.dataset.id ?? "", version: Number(row?.dataset.version) });

/**
 * What the reader may do to the features of a layer; the server decides for each row.
 * @param {string} layer
 */
function actsOf(layer) {
  const { creatable, movable, display } = layerCard(layer);
  return [
    changeableFields(layer).length && "properties",
    movable && !display.status_by && "move",
    creatable && fieldOf(layer, "level")?.receivable && "level",
    creatable && "retire",
  ].filter((act) => typeof act === "string");
}

/**
 * @param {string} text
 * @param {() => unknown} onclick
 * @param {string} [kind]
 */
const button = (text, onclick, kind = "") =>
  element("button", { className: `button ${kind}`, type: "button", onclick }, text);
