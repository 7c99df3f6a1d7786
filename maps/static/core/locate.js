// Requests to `/api/locate`, and the texts that describe the locations in its response.

import { formatDistance } from "./format.js";
import { request, withQuery } from "./http.js";
import { message } from "./page.js";

const MAX_OTHER_ZONES = 3; // so many are offered

/**
 * Locate a text (`q`, with a `border`) or a point (`lon`, `lat`).
 * @param {Record<string, string | null | undefined>} values
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<LocateResponse>}
 */
export async function locate(values, options) {
  const { data } = await request(withQuery("/api/locate", values), options);
  return data;
}

/**
 * "≈ " before the address of a position that is only assumed.
 * @param {Properties} p
 */
export const approximateSign = (p) => (p.position_source === "assumed" || p.address_accuracy_m ? "≈ " : "");

/**
 * A location as short phrases: border, length, distance to the boundary line, nearest marker, accuracy.
 * @param {Properties} p
 * @returns {string[]}
 */
export function locationPhrases(p) {
  const phrases = [];
  if (p.border) phrases.push(message(p.border));
  if (p.length_m) phrases.push(message("length", { d: approximateSign(p) + formatDistance(p.length_m) }));
  if (p.on_line) phrases.push(message("on_line"));
  else if (p.distance_to_line_m > 0) {
    phrases.push(message("distance_to_line", { d: formatDistance(p.distance_to_line_m) }));
  }
  if (p.nearest_marker && p.nearest_marker !== p.address) {
    phrases.push(message("nearest_marker", { marker: p.nearest_marker }));
  }
  if (p.accuracy_m) phrases.push(message("accuracy", { d: formatDistance(p.accuracy_m) }));
  if (p.address_accuracy_m) phrases.push(message("address_accuracy", { d: formatDistance(p.address_accuracy_m) }));
  if (p.position_source === "assumed") phrases.push(message("position_assumed"));
  return phrases;
}

/**
 * The coordinates of a location in WGS 84, UTM and VN-2000, each as name and text.
 * @param {Properties} p
 * @returns {[string, string][]}
 */
export function coordinateTexts(p) {
  const { wgs84, utm, vn2000 } = p;
  /** @type {[string, string][]} */
  const texts = [];
  if (wgs84) texts.push(["WGS 84", `${wgs84.lat.toFixed(6)}, ${wgs84.lon.toFixed(6)} · ${wgs84.dms}`]);
  if (utm) texts.push(["UTM", `${utm.zone} · E ${utm.east.toFixed(1)} · N ${utm.north.toFixed(1)}`]);
  if (vn2000) {
    const zone = message("meridian_short", { m: meridianText(vn2000.central_meridian), w: vn2000.width });
    const northing = `${message("northing")} ${vn2000.x.toFixed(3)}`;
    texts.push(["VN-2000", `${zone} · ${northing} · ${message("easting")} ${vn2000.y.toFixed(3)}`]);
  }
  return texts;
}

/**
 * The nearest other central meridians under which the same VN-2000 coordinates would lie near the border.
 * @param {LocateResponse} response
 * @returns {{ meridian: string, text: string }[]}
 */
export function otherZones(response) {
  /** @type {OtherZone[]} */
  const zones = response.other_zones ?? response.features?.[0]?.properties?.other_zones ?? [];
  return zones.slice(0, MAX_OTHER_ZONES).map((zone) => {
    const meridian = meridianText(zone.meridian);
    return { meridian, text: `${meridian} → ${zone.address ?? coordinateText(zone)}` };
  });
}

/**
 * Latitude and longitude in degrees, to about a metre.
 * @param {{ lat: number, lon: number }} point
 */
export const coordinateText = ({ lat, lon }) => `${lat.toFixed(5)}, ${lon.toFixed(5)}`;

/**
 * A meridian in degrees and minutes: 105.75 is 105°45'.
 * @param {number | string} value
 */
function meridianText(value) {
  if (typeof value !== "number") return String(value).replace("′", "'");
  const minutes = Math.round((value % 1) * 60);
  return `${Math.floor(value)}°${String(minutes).padStart(2, "0")}'`;
}
