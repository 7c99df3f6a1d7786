// The steps of a record as a checklist, such as the neighbour's procedure for a work, and the dialog that records one.

import { element } from "../core/elements.js";
import { daysSince, formatDay, joined, today } from "../core/format.js";
import { fillList, itemPath, request } from "../core/http.js";
import { titleOf } from "../core/labels.js";
import { displayOf, isEditable, layerCard } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { fieldDialog, nonEmpty } from "./field_dialog.js";

/**
 * The field of a layer with the progress of its checklist, `{ done, of }`; undefined for a feature without steps.
 * @param {string} layer
 * @param {LayerFeature} feature
 */
const progressField = (layer, { properties }) =>
  displayOf(layer).checklist ? layerCard(layer).fields.find(({ name }) => properties[name]?.of) : undefined;

/**
 * The heading, the checklist and its sources; an empty array for a feature without steps.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {(outcome: Outcome) => unknown} onRecorded
 * @param {{ brief?: boolean, onFilled?: () => unknown }} [options] `brief` gives each step one line and lets only the
 *   next one be recorded; `onFilled` is called when the steps have been loaded.
 */
export function checklist(layer, feature, onRecorded, { brief = false, onFilled = () => {} } = {}) {
  const field = progressField(layer, feature);
  if (!field) return [];
  const { done, of } = feature.properties[field.name];
  const path = displayOf(layer).checklist ?? "";
  const sources = element("p", { className: "sources" });
  const list = element("ol", { className: brief ? "checklist brief" : "checklist" });
  /** @type {(data: Record<string, ProcedureStep[]>) => Node[]} */
  const toItems = (data) => {
    const steps = data[path];
    const next = steps.find((step) => !step.done_on);
    const names = new Set(steps.map((step) => step.source).filter(Boolean));
    sources.textContent = message("source", { text: [...names].join("; ") });
    return steps.map((step) => stepItem(layer, feature, step, { isNext: step === next, brief, onRecorded }));
  };
  fillList(list, itemPath(layer, feature.id, `/${path}`), toItems, "no_steps").then(onFilled);
  const heading = element("h3", {}, `${localized(field.title)} · ${done}/${of}`);
  return brief ? [heading, list] : [heading, list, sources];
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {ProcedureStep} step
 * @param {{ isNext: boolean, brief: boolean, onRecorded: (outcome: Outcome) => unknown }} options
 */
function stepItem(layer, feature, step, { isNext, brief, onRecorded }) {
  const recordable = isEditable(feature) && (isNext || !brief);
  const state = step.done_on ? "done" : isNext ? "next" : "";
  const title = localized(step.title);
  const open = () => stepDialog(layer, feature, step, onRecorded);
  return element(
    "li",
    { className: state, title: brief && !isNext ? title : null },
    tick(Boolean(step.done_on)),
    element("p", { className: "what" }, title),
    stepDate(step),
    brief ? null : element("p", { className: "about" }, joined(step.document, step.note)),
    recordable ? recordButton(step, isNext, open) : null,
  );
}

/** @param {boolean} done */
const tick = (done) =>
  element(
    "span",
    { className: "tick", role: "img", "aria-label": message(done ? "step_done" : "step_open") },
    done ? "✓" : "",
  );

/** @param {ProcedureStep} step */
function stepDate({ done_on: done, due_on: due }) {
  const late = !done && due && daysSince(due) > 0;
  const text = done ? formatDay(done) : due ? message("due_on", { day: formatDay(due) }) : "";
  return element("span", { className: late ? "when late" : "when" }, text);
}

/**
 * @param {ProcedureStep} step
 * @param {boolean} isNext
 * @param {() => unknown} onclick
 */
const recordButton = (step, isNext, onclick) =>
  element(
    "button",
    { className: isNext ? "button" : "button plain", type: "button", onclick },
    message(step.done_on ? "edit" : "record_step"),
  );

/**
 * Open the dialog that records or corrects the date and the document of a step.
 * @param {string} layer
 * @param {LayerFeature} feature
 * @param {ProcedureStep} step
 * @param {(outcome: Outcome) => unknown} onRecorded
 */
function stepDialog(layer, feature, step, onRecorded) {
  const path = displayOf(layer).checklist ?? "";
  const columns = layerCard(layer).parts?.find((table) => table.path === path)?.fields ?? [];
  const named = (/** @type {string} */ name) => columns.filter((field) => field.name === name);
  const dayTitle = { vi: message("step_on"), en: message("step_on") };
  fieldDialog(localized(step.title), {
    lead: titleOf(layer, feature),
    label: message("record_step"),
    fields: [{ name: "on", title: dayTitle, input: "date", required: true }, ...named("document"), ...named("note")],
    values: { on: step.done_on ?? today(), document: step.document, note: step.note },
    send: async (values) => {
      const body = { code: step.code, ...nonEmpty(values) };
      await request(itemPath(layer, feature.id, `/${path}`), { method: "POST", body });
      await onRecorded({ text: message("saved") });
    },
  });
}
