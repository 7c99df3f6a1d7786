// The form of a new feature in a dialog: entered while another form or a search is open, which then uses it.

import { showModal } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { itemPath, request } from "../core/http.js";
import { displayOf } from "../core/layer_cards.js";
import { localized, message } from "../core/page.js";
import { featureForm } from "./feature_form.js";

/**
 * Open the dialog; resolves to the new feature, or to null if it was closed without one.
 * @param {string} layer
 * @param {string} [text] What was searched for: the first value of the field that names features of the layer.
 * @returns {Promise<LayerFeature | null>}
 */
export function newFeatureDialog(layer, text = "") {
  return new Promise((resolve) => {
    const { named_by: name, singular } = displayOf(layer);
    const title = message("add_new", { what: localized(singular) });
    const dialog = element("dialog", { className: "form-dialog", "aria-label": title });
    const { form, remove } = featureForm(layer, null, {
      initial: text && name ? { [name]: text } : {},
      storesDraft: false,
      onSaved: async (id) => {
        const { data } = await request(itemPath(layer, id));
        resolve(data);
        dialog.close();
      },
      onCancel: () => dialog.close(),
    });
    dialog.append(form);
    dialog.addEventListener("close", () => {
      remove();
      dialog.remove();
      resolve(null); // without effect once it is resolved
    });
    showModal(dialog);
  });
}
