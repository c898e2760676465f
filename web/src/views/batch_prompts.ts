// The questions that a batch and the camera offer.
import type { GenerationOptions } from 'galago';
import { currentLanguage } from '../i18n.js';
import { generation } from '../settings.js';
import type { ModelChoice } from '../model.js';

export const PRESETS = ['describe', 'read', 'alt', 'own'] as const;
export type Preset = (typeof PRESETS)[number];

const DESCRIBE = 'Describe this image.';
const PROMPTS: Record<Exclude<Preset, 'own'>, string> = {
  describe: DESCRIBE,
  read: 'Read the text in this image.',
  alt: 'Describe this image in one short sentence, as its alternative text for somebody who cannot see it. Do not begin with "image of".',
};
/** A sentence is enough: a model that goes on is cut off. */
const ALT_TOKENS = 96;

/** What the model is asked, in its own language; the answer's is the page's. The demo model was taught short requests, and English alone. */
export function promptOf(preset: Preset, own: string, choice: Pick<ModelChoice, 'kind'>): string {
  if (preset === 'own') return own.trim();
  if (choice.kind === 'demo') return preset === 'read' ? PROMPTS.read : DESCRIBE;
  const answer = currentLanguage() === 'en' || preset === 'read' ? '' : ` Answer in ${new Intl.DisplayNames(['en'], { type: 'language' }).of(currentLanguage())}.`;
  return PROMPTS[preset] + answer;
}

export function generationOf(preset: Preset): GenerationOptions {
  const options = generation();
  return preset === 'alt' ? { ...options, max_tokens: Math.min(ALT_TOKENS, options.max_tokens ?? ALT_TOKENS) } : options;
}
