// What eslint checks in the browser's scripts; `tests/maps/test_browser_scripts.py` runs it.

import js from "@eslint/js";
import globals from "globals";

// Names that say nothing or mean several things, as in HOUSE words of the Python code: name the thing itself.
const NOT_AS_NAMES = [
  ...[
    "one",
    "found",
    "given",
    "told",
    "asked",
    "made",
    "shown",
    "wanted",
    "said",
    "kept",
    "held",
    "own",
    "door",
    "doors",
  ],
  ...["guest", "guests", "stranger", "house", "premises", "eyes", "whoever", "heed", "peeping", "natural", "paper"],
];

const HTML_FROM_TEXT = [
  "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment)$/]",
  "CallExpression[callee.object.name='document'][callee.property.name=/^write(ln)?$/]",
  "NewExpression[callee.name='DOMParser']",
].map((selector) => ({ selector, message: "Text from outside becomes text nodes only: use core/elements.js." }));

export default [
  { ignores: ["**", "!maps/", "!maps/static/", "!maps/static/**", "maps/static/vendor/", "!eslint.config.js"] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "consistent-return": "off",
      "default-case-last": "error",
      eqeqeq: "error",
      "id-denylist": ["error", ...NOT_AS_NAMES],
      "max-lines": ["error", 400],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-restricted-syntax": ["error", ...HTML_FROM_TEXT],
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["maps/static/**/*.js"],
    languageOptions: { globals: { ...globals.browser, L: "readonly" } },
  },
];
