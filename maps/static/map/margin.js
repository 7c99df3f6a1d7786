// The margin of the map: the list of layers and the legend, and the button that shows or hides both. On a phone they
// cover the map.

import { debounce } from "../core/debounce.js";
import { all, byId } from "../core/elements.js";
import { narrowScreen } from "../core/page.js";
import { drawLayerList, drawLegend } from "./legend.js";

/** Screens on which the open margin would cover most of the map. */
const SMALL_SCREEN = matchMedia("screen and (max-width: 1100px)");

export class Margin {
  /** @type {(() => unknown) | null} */
  #onToggle = null;

  /**
   * @param {LayerCard[]} cards
   * @param {import("./url_state.js").UrlState} view
   * @param {import("./overlays.js").Overlays} overlays
   * @param {(layer: string, visible: boolean) => unknown} toggleLayer
   * @param {() => unknown} onToggle Called when the margin is shown or hidden.
   */
  constructor(cards, view, overlays, toggleLayer, onToggle) {
    this.stage = /** @type {HTMLElement} */ (document.querySelector(".stage"));
    this.button = byId("layers-button");
    this.button.addEventListener("click", () => this.#setOpen(this.button.getAttribute("aria-expanded") !== "true"));
    if (narrowScreen.matches) this.button.setAttribute("aria-expanded", "false");
    else if (SMALL_SCREEN.matches) this.#setOpen(false);
    this.#onToggle = onToggle;

    /** Draw the list and the legend, once for several changes in a row. */
    this.draw = debounce(40, () => {
      drawLegend(byId("legend"), overlays);
      drawLayerList(byId("layer-list"), cards, view, overlays, toggleLayer);
    });
  }

  /** Whether the margin covers the map, as it does on a phone. */
  get coversMap() {
    return this.stage.classList.contains("floats-open");
  }

  /** Hide the margin on a phone; returns whether it was visible. */
  close() {
    if (!this.coversMap) return false;
    this.#setOpen(false);
    return true;
  }

  /** @param {boolean} open */
  #setOpen(open) {
    this.button.setAttribute("aria-expanded", String(open));
    if (narrowScreen.matches) this.stage.classList.toggle("floats-open", open);
    else for (const float of all(".float")) float.hidden = !open;
    this.#onToggle?.();
  }
}
