// The words of an alternative text: what is asked, what is kept of the answer, and which texts say nothing.

/** One line, without quotes around it, of at most `max` characters: cut after a sentence where one ends in the second half, else after a word. */
export function shorten(answer: string, max: number): string {
  // What a model thought before it answered is no description.
  const text = answer.replace(/^[\s\S]*<\/think>/, '').replace(/\s+/g, ' ').trim().replace(/^(["“„«])(.*)(["”“»])$/u, '$2').trim();
  if (text.length <= max) return text;
  const sentences = text.slice(0, max).match(/^.*(?:[.!?](?=\s|$)|[。！？])/u)?.[0] ?? '';
  // A full stop at the very cut may be in the middle of a word such as "3.5".
  const whole = sentences.length === max && /[.!?]$/.test(sentences) && /\S/.test(text[max]!) ? '' : sentences;
  if (whole.length >= max / 2) return whole;
  const room = text.slice(0, max - 1), space = /\s/.test(text[max - 1]!) ? room.length : room.lastIndexOf(' ');
  // Scripts without spaces are cut between characters, never inside a surrogate pair.
  const cut = space > 0 ? room.slice(0, space) : room.replace(/[\ud800-\udbff]$/, '');
  return `${cut.replace(/[\s,;:.–—-]+$/u, '')}…`;
}

const EXTENSION = /\.(?:jpe?g|png|gif|webp|avif|bmp|svg|tiff?|heic|ico)$/i;
const PLACEHOLDER = /^(?:image|img|photo|photograph|picture|pic|graphic|icon|logo|untitled|placeholder|alt|alt text|thumbnail|screenshot|bild|foto|grafik)(?:[\s_-]*\d+)?$/i;
const CAMERA = /^(?:img|dsc[nf]?|dscn|pxl|p|photo|image|screenshot|screen shot|wa|vid|mvimg)[\s_-]?\d[\d\s_.-]*(?:[a-z]{1,3}\d*)?$/i;

/** "IMG_1234.jpg", "image", "DSC00012", or the file's own name: a text that tells nobody what is to be seen. */
export function isFileName(alt: string, url = ''): boolean {
  const text = alt.trim();
  if (!text) return false;
  if (PLACEHOLDER.test(text) || CAMERA.test(text)) return true;
  if (EXTENSION.test(text) && text.split(/\s+/).length <= 4) return true;
  let file = '';
  try {
    file = decodeURIComponent(new URL(url).pathname.split('/').pop() ?? '');
  } catch {
    // No address, or one with a stray per cent sign: nothing to compare with.
  }
  // Only names that no person would write: "sunset" may well be what sunset.jpg shows.
  return file.length > 0 && /[\d_]/.test(text) && !/\s/.test(text) && [file, file.replace(EXTENSION, '')].includes(text);
}

const DEMO = 'Describe this image.';
const ASK = 'Describe this image in one short sentence, as its alternative text for somebody who cannot see it. Do not begin with "image of".';

/** The English name of a language for the prompt; '' where it need not be told. */
function languageName(tag: string): string {
  const code = tag.trim();
  if (!code || /^en\b/i.test(code)) return '';
  try {
    const name = new Intl.DisplayNames(['en'], { type: 'language' }).of(code);
    return name && name !== code ? name : '';
  } catch {
    return '';
  }
}

/** What the model is asked. The demo model was taught this request, and English alone. */
export function promptFor(model: string, prompt: string | undefined, language: string): string {
  if (prompt === undefined && model === 'demo') return DEMO;
  const name = languageName(language);
  return `${prompt ?? ASK}${name ? ` Answer in ${name}.` : ''}`;
}
