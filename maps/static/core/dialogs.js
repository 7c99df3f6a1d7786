// A dialog with one form, and the move that most things are taken onward by.

import { dated, dayField } from "./date_text.js";
import { explained } from "./http.js";
import { card, fieldOf, titleOf, wordOf } from "./labels.js";
import { day, h, said, say } from "./page.js";
import { mark } from "./marks.js";
import { move } from "../forms/transitions.js";

/** `send` gets what was filled in; a Refusal that it throws is shown in place and loses nothing that was typed. */
export function dialog(title, lead, fields, send, { label = say("save"), labels = {} } = {}) {
  const fault = h("div", { className: "refusal", role: "alert", hidden: true });
  const submit = h("button", { className: "button primary", type: "submit" }, label);
  const form = h("form", {}, ...fields, fault,
    h("div", { className: "dialog-foot" },
      h("button", { className: "button", type: "button", onclick: () => opened.close() }, say("cancel")), submit));
  const opened = h("dialog", { "aria-label": title }, h("h2", {}, title), lead ? h("p", { className: "quiet" }, lead) : null, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    fault.hidden = true;
    try {
      await send(dated(form));
      opened.close();
    } catch (error) {
      fault.replaceChildren(...explained(error, labels));
      fault.hidden = false;
    } finally {
      submit.disabled = false;
    }
  });
  opened.addEventListener("close", () => opened.remove());
  document.body.append(opened);
  opened.showModal();
  return opened;
}

/** One line of a dialog: its label and its control. */
export const line = (label, control) => h("label", {}, h("span", {}, label), control);
export const dayInput = (name, { value = "", max = "" } = {}) => dayField(h("input", { name, required: true, value: value && day(value) }), { max });
export const documentInput = (properties = {}) => h("input", { type: "text", name: "document", maxlength: "200", placeholder: say("reason_hint"), ...properties });
export const noteInput = () => h("textarea", { name: "note", rows: "2", maxlength: "2000" });

/** Ask which step comes next and why, and make the move. */
export function moveDialog(layer, feature, after) {
  const { status } = card(layer);
  const now = wordOf(layer, status, feature.properties[status]);
  const { codes } = fieldOf(layer, status);
  const next = codes.filter((code) => now?.onward.includes(code.value));
  const forward = Math.max(0, next.findIndex((code) => codes.indexOf(code) > codes.indexOf(now)));
  const choices = h("fieldset", {}, h("legend", {}, say("move_to")),
    ...next.map((code, place) => h("label", { className: "choice" },
      h("input", { type: "radio", name: "to", value: code.value, required: true, checked: place === forward }), code.mark ? mark(code.mark) : null, said(code.title))));
  if (!next.length) choices.append(h("p", { className: "quiet" }, say("no_moves")));
  const reason = line(`${say("reason")} (${say("required")})`, h("textarea", { name: "reason", rows: "3", required: true, maxlength: "500", placeholder: say("reason_hint") }));
  dialog(say("move_title", { title: titleOf(layer, feature) }), now ? say("move_now", { word: said(now.title) }) : null, [choices, reason], async (given) => {
    await after(await move(layer, feature, given.get("to"), given.get("reason")));
  }, { label: say("move_on"), labels: { to: say("move_to"), reason: say("reason") } });
}
