// The forms in the panel of the map page. A form with unsaved input stays in the panel until it is saved or cancelled.

import { showNotice } from "../core/notices.js";
import { message } from "../core/page.js";
import { featureForm } from "../forms/feature_form.js";

export class PanelForms {
  /** @type {ReturnType<typeof featureForm> | null} The form in the panel. */
  #current = null;

  /**
   * @param {L.Map} map
   * @param {import("./panel.js").Panel} panel
   */
  constructor(map, panel) {
    this.map = map;
    this.panel = panel;
  }

  /** Whether a form has unsaved input; if so, a notice says so and the form gets the focus. */
  blocksLeaving() {
    if (!this.#current?.hasChanges()) return false;
    showNotice("writing", message("form_open"));
    /** @type {HTMLElement | null} */ (this.#current.form.querySelector('[type="submit"]'))?.focus();
    return true;
  }

  /**
   * Open the form of a feature, or of a new one.
   * @param {string} layer
   * @param {import("../forms/feature_form.js").FormOptions} options
   */
  open(layer, options) {
    const opened = featureForm(layer, this.map, options);
    this.#current = opened;
    this.panel.show([opened.form], () => {
      this.#current = null;
      opened.remove();
    });
    this.panel.setHeight(options.positionOnly ? "half" : "high");
    this.map.invalidateSize();
  }
}
