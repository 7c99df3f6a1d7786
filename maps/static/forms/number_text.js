// Numbers as people write them: 1.250,5 on a Vietnamese page, 1,250.5 on an English one. What could be read in two ways
// is refused, because a wrong reading is off by a factor of a thousand.

import { formatNumber, formatQuantity } from "../core/format.js";
import { language, message } from "../core/page.js";

const [THOUSANDS, DECIMAL] = language === "en" ? [",", "\\."] : ["\\.", ","];
const WHOLE = /^\d+$/;
const GROUPED = new RegExp(`^[1-9]\\d{0,2}(?:${THOUSANDS}\\d{3})+(?:${DECIMAL}\\d+)?$`);
const WITH_DECIMALS = new RegExp(`^\\d+${DECIMAL}\\d+$`);
const AMBIGUOUS = new RegExp(`^[1-9]\\d{0,2}${DECIMAL}\\d{3}$`);

/** @type {Record<string, string>} A unit, and the one that is a thousand times as large. */
const THOUSANDS_OF = { "triệu đồng": "tỷ đồng" };

/** @typedef {Partial<Pick<Field, "minimum" | "maximum" | "decimals">>} Limits */

/**
 * The number in a text, or what is wrong with it.
 * @param {string} text
 * @param {Limits} [limits]
 * @returns {{ value: number } | { fault: string }}
 */
export function readNumber(text, limits = {}) {
  const compact = text
    .trim()
    .replace(/^[−–]/, "-")
    .replace(/(?<=\d)[ \u00a0\u202f](?=\d{3}(?!\d))/g, "");
  const sign = compact.startsWith("-") ? -1 : 1;
  const digits = compact.replace(/^[-+]/, "");
  if (AMBIGUOUS.test(digits)) return { fault: ambiguityOf(text.trim(), digits) };
  if (![WHOLE, GROUPED, WITH_DECIMALS].some((form) => form.test(digits))) return { fault: message("number_wrong") };
  const plain = digits.replace(new RegExp(THOUSANDS, "g"), "").replace(new RegExp(DECIMAL), ".");
  const fault = limitFault(sign * Number(plain), plain, limits);
  return fault ? { fault } : { value: sign * Number(plain) };
}

/**
 * Both readings of a text such as 1,250, each in a form that has one reading.
 * @param {string} text
 * @param {string} digits
 */
function ambiguityOf(text, digits) {
  const [whole, decimals] = digits.split(/[.,]/);
  const fraction = decimals.endsWith("0") ? decimals.replace(/0+$/, "") : `${decimals}0`;
  const decimalReading = formatNumber(fraction ? `${whole}.${fraction}` : whole);
  return message("number_ambiguous", { text, thousands: formatNumber(whole + decimals), decimal: decimalReading });
}

/**
 * @param {number} value
 * @param {string} plain The digits with a decimal point.
 * @param {Limits} limits
 */
function limitFault(value, plain, { minimum = null, maximum = null, decimals = null }) {
  const places = (plain.split(".")[1] ?? "").replace(/0+$/, "").length;
  if (decimals === 0 && places) return message("number_whole");
  if (decimals !== null && places > decimals) return message("number_too_fine", { n: decimals });
  if (minimum !== null && maximum !== null && (value < minimum || value > maximum)) {
    return message("number_between", { from: formatNumber(minimum), to: formatNumber(maximum) });
  }
  if (minimum !== null && value < minimum) return message("number_at_least", { from: formatNumber(minimum) });
  if (maximum !== null && value > maximum) return message("number_at_most", { to: formatNumber(maximum) });
  return "";
}

/**
 * A number with its unit and, from a thousand, in the larger unit too: 1.250 triệu đồng = 1,25 tỷ đồng.
 * @param {number} value
 * @param {string | null} unit
 */
export function numberInWords(value, unit) {
  const larger = THOUSANDS_OF[unit ?? ""];
  const text = formatQuantity(value, unit);
  return larger && Math.abs(value) >= 1000 ? `${text} = ${formatNumber(value / 1000)} ${larger}` : text;
}
