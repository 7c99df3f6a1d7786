// The page of API tokens: issue a token, which is shown once; revoke tokens; show the usage of each.

import { closeButton, formDialog, labelled, showModal } from "../core/dialogs.js";
import { all, byId, element, enableButtons } from "../core/elements.js";
import { formatDay, formatMoment, formatNumber } from "../core/format.js";
import { fillList, request } from "../core/http.js";
import { message, page } from "../core/page.js";
import { showSecret } from "../core/secret_dialog.js";
import { splitList } from "../forms/register_input.js";
import { roleFields } from "../forms/role_form.js";

const labels = {
  name: message("token_name"),
  role: message("role"),
  unit: message("unit"),
  recipient: message("recipient"),
  days: message("days"),
  scopes: message("scopes"),
  networks: message("networks"),
  per_minute: message("per_minute"),
};

byId("issue").addEventListener("click", () => {
  const whole = { type: "number", min: "1", required: true };
  const recipient = { name: "recipient", maxlength: "200", placeholder: message("recipient_hint") };
  const days = { name: "days", ...whole, max: String(page.days), value: "90" };
  const perMinute = { ...whole, max: String(page.most_per_minute), value: String(page.per_minute) };
  const networks = { name: "networks", maxlength: "400", placeholder: message("networks_hint") };
  const fields = [
    labelled(labels.name, element("input", { name: "name", required: true, maxlength: "100" })),
    ...roleFields({ roles: page.roles, units: page.unit_names }, { role: "public" }),
    labelled(labels.recipient, element("input", recipient)),
    labelled(labels.scopes, element("select", { name: "scopes" }, ...scopeOptions())),
    labelled(labels.days, element("input", days)),
    labelled(labels.per_minute, element("input", { name: "per_minute", ...perMinute })),
    labelled(labels.networks, element("input", networks)),
  ];
  formDialog(message("issue_token"), null, fields, issue, { label: message("issue_token"), labels });
});

/** Scopes to read, to read and write, or to read one release each. */
function scopeOptions() {
  /** @type {Record<string, string>} */
  const releases = page.releases;
  const both = `${message("scope_read")}, ${message("scope_write")}`;
  return [
    element("option", { value: "read" }, message("scope_read")),
    element("option", { value: "read write" }, both),
    ...Object.entries(releases).map(([value, name]) =>
      element("option", { value }, message("scope_release", { name })),
    ),
  ];
}

/** @param {FormData} values */
async function issue(values) {
  const body = {
    ...Object.fromEntries(values),
    days: Number(values.get("days")),
    per_minute: Number(values.get("per_minute")),
    scopes: String(values.get("scopes")).split(" "),
    networks: splitList(String(values.get("networks"))),
  };
  const { data } = await request("/api/tokens", { method: "POST", body });
  showSecret(data.name, data.token, message("token_once"));
}

for (const button of all("[data-token]")) {
  const { token, name = "" } = button.dataset;
  const revoke = async () => {
    await request(`/api/tokens/${token}`, { method: "DELETE" });
    location.reload();
  };
  button.addEventListener("click", () => {
    formDialog(message("revoke_confirm", { name }), null, [], revoke, { label: message("revoke") });
  });
}

for (const button of all("[data-uses]")) {
  const { uses, name = "" } = button.dataset;
  button.addEventListener("click", () => usesDialog(`/api/tokens/${uses}/uses`, message("uses_of", { name })));
}

/**
 * @param {string} path
 * @param {string} title
 */
function usesDialog(path, title) {
  const list = element("ul", { className: "uses" });
  const dialog = element(
    "dialog",
    { "aria-label": title },
    element("h2", {}, title),
    element("p", { className: "quiet" }, message("uses_hint")),
    list,
    element("div", { className: "dialog-foot" }, closeButton(message("close"))),
  );
  dialog.addEventListener("close", () => dialog.remove());
  showModal(dialog);
  fillList(list, path, (data) => data.uses.map(useItem), "never_used");
}

/**
 * The use of a token on a day from an IP address.
 * @typedef {object} Use
 * @property {string} day
 * @property {string} address
 * @property {number} calls
 * @property {number} refused
 * @property {string} first_at
 * @property {string} last_at
 */

/** @param {Use} use */
function useItem({ day, address: ipAddress, calls, refused, first_at: first, last_at: last }) {
  const refusals = ` · ${message("calls_refused", { n: formatNumber(refused) })}`;
  return element(
    "li",
    {},
    element("b", {}, formatDay(day)),
    ` · ${ipAddress} · ${message("calls", { n: formatNumber(calls) })}`,
    refused ? element("b", { className: "late" }, refusals) : null,
    element("span", { className: "quiet" }, ` · ${formatMoment(first)} – ${formatMoment(last)}`),
  );
}

enableButtons("#issue, [data-token], [data-uses]");
