// What autoAlt is told, and what it tells.

import { GalagoError, type Figures, type GenerationOptions, type ImageInput, type ModelOptions, type ModelSource, type TextPipeline } from '../index.js';

/** A picture that is to be described. */
export interface AltRequest {
  element: Element;
  /** Where the picture comes from; '' for a canvas. */
  url: string;
  /** The picture as a pipeline takes it; fails where the page may not read it. */
  read(): Promise<ImageInput>;
  prompt: string;
  /** The language of the page at this place, as in `lang`, or the option's. */
  language: string;
  /** It is all that a link or button contains: its text is what the link is called. */
  linked: boolean;
  /** Is aborted by stop() and undo(). */
  signal: AbortSignal;
}

/** What `describe` gives: the text, or an answer of a pipeline's. */
export type AltAnswer = string | (Pick<Figures, 'text'> & Partial<Figures>);

/** What became of a picture. */
export interface AltResult {
  element: Element;
  url: string;
  /** 'kept': the page gave a text of its own in the meantime, or a listener said no. */
  status: 'generated' | 'failed' | 'kept';
  /** As it was set, without the prefix. */
  text: string;
  linked: boolean;
  /** The words were known from an equal address. */
  cached: boolean;
  /** Of the model's answer, where it was one. */
  figures: Figures | null;
  error: Error | null;
}

export interface AltSummary {
  generated: number;
  failed: number;
  kept: number;
  /** Candidates that still wait: hidden, not loaded, or, with `lazy`, not near the view. */
  waiting: number;
  /** Candidates beyond `limit`. */
  left_out: number;
  results: AltResult[];
}

/** `detail` of the event galago-alt, before the text is set; preventDefault() keeps it from being set, and `text` may be changed. */
export interface AltEventDetail {
  text: string;
  linked: boolean;
  figures: Figures | null;
}

export interface AltRules {
  /** 'missing' (the default): pictures without a text. 'filenames': also texts such as IMG_1234.jpg. 'all': every text but an empty one. */
  replace: 'missing' | 'filenames' | 'all';
  /** Only elements that match. */
  selector: string;
  /** Also elements with role=img and a background picture. */
  backgrounds: boolean;
  /** Also pictures that have a title. */
  titled: boolean;
  /** Pixels: pictures with a shorter side are left alone. */
  min_size: number;
}

export interface AutoAltOptions extends Partial<AltRules>, ModelOptions {
  /** A pipeline, a promise of one, or a function that gives one; asked for when the first picture needs it. stop() leaves it open. */
  pipeline?: TextPipeline | Promise<TextPipeline> | (() => TextPipeline | Promise<TextPipeline>);
  /** Instead of a model: gives a picture's text. */
  describe?: (request: AltRequest) => AltAnswer | Promise<AltAnswer>;
  /** The model to open where there is neither: 'demo', a hub's id, … */
  model?: ModelSource;
  prompt?: string;
  /** Of the texts: a code such as 'de'; default: that of the page, '' = not told to the model. */
  language?: string;
  generation?: GenerationOptions;
  /** Characters of a text at most, the prefix included. */
  max_length?: number;
  /** Before each text, such as 'Generated: '. */
  prefix?: string;
  /** Read after the name, as aria-description: tells a listener that no person wrote the text. '' = none. */
  note?: string;
  /** Draws a line around described pictures. */
  badge?: boolean;
  /** Pictures that are given to the model at most; equal addresses count once. */
  limit?: number;
  /** Only what is near the view; else that first, then the rest. */
  lazy?: boolean;
  /** Also later pictures and changed addresses. */
  observe?: boolean;
  /** Also in open shadow roots. */
  shadow?: boolean;
  /** No new picture is begun while the page is hidden. */
  pause_hidden?: boolean;
  onalt?: (result: AltResult) => void;
  /** `result` is null where the model could not be opened: nothing can then be described. */
  onerror?: (error: Error, result: AltResult | null) => void;
}

export interface AutoAlt {
  /** Settles when all that was there at the beginning is described, has failed, or waits. Fails where the model cannot be opened. */
  readonly done: Promise<AltSummary>;
  /** Of all pictures so far, later ones too. */
  readonly results: readonly AltResult[];
  readonly paused: boolean;
  /** Ends; the texts stay, and a model of its own is closed. */
  stop(): Promise<void>;
  /** Ends, and gives the page back as it was. */
  undo(): Promise<void>;
  /** Begins no new picture. */
  pause(): void;
  resume(): void;
}

export type Settings = Required<Omit<AutoAltOptions, keyof ModelOptions | 'pipeline' | 'describe' | 'prompt' | 'language' | 'onalt' | 'onerror'>> &
  Pick<AutoAltOptions, 'pipeline' | 'describe' | 'prompt' | 'language' | 'onalt' | 'onerror'> & { open: ModelOptions };

const defaults = {
  model: 'demo' as ModelSource, replace: 'missing' as const, selector: '', backgrounds: false, titled: false, min_size: 24, generation: {} as GenerationOptions, max_length: 125,
  prefix: '', note: 'Description generated by a model', badge: false, limit: 100, lazy: false, observe: true, shadow: false, pause_hidden: true,
};

export function readSettings(root: unknown, options: AutoAltOptions): Settings {
  const wrong = (message: string): never => {
    throw new GalagoError('argument', `autoAlt: ${message}`);
  };
  if (!(root instanceof Document || root instanceof Element || root instanceof DocumentFragment)) wrong('the first argument must be the document, an element or a shadow root');
  const { pipeline, describe, prompt, language, onalt, onerror, signal: _, ...rest } = options;
  const own: Record<string, unknown> = {}, open: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) if (value !== undefined) (key in defaults ? own : open)[key] = value;
  const s: Settings = { ...defaults, ...own, pipeline, describe, prompt, language, onalt, onerror, open };
  if (!['missing', 'filenames', 'all'].includes(s.replace)) wrong(`replace is "${String(s.replace)}"; it must be 'missing', 'filenames' or 'all'`);
  for (const [name, low] of [['min_size', 0], ['max_length', 20], ['limit', 0]] as const)
    if (typeof s[name] !== 'number' || !(s[name] >= low)) wrong(`${name} is ${String(s[name])}; it must be a number from ${low}`);
  if (typeof s.prefix !== 'string' || s.prefix.length > s.max_length - 20) wrong(`the prefix must be a text that leaves 20 of the ${s.max_length} characters (max_length) to the words`);
  if (describe !== undefined && typeof describe !== 'function') wrong('describe must be a function that gives the text of a picture');
  if (describe && pipeline) wrong('give either a pipeline or describe, not both');
  if (pipeline !== undefined && !['function', 'object'].includes(typeof pipeline)) wrong('pipeline must be what pipeline() gives, a promise of it, or a function');
  try {
    document.createDocumentFragment().querySelector(s.selector || '*');
  } catch {
    wrong(`the selector "${s.selector}" cannot be understood`);
  }
  return s;
}
