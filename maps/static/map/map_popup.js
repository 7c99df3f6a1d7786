// The popup of the map: a feature, or the list of the features at a spot. On a phone the list is in the panel.

import { element } from "../core/elements.js";
import { message, narrowScreen } from "../core/page.js";
import { spotList } from "./spot_list.js";
import { spotName } from "./spot_names.js";
import { hasCounts } from "./spots.js";

/** @typedef {import("./spots.js").Spot} Spot */
/** @typedef {import("./map_marks.js").MapFeature} MapFeature */

const WIDTH = 342; // pixels
const ABOVE_MARK = -8; // pixels from the position to the tip of the popup
const ABOVE_FAN = -30;
const COUNTS_CLOSER = 2; // zoom levels by which a click on a count zooms in

/**
 * @typedef {object} PopupActions
 * @property {(feature: MapFeature, byKeyboard: boolean, spot: Spot) => unknown} pick A feature in the list of a spot.
 * @property {(spot: Spot) => boolean} fanOut Fan out the features of a spot, if they are few.
 * @property {() => unknown} onOpen
 * @property {() => unknown} onClose
 */

export class MapPopup {
  /**
   * @param {L.Map} map
   * @param {import("./panel.js").Panel} panel
   * @param {PopupActions} actions
   */
  constructor(map, panel, actions) {
    this.map = map;
    this.panel = panel;
    this.actions = actions;
    this.popup = L.popup({
      maxWidth: WIDTH,
      minWidth: WIDTH,
      autoPanPaddingTopLeft: [64, 24], // right of the zoom buttons
      autoPanPaddingBottomRight: [24, 24],
      className: "card-popup",
    });
    map.on("popupopen", actions.onOpen);
    map.on("popupclose", actions.onClose);
  }

  get isOpen() {
    return this.map.hasLayer(this.popup);
  }

  close() {
    this.map.closePopup(this.popup);
  }

  /**
   * Show a feature. If it was selected by keyboard, the focus moves into the popup, and back when that closes.
   * @param {HTMLElement} content
   * @param {L.LatLng} at
   * @param {{ byKeyboard: boolean, spot: Spot | null }} options The spot to whose list a button leads back.
   */
  showFeature(content, at, { byKeyboard, spot }) {
    if (spot) {
      const onclick = (/** @type {MouseEvent} */ event) => {
        event.stopPropagation(); // the map would take a click on what is no longer in the popup as one beside it
        this.showSpot(spot, event.detail === 0);
      };
      const leave = { className: "button plain spot-back", type: "button", onclick };
      content.prepend(element("button", leave, `← ${spotName(spot)}`));
    }
    this.#show(content, at, { byKeyboard, above: ABOVE_MARK });
  }

  /**
   * Show the list of the features at a spot, and fan them out if they are few. Where tiles hold only counts, zoom in
   * instead.
   * @param {Spot} spot
   * @param {boolean} byKeyboard
   */
  showSpot(spot, byKeyboard) {
    const { at } = spot.features[0];
    if (hasCounts(spot)) {
      this.map.setView(at, this.map.getZoom() + COUNTS_CLOSER);
      return;
    }
    const list = spotList(spot, {
      pick: (feature, isKey) => this.actions.pick(feature, isKey, spot),
      zoomIn: this.#zoomInto(spot),
    });
    if (narrowScreen.matches) {
      const leave = { className: "button plain", type: "button", onclick: () => this.panel.showList() };
      const head = element("div", { className: "record-head" }, element("button", leave, `← ${message("back")}`));
      this.panel.show([head, list]);
      return;
    }
    const isFanned = this.actions.fanOut(spot);
    this.#show(list, at, { byKeyboard, above: isFanned ? ABOVE_FAN : ABOVE_MARK });
  }

  /**
   * The action that zooms in to the features of a spot; null if they are at the same position.
   * @param {Spot} spot
   */
  #zoomInto({ features }) {
    const bounds = L.latLngBounds(features.map(({ at }) => at));
    const isPoint = bounds.getSouthWest().equals(bounds.getNorthEast());
    if (isPoint || this.map.getZoom() >= this.map.getMaxZoom()) return null;
    return () => {
      this.close();
      if (!this.panel.showsList) this.panel.showList();
      this.map.fitBounds(bounds.pad(0.3));
    };
  }

  /**
   * @param {HTMLElement} content
   * @param {L.LatLng} at
   * @param {{ byKeyboard: boolean, above: number }} options
   */
  #show(content, at, { byKeyboard, above }) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const wasOpen = this.isOpen;
    this.popup.options.maxHeight = this.map.getSize().y - 90;
    this.popup.options.offset = [0, above];
    this.popup.setLatLng(at).setContent(content).openOn(this.map);
    if (!byKeyboard) return;
    this.popup.getElement()?.querySelector("button")?.focus({ preventScroll: true });
    if (wasOpen) return;
    this.map.once("popupclose", () => focused?.isConnected && focused.focus({ preventScroll: true }));
  }

  /** Fit the popup to its content, and keep the focus inside it. */
  update() {
    if (!this.popup.isOpen()) return;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const within = this.popup.getElement()?.contains(focused);
    this.popup.update();
    if (within) focused?.focus({ preventScroll: true });
  }
}
