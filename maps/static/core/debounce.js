// Calls that wait until input has paused.

/**
 * A function that calls `action` once it has not been called for `wait` milliseconds, with the last arguments.
 * @template {unknown[]} Arguments
 * @param {number} wait
 * @param {(...values: Arguments) => unknown} action
 * @returns {(...values: Arguments) => void}
 */
export function debounce(wait, action) {
  /** @type {number | undefined} */
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), wait);
  };
}
