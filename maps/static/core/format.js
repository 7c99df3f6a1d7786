// Dates, numbers and lengths as text.

import { language, message, page } from "./page.js";

const VIETNAM_TIME = { timeZone: "Asia/Ho_Chi_Minh" };
const dayFormat = new Intl.DateTimeFormat("en-GB", {
  ...VIETNAM_TIME,
  day: "2-digit",
  month: "2-digit",
  year: "numeric",
});
const timeFormat = new Intl.DateTimeFormat("en-GB", {
  ...VIETNAM_TIME,
  hour: "2-digit",
  minute: "2-digit",
  hour12: false,
});
const DAY = 86_400_000; // milliseconds

/**
 * A date, or a date-time in Vietnam time, as dd/mm/yyyy.
 * @param {string} value
 */
export function formatDay(value) {
  const date = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value);
  if (date) return `${date[3]}/${date[2]}/${date[1]}`;
  const moment = new Date(value);
  return Number.isNaN(moment.getTime()) ? String(value) : dayFormat.format(moment);
}

/**
 * A date-time as dd/mm/yyyy HH:MM in Vietnam time.
 * @param {string} value
 */
export function formatMoment(value) {
  const moment = new Date(value);
  return Number.isNaN(moment.getTime()) ? String(value) : `${dayFormat.format(moment)} ${timeFormat.format(moment)}`;
}

/** The present moment, ISO 8601. */
export const now = () => new Date().toISOString();

/** Today in Vietnam, yyyy-mm-dd; on a page as of a past time, the day of that time. */
export const today = () => isoDay(formatDay(page.past || now()));

/**
 * Convert dd/mm/yyyy to yyyy-mm-dd.
 * @param {string} day
 */
const isoDay = (day) => day.split("/").reverse().join("-");

/**
 * Whole days from a date to `today()`.
 * @param {string} date
 */
export const daysSince = (date) => Math.round((Date.parse(today()) - Date.parse(date)) / DAY);

/**
 * A number as the page's language writes it: 1.066,5 in Vietnamese, 1,066.5 in English.
 * @param {number | string} value
 */
export function formatNumber(value) {
  const [thousands, decimal] = language === "en" ? [",", "."] : [".", ","];
  const [whole, fraction] = String(value).split(".");
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, thousands) + (fraction ? decimal + fraction : "");
}

/**
 * A number of a field: without a unit, a whole number of four digits may be a year, and is written without a separator.
 * @param {number | string} value
 * @param {string | null} [unit]
 */
export const formatFieldNumber = (value, unit) =>
  !unit && /^\d{4}$/.test(String(value)) ? String(value) : formatNumber(value);

/**
 * A number with its unit; a percent sign follows without a space.
 * @param {number | string} value
 * @param {string | null} [unit]
 */
export const formatQuantity = (value, unit) =>
  formatFieldNumber(value, unit) + (unit ? `${unit === "%" ? "" : " "}${unit}` : "");

/**
 * A length in metres below one kilometre, else in kilometres, below 100 km with one decimal.
 * @param {number} metres
 */
export function formatDistance(metres) {
  const size = Math.abs(metres);
  if (size < 1000) return message("metres", { n: formatNumber(Math.round(metres)) });
  const kilometres = (metres / 1000).toFixed(size < 100_000 ? 1 : 0).replace(/\.0$/, "");
  return message("kilometres", { n: formatNumber(kilometres) });
}

/**
 * The non-empty parts, joined by middle dots.
 * @param {...(string | null | undefined | false)} parts
 */
export const joined = (...parts) => parts.filter(Boolean).join(" · ");
