// The browser's Back button on the map page: it closes what is open (a popup, record, form or the list of layers) and
// returns to the tab before, instead of leaving the page.

import { debounce } from "../core/debounce.js";

/**
 * @typedef {object} BackActions
 * @property {() => boolean} isOpen Whether something is open that Back would close.
 * @property {() => boolean} close Close it; false if that is not possible, because a form has unsaved input.
 * @property {(tab: string) => unknown} openTab
 */

export class BackButton {
  /**
   * @param {import("./url_state.js").UrlState} view
   * @param {BackActions} actions
   */
  constructor(view, actions) {
    this.view = view;
    this.actions = actions;

    /**
     * After something has been opened or closed: add an entry to the history for what is open, or go back over it. It
     * waits for the end of a series of changes, such as a popup that closes because its record opens.
     */
    this.update = debounce(20, () => {
      const hasEntry = Boolean(history.state?.open);
      if (actions.isOpen() === hasEntry) return;
      if (hasEntry) history.back();
      else view.pushOpen();
    });
    addEventListener("popstate", () => this.#onBack());
  }

  #onBack() {
    const { view, actions } = this;
    if (!history.state?.open && actions.isOpen() && !actions.close()) {
      view.pushOpen();
      return;
    }
    const tab = new URLSearchParams(location.search).get("tab");
    if (tab && tab !== view.tab) actions.openTab(tab);
    else view.write();
  }
}
