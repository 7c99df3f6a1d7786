// The page of accounts: create an account, assign a role and unit, invite again, end sessions, remove the second
// factor, disable the account. Invitation links are shown once.

import { formDialog, labelled } from "../core/dialogs.js";
import { all, byId, element, enableButtons } from "../core/elements.js";
import { formatMoment } from "../core/format.js";
import { request } from "../core/http.js";
import { message, page } from "../core/page.js";
import { showSecret } from "../core/secret_dialog.js";
import { roleFields } from "../forms/role_form.js";

const PEOPLE = "/api/people";
const choices = { roles: page.roles, units: page.unit_names };

/** @type {Record<string, string>} */
const labels = {
  name: message("login_name"),
  title: message("person_title"),
  role: message("role"),
  unit: message("unit"),
  subject: message("subject"),
};

/**
 * @param {string} name
 * @param {ElementProperties} [properties]
 */
const textField = (name, properties = {}) =>
  labelled(labels[name], element("input", { name, maxlength: "200", ...properties }));

/** @param {{ name?: string, link: string, until: string }} invitation */
function showInvitation({ name, link, until }) {
  const hint = message("link_once", { moment: formatMoment(until) });
  showSecret(name ?? message("new_link"), new URL(link, location.origin).href, hint);
}

byId("enrol").addEventListener("click", () => {
  const loginName = { required: true, maxlength: "40", pattern: "[a-z0-9][a-z0-9._\\-]{1,39}" };
  const fields = [
    textField("name", { ...loginName, autocapitalize: "none", autocomplete: "off" }),
    textField("title"),
    ...roleFields(choices),
    textField("subject", { autocomplete: "off" }),
  ];
  const create = async (/** @type {FormData} */ values) => {
    const { data } = await request(PEOPLE, { method: "POST", body: Object.fromEntries(values) });
    showInvitation(data);
  };
  formDialog(message("enrol"), null, fields, create, { label: message("enrol"), labels });
});

for (const button of all("[data-person]")) {
  button.addEventListener("click", () => changeDialog(JSON.parse(button.dataset.person ?? "")));
}

/** @param {Person} person */
function changeDialog(person) {
  const { name } = person;
  const path = `${PEOPLE}/${person.id}`;
  const invite = async () => {
    const { data } = await request(`${path}/invitation`, { method: "POST", body: {} });
    showInvitation(data);
  };
  const endSessions = async () => {
    await request(`${path}/sign-out`, { method: "POST", body: {} });
    location.reload();
  };
  const removeSecondFactor = async () => {
    await request(`${path}/second-factor`, { method: "DELETE" });
    location.reload();
  };
  const disableAccount = async () => {
    await request(path, { method: "DELETE" });
    location.reload();
  };
  const setRole = async (/** @type {FormData} */ values) => {
    await request(`${path}/appointment`, { method: "POST", body: Object.fromEntries(values) });
    location.reload();
  };

  /** @type {(question: string, label: string, send: () => Promise<unknown>) => HTMLElement} */
  const confirmButton = (question, label, send) => {
    const ask = () => {
      dialog.close();
      formDialog(question, null, [], send, { label });
    };
    return element("button", { className: "button", type: "button", onclick: ask }, label);
  };
  const inviteQuestion = `${message("new_link")}: ${name}. ${message("new_link_hint")}`;
  const actions = element(
    "div",
    { className: "actions" },
    confirmButton(inviteQuestion, message("new_link"), invite),
    confirmButton(message("sign_out_person_confirm", { name }), message("sign_out_everywhere"), endSessions),
    person.second_factor
      ? confirmButton(
          message("drop_second_factor_confirm", { name }),
          message("drop_second_factor"),
          removeSecondFactor,
        )
      : null,
    confirmButton(message("dismiss_confirm", { name }), message("dismiss"), disableAccount),
  );
  const title = textField("title", { value: person.title ?? "" });
  const lead = `${message("appoint")}. ${message("effective_at_once")}`;
  const content = [title, ...roleFields(choices, person), actions];
  const options = { label: message("appoint"), labels };
  const dialog = formDialog(message("change_account", { name }), lead, content, setRole, options);
}

enableButtons("#enrol, [data-person]");
