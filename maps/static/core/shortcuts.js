// The keyboard: `/` the address box, `n` a new incident, `j` and `k` along the list, Esc closes what is open.

export function listenForKeys({ find = () => {}, step = () => {}, close = () => {} }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") {
      if (!document.querySelector("dialog[open]")) {
        document.activeElement?.blur();
        close();
      }
      return;
    }
    if (event.target.closest?.("input, textarea, select, dialog, [contenteditable]")) return;
    const act = { "/": find, n: () => document.querySelector('[data-key="n"]')?.click(), j: () => step(1), k: () => step(-1) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
