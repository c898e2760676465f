// autoAlt(root, options): fills missing alternative texts of a page's pictures with a model's words, and marks them as generated.

import { readSettings, type AutoAlt, type AutoAltOptions } from './auto_alt_options.js';
import { Run } from './auto_alt_run.js';

export type { AltAnswer, AltEventDetail, AltRequest, AltResult, AltSummary, AutoAlt, AutoAltOptions } from './auto_alt_options.js';

/**
 * Describes the pictures below `root` that lack an alternative text, those in view first, and later ones as they come. What the page says of
 * its pictures is left alone: texts, decoration, what is hidden. Nothing is downloaded before there is a picture that needs it.
 */
export function autoAlt(root: Document | Element | ShadowRoot = document, options: AutoAltOptions = {}): AutoAlt {
  return new Run(root, readSettings(root, options), options.signal);
}
