// The panel beside a list: the record of a feature, its form, or the form of a new one. It needs no map on the page.

import { element } from "../core/elements.js";
import { itemPath, request, withQuery } from "../core/http.js";
import { isKnownLayer, loadLayerCards } from "../core/layer_cards.js";
import { loadShapes } from "../core/marks.js";
import { showNotice } from "../core/notices.js";
import { message, page } from "../core/page.js";
import { featureForm } from "../forms/feature_form.js";
import { featureRecord } from "../forms/record.js";
import { restoreDialog } from "../forms/record_dialogs.js";
import { historyList } from "../map/feature_history.js";

/**
 * What the page around the panel does.
 * @typedef {object} PanelActions
 * @property {() => unknown} close Closes the panel.
 * @property {(id: string, outcome?: Outcome) => unknown} changed A feature was created, changed or retired: shows the
 *   text of the outcome with a button for its undo.
 * @property {(by: number) => unknown} [step] Opens the record so many rows below this one.
 */

/** @typedef {ReturnType<typeof featureForm>} OpenForm */

/** @type {WeakMap<HTMLElement, OpenForm>} The form in each panel. */
const forms = new WeakMap();

/**
 * Whether the form in a panel has unsaved input; then a notice says so, and the form gets the focus.
 * @param {HTMLElement} panel
 */
export function blocksLeaving(panel) {
  const current = forms.get(panel);
  if (!current?.form.isConnected || !current.hasChanges()) return false;
  showNotice("writing", message("form_open"));
  /** @type {HTMLElement | null} */ (current.form.querySelector('[type="submit"]'))?.focus();
  return true;
}

/**
 * Open the record of a feature; returns whether it did, which a form with unsaved input in the panel prevents.
 * @param {HTMLElement} panel
 * @param {string} layer
 * @param {string} id
 * @param {PanelActions} actions
 */
export async function openRecord(panel, layer, id, actions) {
  if (blocksLeaving(panel)) return false;
  show(panel, element("p", { className: "quiet panel-wait" }, message("loading_plain")));
  panel.dataset.id = id;
  let feature;
  try {
    await loadCards(layer);
    feature = await fetchFeature(layer, id);
  } catch (error) {
    if (panel.dataset.id === id) showFailure(panel, layer, id, actions, error);
    return true;
  }
  if (panel.dataset.id === id) showRecord(panel, layer, feature, actions); // no other has been opened since
  return true;
}

/**
 * Open the form of a new feature.
 * @param {HTMLElement} panel
 * @param {string} layer
 * @param {PanelActions} actions
 */
export async function openNewForm(panel, layer, actions) {
  if (blocksLeaving(panel)) return false;
  panel.dataset.id = "";
  try {
    await loadCards(layer);
  } catch (error) {
    showFailure(panel, layer, "", actions, error);
    return true;
  }
  showForm(panel, layer, {
    onCancel: actions.close,
    onSaved: async (id) => {
      await actions.changed(id, { text: message("saved") });
      if (!panel.dataset.id) await openRecord(panel, layer, id, actions); // unless the page has opened it
    },
  });
  return true;
}

/** @param {string} layer */
async function loadCards(layer) {
  if (!isKnownLayer(layer)) await Promise.all([loadLayerCards(), loadShapes()]);
}

/**
 * The current version of a feature, with its ETag and the methods that the reader may use on it.
 * @param {string} layer
 * @param {string} id
 * @returns {Promise<LayerFeature>}
 */
async function fetchFeature(layer, id) {
  const { data, etag, allows } = await request(itemPath(layer, id));
  return Object.assign(data, { etag, allows });
}

/**
 * @param {HTMLElement} panel
 * @param {...Node} content
 */
function show(panel, ...content) {
  forms.get(panel)?.remove();
  forms.delete(panel);
  panel.replaceChildren(...content);
  panel.scrollTop = 0;
}

/**
 * @param {HTMLElement} panel
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {PanelActions} actions
 */
function showRecord(panel, layer, feature, actions) {
  const { id } = feature;
  /** @param {Outcome} [outcome] */
  const onChanged = async ({ text = message("saved"), undo = null } = {}) => {
    const undoAndShow = async () => {
      await undo?.();
      await openRecord(panel, layer, id, actions);
    };
    await actions.changed(id, { text, undo: undo && undoAndShow });
    if (panel.dataset.id === id) await openRecord(panel, layer, id, actions);
  };
  const back = () => showRecord(panel, layer, feature, actions);
  const edit = (positionOnly = false) =>
    showForm(panel, layer, { feature, positionOnly, onCancel: back, onSaved: (_id, outcome) => onChanged(outcome) });
  const content = featureRecord(layer, feature, {
    back: actions.close,
    step: actions.step,
    onChanged,
    edit: () => edit(),
    setPosition: () => edit(true),
    follow: (otherLayer, otherId) => location.assign(recordUrl(otherLayer, otherId)),
    report: (text, undo = null, error = false) => report({ text, undo }, error),
    onRetired: async (outcome) => {
      await actions.changed(id, outcome);
      actions.close();
    },
  });
  show(panel, ...content);
  panel.focus({ preventScroll: true });
}

/**
 * @param {string} layer
 * @param {string} id
 */
const recordUrl = (layer, id) => withQuery(`/${layer}/${encodeURIComponent(id)}`, { as_of: page.past });

/**
 * @param {HTMLElement} panel
 * @param {string} layer
 * @param {import("../forms/feature_form.js").FormOptions} options
 */
function showForm(panel, layer, options) {
  const opened = featureForm(layer, null, options);
  show(panel, opened.form);
  forms.set(panel, opened);
  /** @type {HTMLElement | null} */ (opened.form.querySelector("input, select, textarea"))?.focus();
}

/**
 * Why a record cannot be shown. One that was retired is shown with its timeline, and can be restored.
 * @param {HTMLElement} panel
 * @param {string} layer
 * @param {string} id
 * @param {PanelActions} actions
 * @param {Error & { status?: number }} error
 */
async function showFailure(panel, layer, id, actions, error) {
  const close = { className: "button plain", type: "button", onclick: () => actions.close() };
  const head = element("div", { className: "record-head" }, element("button", close, `← ${message("back")}`));
  const text = element("p", { className: "field-fault" }, error.message);
  const record = element("article", { className: "record card" }, text);
  show(panel, head, record);
  if (error.status !== 404 || !id || page.past) return;
  const { data } = await request(itemPath(layer, id, "/history")).catch(() => ({ data: null }));
  /** @type {HistoryEntry | undefined} */
  const last = data?.entries?.find((/** @type {HistoryEntry} */ entry) => !entry.part);
  if (last?.action !== "retire" || panel.dataset.id !== id) return;
  const restored = async () => {
    await actions.changed(id);
    await openRecord(panel, layer, id, actions);
  };
  const open = () => restoreDialog(layer, id, restored);
  text.replaceChildren(message("is_retired"));
  text.className = "";
  record.append(
    element(
      "p",
      { className: "actions" },
      element("button", { className: "button", onclick: open }, message("restore")),
    ),
    element("h3", {}, message("timeline")),
    historyList(layer, id),
  );
}

/**
 * Show a notice and, with an undo, a button for it.
 * @param {Outcome} outcome
 * @param {boolean} [error]
 */
function report({ text = "", undo = null }, error = false) {
  const undoAndReport = async () => {
    try {
      await undo?.();
      report({ text: message("undone") });
    } catch (problem) {
      report({ text: problem.message }, true);
    }
  };
  showNotice("done", text, { error, undo: undo && undoAndReport });
}
