// Something that opens a door, shown once, to be copied and handed over.

import { h, say } from "./page.js";

export function once(title, secret, hint) {
  const lines = secret.split("\n").length; // several codes stand below one another
  const shown = h(lines > 1 ? "textarea" : "input", { readOnly: true, rows: String(lines), "aria-label": title, onfocus: (event) => event.target.select() });
  shown.value = secret;
  const copy = h("button", { className: "button primary", type: "button", onclick: async () => {
    shown.select();
    try {
      await navigator.clipboard.writeText(secret);
      copy.textContent = say("copied");
    } catch {
      // The clipboard may be closed to us; what is selected can still be copied by hand.
    }
  } }, say("copy_it"));
  const opened = h("dialog", { className: "once", "aria-label": title }, h("h2", {}, title), h("p", { className: "quiet" }, hint), shown,
    h("div", { className: "dialog-foot" }, h("button", { className: "button", type: "button", onclick: () => opened.close() }, say("close")), copy));
  opened.addEventListener("close", () => location.reload());
  document.body.append(opened);
  opened.showModal();
}
