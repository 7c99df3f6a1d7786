// Debouncing: a function is called only after input has paused.

/**
 * A function that calls `action` with its last arguments, `wait` milliseconds after its last call.
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
