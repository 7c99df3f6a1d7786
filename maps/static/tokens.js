// Tokens of machines: issued and shown once, taken back at once.

import { ask } from "./doors.js";
import { dialog, line } from "./dialogs.js";
import { h, page, say } from "./page.js";
import { once } from "./once.js";
import { postFields } from "./posts.js";

const labels = { name: say("token_name"), role: say("post"), unit: say("unit"), recipient: say("recipient"), days: say("days"), scopes: say("scopes"), networks: say("networks") };

document.getElementById("issue").addEventListener("click", () => {
  const writes = h("select", { name: "scopes" }, h("option", { value: "read" }, say("scope_read")), h("option", { value: "read write" }, `${say("scope_read")}, ${say("scope_write")}`));
  dialog(say("issue_token"), null, [
    line(labels.name, h("input", { name: "name", required: true, maxlength: "100" })),
    ...postFields(page, { role: "public" }),
    line(labels.recipient, h("input", { name: "recipient", maxlength: "200", placeholder: say("recipient_hint") })),
    line(labels.scopes, writes),
    line(labels.days, h("input", { name: "days", type: "number", min: "1", max: String(page.days), value: "90", required: true })),
    line(labels.networks, h("input", { name: "networks", maxlength: "400", placeholder: say("networks_hint") })),
  ], async (given) => {
    const { data } = await ask("/api/tokens", { method: "POST", body: {
      ...Object.fromEntries(given),
      days: Number(given.get("days")),
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

for (const button of document.querySelectorAll("#issue, [data-token]")) button.disabled = false; // now somebody listens
