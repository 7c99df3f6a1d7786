// The child tables of a record, each as a table with its title, and the dialog that adds a row.

import { element } from "../core/elements.js";
import { formatDay } from "../core/format.js";
import { idempotencyKey, itemPath, request } from "../core/http.js";
import { dateText, titleOf, valueText } from "../core/labels.js";
import { isEditable, layerCard } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { fieldDialog, nonEmpty } from "./field_dialog.js";

// Columns that say something about another column or row, and so are part of its text.
const PRECISION = "precision";
const SOURCE = "source";

/**
 * The child tables of a layer that records show as tables: all but the checklist.
 * @param {string} layer
 */
function listedTables(layer) {
  const { parts = [], display } = layerCard(layer);
  return parts.filter(({ path }) => path !== display.checklist);
}

/**
 * The child table whose rows change the status, such as the dated events of a gate.
 * @param {string} layer
 */
export const statusTable = (layer) =>
  listedTables(layer).find(({ path }) => path === layerCard(layer).display.status_by) ?? null;

/**
 * The sections of the child tables. Their rows are loaded after it is returned.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {(outcome: Outcome) => unknown} onChanged
 */
export function childTables(layer, feature, onChanged) {
  return listedTables(layer).map((table) => {
    const body = element("div", { className: "child-rows" });
    fill(body, layer, feature, table);
    const add = () => rowDialog(layer, feature, table, onChanged);
    const button =
      table.addable && isEditable(feature)
        ? element("button", { className: "button plain", type: "button", onclick: add }, `+ ${addLabel(table)}`)
        : null;
    const heading = element("h3", {}, localized(table.title), button);
    return element("section", { className: "child-table", data: { table: table.path } }, heading, body);
  });
}

/** @param {ChildTable} table */
export const addLabel = ({ title }) => message("add_row", { what: localized(title).toLowerCase() });

/**
 * @param {HTMLElement} body
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {ChildTable} table
 */
async function fill(body, layer, feature, table) {
  body.replaceChildren(element("p", { className: "quiet" }, message("loading_plain")));
  try {
    const { data } = await request(itemPath(layer, feature.id, `/${table.path}`));
    /** @type {Properties[]} */
    const rows = data[table.path] ?? [];
    body.replaceChildren(rows.length ? tableOf(layer, table, rows) : quiet(message("no_rows")));
  } catch (error) {
    body.replaceChildren(element("p", { className: "field-fault" }, error.message));
  }
}

/** @param {string} text */
const quiet = (text) => element("p", { className: "quiet" }, text);

/**
 * @param {string} layer
 * @param {ChildTable} table
 * @param {Properties[]} rows
 */
function tableOf(layer, { title, fields }, rows) {
  const hasValue = (/** @type {Field} */ { name }) => rows.some((row) => ![null, undefined, ""].includes(row[name]));
  const columns = fields.filter((field) => ![PRECISION, SOURCE].includes(field.name) && hasValue(field));
  const heads = columns.map((field) => element("th", { scope: "col" }, localized(field.title)));
  const lines = rows.map((row) => rowOf(layer, columns, row));
  return element(
    "table",
    { className: "rows-table", "aria-label": localized(title) },
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...lines),
  );
}

/**
 * A row; its source, which is mostly longer than the row itself, stands under the last cell.
 * @param {string} layer
 * @param {Field[]} columns
 * @param {Properties} row
 */
function rowOf(layer, columns, row) {
  const cells = columns.map((field) => cellOf(layer, field, row));
  const source = row[SOURCE]
    ? element("span", { className: "row-source" }, message("source", { text: row[SOURCE] }))
    : "";
  cells.at(-1)?.append(source);
  return element("tr", {}, ...cells);
}

/**
 * @param {string} layer
 * @param {Field} field
 * @param {Properties} row
 */
function cellOf(layer, field, row) {
  const value = row[field.name];
  const isDay = typeof value === "string" && formatDay(value) === valueText(layer, field, value);
  const text =
    isDay && row[PRECISION] ? dateText({ on: value, precision: row[PRECISION] }) : valueText(layer, field, value);
  return element("td", { className: isDay ? "day" : null, data: { label: localized(field.title) } }, text || "–");
}

/**
 * Open the dialog that adds a row.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {ChildTable} table
 * @param {(outcome: Outcome) => unknown} onChanged
 */
export function rowDialog(layer, feature, table, onChanged) {
  const key = idempotencyKey();
  fieldDialog(addLabel(table), {
    lead: titleOf(layer, feature),
    fields: table.fields.filter(({ receivable, input }) => receivable && input),
    send: async (values) => {
      const options = { method: "POST", headers: { "Idempotency-Key": key }, body: nonEmpty(values) };
      await request(itemPath(layer, feature.id, `/${table.path}`), options);
      await onChanged({ text: message("saved") });
    },
  });
}
