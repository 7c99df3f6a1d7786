// The neighbour's repair procedure in a work: its steps as a checklist, and the recording of one.

import { ask, fill, item } from "../core/http.js";
import { mayChange } from "../core/labels.js";
import { day, daysSince, h, said, say, today } from "../core/page.js";
import { dayInput, dialog, documentInput, line, noteInput } from "../core/dialogs.js";

/**
 * The checklist; `brief` shows each step in one line and offers only the next one. Empty where no neighbour asks for one.
 * `grown` is called once the steps stand in it.
 */
export function procedureOf(feature, after, { brief = false, grown = () => {} } = {}) {
  const { procedure } = feature.properties;
  if (!procedure) return [];
  const sources = h("p", { className: "sources" });
  const list = h("ol", { className: brief ? "checklist brief" : "checklist" });
  fill(list, item("works", feature.id, "/steps"), ({ steps }) => {
    const next = steps.find((step) => !step.done_on);
    sources.textContent = say("source", { text: [...new Set(steps.map((step) => step.source).filter(Boolean))].join("; ") });
    return steps.map((step) => stepRow(feature, step, { next: step === next, brief, after }));
  }, "no_steps").then(grown);
  return [h("h3", {}, `${say("procedure")} · ${procedure.done}/${procedure.of}`), list, brief ? null : sources].filter(Boolean);
}

function stepRow(feature, step, { next, brief, after }) {
  const record = () => stepDialog(feature, step, after);
  const late = !step.done_on && step.due_on && daysSince(step.due_on) > 0;
  const when = step.done_on ? day(step.done_on) : step.due_on ? say("due_on", { day: day(step.due_on) }) : "";
  const button = step.done_on ? say("edit") : say("record_step");
  return h("li", { className: step.done_on ? "done" : next ? "next" : "", title: brief && !next ? said(step.title) : null },
    h("span", { className: "tick", role: "img", "aria-label": say(step.done_on ? "step_done" : "step_open") }, step.done_on ? "✓" : ""),
    h("p", { className: "what" }, said(step.title)),
    h("span", { className: late ? "when late" : "when" }, when),
    brief ? null : h("p", { className: "about" }, [step.document, step.note].filter(Boolean).join(" · ")),
    (brief && !next) || !mayChange(feature) ? null : h("button", { className: next ? "button" : "button plain", type: "button", onclick: record }, button));
}

/** Record that a step was done, on which day and on which paper; again, to correct what was recorded. */
function stepDialog(feature, step, after) {
  const note = noteInput();
  note.value = step.note ?? "";
  dialog(said(step.title), feature.properties.title, [
    line(say("step_on"), dayInput("on", { value: step.done_on ?? today(), max: today() })),
    line(say("event_document"), documentInput({ value: step.document ?? "" })),
    line(say("event_note"), note),
  ], async (given) => {
    const body = { code: step.code, ...Object.fromEntries([...given].filter(([, value]) => value !== "")) };
    await ask(item("works", feature.id, "/steps"), { method: "POST", body });
    await after();
  }, { label: say("record_step"), labels: { on: say("step_on"), document: say("event_document"), note: say("event_note") } });
}
