// Two selects for the zone of VN-2000 coordinates that are entered without one: its central meridian and its width.

import { element } from "../core/elements.js";
import { message } from "../core/page.js";

// Central meridians of the border provinces (Circular 973/2001/TT-TCĐC and later provincial ones).
const MERIDIANS = [
  ...["102°00'", "103°00'", "104°00'", "104°30'", "104°45'", "105°00'", "105°30'", "105°45'", "106°00'"],
  ...["106°15'", "106°30'", "107°00'", "107°15'", "107°30'", "107°45'", "108°00'", "108°15'", "108°30'"],
];
const COORDINATES = /(^|\s)[xy]\s*=|^\s*\d{6,7}([.,]\d+)?[\s;,]+\d{6,7}([.,]\d+)?\s*$/i;

export class Vn2000Zone {
  /** @param {() => void} onChange Called when another zone is chosen. */
  constructor(onChange) {
    const options = MERIDIANS.map((meridian) => element("option", { value: meridian }, meridian));
    const none = element("option", { value: "" }, message("choose"));
    this.meridian = element("select", { "aria-label": message("meridian") }, none, ...options);
    this.width = element(
      "select",
      { "aria-label": message("zone_width") },
      element("option", { value: "3" }, message("zone_3")),
      element("option", { value: "6" }, message("zone_6")),
    );
    this.root = element(
      "div",
      { className: "zone", hidden: true },
      element("label", {}, message("meridian"), this.meridian),
      element("label", {}, message("zone_width"), this.width),
    );
    for (const select of [this.meridian, this.width]) select.addEventListener("change", onChange);
  }

  hide() {
    this.root.hidden = true;
  }

  /**
   * Show the selects if the text looks like VN-2000 coordinates, else hide them.
   * @param {string} text
   */
  showFor(text) {
    this.root.hidden = !COORDINATES.test(text);
  }

  /** @param {string} meridian */
  choose(meridian) {
    this.meridian.value = meridian;
    this.root.hidden = false;
  }

  /**
   * VN-2000 coordinates with the chosen zone, in the notation of `/api/locate`; any other text unchanged.
   * @param {string} text
   */
  applyTo(text) {
    if (this.root.hidden || !this.meridian.value || text.includes("°")) return text;
    const withNames = /[xy]\s*=/i.test(text) ? text : text.replace(/^\s*(\S+?)[\s;,]+(\S+)\s*$/, "X=$1 Y=$2");
    const width = this.width.value === "6" ? "múi 6 " : "";
    return `VN-2000 ${this.meridian.value} ${width}${withNames.replace(/^VN-?2000\s*/i, "")}`;
  }
}
