// What every page knows: its words, its language, how days and distances are written, and how elements are made.
// Text from outside becomes text nodes only; nothing here writes HTML.

const read = (id) => JSON.parse(document.getElementById(id)?.textContent || "{}");

export const language = document.documentElement.lang === "en" ? "en" : "vi";
export const words = read("words");
export const page = read("page");
export const narrow = matchMedia("screen and (max-width: 760px)");

/** The wording of `key`, with the names in braces filled in. */
export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A title given in both languages, in the page's. */
export const said = (title) => (title ? title[language] || title.vi || "" : "");

/** One element: properties, then children; `null` children are left out, strings become text. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const zone = { timeZone: "Asia/Ho_Chi_Minh" };
const dayFormat = new Intl.DateTimeFormat("en-GB", { ...zone, day: "2-digit", month: "2-digit", year: "numeric" });
const hourFormat = new Intl.DateTimeFormat("en-GB", { ...zone, hour: "2-digit", minute: "2-digit", hour12: false });

/** dd/mm/yyyy; a date without an hour is that day everywhere. */
export function day(value) {
  const plain = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value);
  if (plain) return `${plain[3]}/${plain[2]}/${plain[1]}`;
  const when = new Date(value);
  return Number.isNaN(when.getTime()) ? String(value) : dayFormat.format(when);
}

/** dd/mm/yyyy HH:MM as seen in Việt Nam. */
export function moment(value) {
  const when = new Date(value);
  return Number.isNaN(when.getTime()) ? String(value) : `${dayFormat.format(when)} ${hourFormat.format(when)}`;
}

/** This day in Việt Nam, or the one that is looked back to, as yyyy-mm-dd. */
export const today = () => day(page.past || new Date().toISOString()).split("/").reverse().join("-");

/** Whole days from a date to today. */
export const daysSince = (date) => Math.round((Date.parse(today()) - Date.parse(date)) / 86_400_000);

/** A number as the page's language writes it: 1.066,5 in Vietnamese, 1,066.5 in English. */
export function number(value) {
  const [thousands, decimals] = language === "en" ? [",", "."] : [".", ","];
  const [whole, rest] = String(value).split(".");
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, thousands) + (rest ? decimals + rest : "");
}

/** A number with its unit; a percent sign follows without a space. */
export const quantity = (value, unit) => number(value) + (unit ? `${unit === "%" ? "" : " "}${unit}` : "");

/** Metres below one kilometre, else kilometres with one decimal. */
export function distance(metres) {
  const size = Math.abs(metres);
  if (size < 1000) return say("metres", { n: number(Math.round(metres)) });
  return say("kilometres", { n: number((metres / 1000).toFixed(size < 100_000 ? 1 : 0).replace(/\.0$/, "")) });
}

/** Calls `act` once things have been quiet for `wait` milliseconds. */
export function afterQuiet(wait, act) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
}

/** A line of news over the map; a wrong one stays until it is closed or replaced, one that can be undone a while longer. */
export function notice(key, text, { wrong = false, again = null, undo = null } = {}) {
  const board = document.getElementById("notices");
  if (!board) return;
  board.querySelector(`[data-key="${CSS.escape(key)}"]`)?.remove();
  if (!text) return;
  const line = h("div", { className: wrong ? "notice wrong" : "notice", data: { key } }, h("span", {}, text));
  const offer = (word, act) => line.append(h("button", { className: "button plain", type: "button", onclick: () => (line.remove(), act?.()) }, say(word)));
  if (again) offer("again", again);
  if (undo) offer("undo", undo);
  if (wrong) offer("close");
  board.append(line);
  if (!wrong) setTimeout(() => line.remove(), undo ? 12_000 : 6000);
}
