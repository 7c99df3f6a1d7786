// The dialog that shows a new secret (a link, a token or recovery codes) once, to be copied.

import { closeButton, showModal } from "./dialogs.js";
import { element } from "./elements.js";
import { message } from "./page.js";

/**
 * Show a secret; closing the dialog reloads the page.
 * @param {string} title
 * @param {string} secret One line for a link or token, one line per recovery code.
 * @param {string} hint
 */
export function showSecret(title, secret, hint) {
  const lines = secret.split("\n").length;
  const output = element(lines > 1 ? "textarea" : "input", {
    readOnly: true,
    rows: String(lines),
    "aria-label": title,
    onfocus: ({ currentTarget }) => currentTarget.select(),
  });
  output.value = secret;
  const copy = async () => {
    output.select();
    try {
      await navigator.clipboard.writeText(secret);
      copyButton.textContent = message("copied");
    } catch {
      // Without access to the clipboard the selected text can still be copied by hand.
    }
  };
  const copyButton = element(
    "button",
    { className: "button primary", type: "button", onclick: copy },
    message("copy_secret"),
  );
  const dialog = element(
    "dialog",
    { className: "once", "aria-label": title },
    element("h2", {}, title),
    element("p", { className: "quiet" }, hint),
    output,
    element("div", { className: "dialog-foot" }, closeButton(message("close")), copyButton),
  );
  dialog.addEventListener("close", () => location.reload());
  showModal(dialog);
}
