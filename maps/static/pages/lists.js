// The list pages: filters, order and pages without reloading, records beside the list, and changes of many rows. All
// but the last two also work without this script.

import { all, byId, enableButtons } from "../core/elements.js";
import { loadLayerCards } from "../core/layer_cards.js";
import { enableMenus } from "../core/menus.js";
import { narrowScreen, page } from "../core/page.js";
import { enableShortcuts } from "../core/shortcuts.js";
import { enableBulkChanges } from "./bulk_bar.js";
import { enableColumns } from "./list_columns.js";
import { enableFilters } from "./list_filters.js";
import { ListView } from "./list_view.js";
import { RecordPane } from "./record_pane.js";

/** @type {string} */
const layer = page.layer;
const printButton = /** @type {HTMLButtonElement | null} */ (document.querySelector("[data-print-now]"));

enableMenus();
if (printButton) {
  enableButtons("[data-print-now]");
  printButton.addEventListener("click", () => print());
  print();
} else start();

async function start() {
  const view = new ListView(layer);
  const pane = new RecordPane(layer, byId("record-panel"), view);
  const enhance = () => {
    enableFilters(view);
    enableColumns(view);
    if (narrowScreen.matches) foldFilters();
    pane.markRow();
  };
  view.onLoaded(enhance);
  document.addEventListener("click", (event) => followLink(event, view, pane));
  addEventListener("popstate", () => pane.restore());
  enableShortcuts({
    search: () => byId("q").focus(),
    step: (by) => (pane.isOpen ? pane.step(by) : stepFocus(by)),
    close: () => pane.leave(),
  });
  enhance();
  await loadLayerCards();
  view.onLoaded(enableBulkChanges(layer, view));
  pane.restore();
}

/** On a phone the rows come first, unless a filter is set. */
function foldFilters() {
  if (!document.querySelector(".list-page .chips")) document.querySelector(".filter-box")?.removeAttribute("open");
}

/**
 * Open links to other views of the list, to a record and to the form for a new one here; a click anywhere in a row opens
 * its record.
 * @param {MouseEvent} event
 * @param {ListView} view
 * @param {RecordPane} pane
 */
function followLink(event, view, pane) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    return;
  const target = /** @type {Element} */ (event.target);
  const link = target.closest("a");
  const row = /** @type {HTMLElement | null} */ (target.closest("#list tbody tr"));
  if (link?.matches("[data-list]")) {
    event.preventDefault();
    view.open(new URL(link.href).search, { opensFilter: link.dataset.offers });
  } else if (link?.matches("[data-new]") && new URL(link.href).pathname === `/${layer}/new`) {
    event.preventDefault();
    pane.open("new");
  } else if (row && (link?.matches("[data-record]") || !isControl(target))) {
    event.preventDefault();
    pane.open(row.dataset.id ?? "");
  }
}

/**
 * Whether a click on an element has its own meaning; so has one that ends the selection of text.
 * @param {Element} target
 */
const isControl = (target) => Boolean(target.closest("a, button, input, label")) || !getSelection()?.isCollapsed;

/** @param {number} by */
function stepFocus(by) {
  const links = all("#list [data-record]", { kind: HTMLElement });
  const current = links.findIndex((link) => link === document.activeElement);
  links[Math.min(links.length - 1, Math.max(0, current + by))]?.focus();
}
