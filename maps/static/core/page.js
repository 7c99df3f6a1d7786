// What every page contains: its language, its messages and its data; and whether the screen is narrow.

/** @param {string} id The id of a `<script type="application/json">` element. */
const readJson = (id) => JSON.parse(document.getElementById(id)?.textContent || "{}");

export const language = document.documentElement.lang === "en" ? "en" : "vi";

/** @type {PageData} */
export const page = readJson("page");

/** The media query for screens with the layout of a phone; `narrow.css` and `navigation.css` have the same limit. */
export const narrowScreen = matchMedia("screen and (max-width: 900px)");

/** @type {Record<string, string>} */
const messages = readJson("messages");

/**
 * A message in the page's language; `values` replace the names in braces. For an unknown key, the key.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function message(key, values = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (placeholder, name) => String(values[name] ?? placeholder));
}

/**
 * The messages whose keys begin with a prefix, as the rest of the key and the text.
 * @param {string} prefix
 * @returns {[string, string][]}
 */
export const messagesWithPrefix = (prefix) =>
  Object.entries(messages).flatMap(([key, text]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), text]] : []));

/**
 * A title in the page's language, or in Vietnamese where it has no English.
 * @param {Title | null | undefined} title
 */
export const localized = (title) => (title ? title[language] || title.vi || "" : "");
