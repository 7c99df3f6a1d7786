// The neighbour's procedure for a work: its steps as a checklist, and the dialog that records a step.

import { dayInput, documentInput, nonEmptyValues, formDialog, labelled, noteInput } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { daysSince, formatDay, joined, today } from "../core/format.js";
import { fillList, itemPath, request } from "../core/http.js";
import { isEditable } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";

/**
 * The heading, the checklist and its sources; an empty array for a work without a procedure.
 * @param {LayerFeature} feature
 * @param {() => unknown} onRecorded
 * @param {{ brief?: boolean, onFilled?: () => unknown }} [options] `brief` gives each step one line and lets only the
 *   next one be recorded; `onFilled` is called when the steps have been loaded.
 */
export function procedureChecklist(feature, onRecorded, { brief = false, onFilled = () => {} } = {}) {
  const { procedure } = feature.properties;
  if (!procedure) return [];
  const sources = element("p", { className: "sources" });
  const list = element("ol", { className: brief ? "checklist brief" : "checklist" });
  /** @type {(data: { steps: ProcedureStep[] }) => Node[]} */
  const toItems = ({ steps }) => {
    const next = steps.find((step) => !step.done_on);
    const names = new Set(steps.map((step) => step.source).filter(Boolean));
    sources.textContent = message("source", { text: [...names].join("; ") });
    return steps.map((step) => stepItem(feature, step, { isNext: step === next, brief, onRecorded }));
  };
  fillList(list, itemPath("works", feature.id, "/steps"), toItems, "no_steps").then(onFilled);
  const heading = element("h3", {}, `${message("procedure")} · ${procedure.done}/${procedure.of}`);
  return brief ? [heading, list] : [heading, list, sources];
}

/**
 * @param {LayerFeature} feature
 * @param {ProcedureStep} step
 * @param {{ isNext: boolean, brief: boolean, onRecorded: () => unknown }} options
 */
function stepItem(feature, step, { isNext, brief, onRecorded }) {
  const recordable = isEditable(feature) && (isNext || !brief);
  const state = step.done_on ? "done" : isNext ? "next" : "";
  const title = localized(step.title);
  return element(
    "li",
    { className: state, title: brief && !isNext ? title : null },
    tick(Boolean(step.done_on)),
    element("p", { className: "what" }, title),
    stepDate(step),
    brief ? null : element("p", { className: "about" }, joined(step.document, step.note)),
    recordable ? recordButton(feature, step, isNext, onRecorded) : null,
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
 * @param {LayerFeature} feature
 * @param {ProcedureStep} step
 * @param {boolean} isNext
 * @param {() => unknown} onRecorded
 */
function recordButton(feature, step, isNext, onRecorded) {
  const className = isNext ? "button" : "button plain";
  const open = () => stepDialog(feature, step, onRecorded);
  return element(
    "button",
    { className, type: "button", onclick: open },
    message(step.done_on ? "edit" : "record_step"),
  );
}

/**
 * Open the dialog that records or corrects the date and the document of a step.
 * @param {LayerFeature} feature
 * @param {ProcedureStep} step
 * @param {() => unknown} onRecorded
 */
function stepDialog(feature, step, onRecorded) {
  const note = noteInput();
  note.value = step.note ?? "";
  const labels = { on: message("step_on"), document: message("event_document"), note: message("event_note") };
  const content = [
    labelled(labels.on, dayInput("on", { value: step.done_on ?? today(), max: today() })),
    labelled(labels.document, documentInput({ value: step.document ?? "" })),
    labelled(labels.note, note),
  ];
  const send = async (/** @type {FormData} */ values) => {
    const body = { code: step.code, ...nonEmptyValues(values) };
    await request(itemPath("works", feature.id, "/steps"), { method: "POST", body });
    await onRecorded();
  };
  const options = { label: message("record_step"), labels };
  formDialog(localized(step.title), feature.properties.title, content, send, options);
}
