// Tokens of machines: issued and shown once, taken back at once.

import { ask, fill } from "../core/http.js";
import { dialog, line } from "../core/dialogs.js";
import { day, h, moment, number, page, say } from "../core/page.js";
import { once } from "../core/secret_dialog.js";
import { postFields } from "../forms/role_form.js";

const labels = { name: say("token_name"), role: say("post"), unit: say("unit"), recipient: say("recipient"), days: say("days"), scopes: say("scopes"), networks: say("networks"), per_minute: say("per_minute") };

document.getElementById("issue").addEventListener("click", () => {
  const writes = h("select", { name: "scopes" }, h("option", { value: "read" }, say("scope_read")), h("option", { value: "read write" }, `${say("scope_read")}, ${say("scope_write")}`),
    ...Object.entries(page.releases).map(([scope, name]) => h("option", { value: scope }, say("scope_release", { name }))));
  dialog(say("issue_token"), null, [
    line(labels.name, h("input", { name: "name", required: true, maxlength: "100" })),
    ...postFields(page, { role: "public" }),
    line(labels.recipient, h("input", { name: "recipient", maxlength: "200", placeholder: say("recipient_hint") })),
    line(labels.scopes, writes),
    line(labels.days, h("input", { name: "days", type: "number", min: "1", max: String(page.days), value: "90", required: true })),
    line(labels.per_minute, h("input", { name: "per_minute", type: "number", min: "1", max: String(page.most_per_minute), value: String(page.per_minute), required: true })),
    line(labels.networks, h("input", { name: "networks", maxlength: "400", placeholder: say("networks_hint") })),
  ], async (given) => {
    const { data } = await ask("/api/tokens", { method: "POST", body: {
      ...Object.fromEntries(given),
      days: Number(given.get("days")),
      per_minute: Number(given.get("per_minute")),
      scopes: given.get("scopes").split(" "),
      networks: given.get("networks").split(",").map((one) => one.trim()).filter(Boolean),
    } });
    once(data.name, data.token, say("token_once"));
  }, { label: say("issue_token"), labels });
});

for (const button of document.querySelectorAll("[data-token]")) {
  button.addEventListener("click", () => dialog(say("revoke_sure", { name: button.dataset.name }), null, [], async () => {
    await ask(`/api/tokens/${button.dataset.token}`, { method: "DELETE" });
    location.reload();
  }, { label: say("revoke") }));
}

for (const button of document.querySelectorAll("[data-uses]")) {
  button.addEventListener("click", async () => {
    const { uses, name } = button.dataset;
    const list = h("ul", { className: "uses" });
    const shown = h("dialog", { "aria-label": say("uses_of", { name }) }, h("h2", {}, say("uses_of", { name })), h("p", { className: "quiet" }, say("uses_kept")), list,
      h("div", { className: "dialog-foot" }, h("button", { className: "button", type: "button", onclick: () => shown.close() }, say("close"))));
    shown.addEventListener("close", () => shown.remove());
    document.body.append(shown);
    shown.showModal();
    await fill(list, `/api/tokens/${uses}/uses`, (data) => data.uses.map((one) => h("li", {}, h("b", {}, day(one.day)), ` · ${one.address} · ${say("calls", { n: number(one.calls) })}`,
      one.refused ? h("b", { className: "late" }, ` · ${say("turned_away", { n: number(one.refused) })}`) : null, h("span", { className: "quiet" }, ` · ${moment(one.first_at)} – ${moment(one.last_at)}`))), "never_used");
  });
}

for (const button of document.querySelectorAll("#issue, [data-token], [data-uses]")) button.disabled = false; // now somebody listens
