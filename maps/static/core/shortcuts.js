// Keyboard shortcuts: `/` focuses the search, `n` logs an incident, `j` and `k` step through a list, Esc closes.

const NOTHING = () => {};

/**
 * Listen for the shortcuts while no text is being entered. `step` receives 1 or -1.
 * @param {{ search?: () => unknown, step?: (by: number) => unknown, close?: () => unknown }} actions
 */
export function enableShortcuts({ search = NOTHING, step = NOTHING, close = NOTHING }) {
  /** @type {Record<string, () => unknown>} */
  const actions = {
    "/": search,
    n: () => /** @type {HTMLElement | null} */ (document.querySelector('[data-key="n"]'))?.click(),
    j: () => step(1),
    k: () => step(-1),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") {
      if (!document.querySelector("dialog[open]")) {
        /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
        close();
      }
      return;
    }
    const target = /** @type {Partial<Element>} */ (event.target);
    if (target.closest?.("input, textarea, select, dialog, [contenteditable]")) return;
    if (!Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });
}
