// People: enrol, appoint and transfer, a new link, a lost second factor, dismissal. What opens something is shown once.

import { ask } from "../core/http.js";
import { dialog, line } from "../core/dialogs.js";
import { h, moment, page, say } from "../core/page.js";
import { once } from "../core/secret_dialog.js";
import { postFields } from "../forms/role_form.js";

const people = "/api/people";
const labels = { name: say("login_name"), title: say("person_title"), role: say("post"), unit: say("unit"), subject: say("subject") };
const text = (name, properties = {}) => line(labels[name], h("input", { name, maxlength: "200", ...properties }));
const showLink = (data) => once(data.name ?? say("new_link"), new URL(data.link, location.origin).href, say("link_once", { moment: moment(data.until) }));

document.getElementById("enrol").addEventListener("click", () => {
  dialog(say("enrol"), null, [
    text("name", { required: true, maxlength: "40", pattern: "[a-z0-9][a-z0-9._\\-]{1,39}", autocapitalize: "none", autocomplete: "off" }),
    text("title"), ...postFields(page), text("subject", { autocomplete: "off" }),
  ], async (given) => showLink((await ask(people, { method: "POST", body: Object.fromEntries(given) })).data), { label: say("enrol"), labels });
});

for (const button of document.querySelectorAll("[data-person]")) button.addEventListener("click", () => change(JSON.parse(button.dataset.person)));

function change(person) {
  const path = (rest = "") => `${people}/${person.id}${rest}`;
  const act = async (rest, method = "POST") => (await ask(path(rest), { method, body: method === "POST" ? {} : undefined })).data;
  const done = () => location.reload();
  const title = text("title");
  title.querySelector("input").value = person.title ?? "";
  // What is pressed here is asked about once more; the dialog's own button appoints.
  const sure = (question, label, send) => h("button", { className: "button", type: "button", onclick: () => (opened.close(), dialog(question, null, [], send, { label })) }, label);
  const opened = dialog(say("change_account", { name: person.name }), `${say("appoint")}. ${say("appointed")}`, [
    title, ...postFields(page, person),
    h("div", { className: "actions" },
      sure(`${say("new_link")}: ${person.name}. ${say("new_link_hint")}`, say("new_link"), async () => showLink(await act("/invitation"))),
      sure(say("send_out_sure", { name: person.name }), say("sign_out_everywhere"), async () => (await act("/sign-out"), done())),
      person.second_factor ? sure(say("drop_second_factor_sure", { name: person.name }), say("drop_second_factor"), async () => (await act("/second-factor", "DELETE"), done())) : null,
      sure(say("dismiss_sure", { name: person.name }), say("dismiss"), async () => (await act("", "DELETE"), done()))),
  ], async (given) => (await ask(path("/appointment"), { method: "POST", body: Object.fromEntries(given) }), done()), { label: say("appoint"), labels });
}

for (const button of document.querySelectorAll("#enrol, [data-person]")) button.disabled = false; // now somebody listens
