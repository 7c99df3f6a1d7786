// The connection to the server: one banner while it is lost, with the time of what is shown, and attempts to restore it.

import { formatMoment, now } from "../core/format.js";
import { showNotice } from "../core/notices.js";
import { message } from "../core/page.js";

const RETRY_MS = 10_000;

export class Connection {
  /** @type {number | undefined} */
  #timer;

  /** The time of the last response. */
  #since = now();

  /** @param {() => Promise<unknown>} retry Requests again what failed; it confirms or reports the connection. */
  constructor(retry) {
    this.retry = retry;
    addEventListener("online", () => this.#timer !== undefined && retry());
  }

  /** A request was answered. */
  confirm() {
    this.#since = now();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    showNotice("connection", "");
  }

  /** A request got no response: show the banner and try again after a while. */
  report() {
    const text = message("offline_since", { moment: formatMoment(this.#since) });
    showNotice("connection", text, { error: true, retry: this.retry });
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(this.retry, RETRY_MS);
  }
}
