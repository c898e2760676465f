// A conversation as text, Markdown and JSON, and alt texts ready to be pasted.

import type { AltText, AssistantTurn } from './image_assistant_types.js';

/** Words that stand around questions and answers. */
export interface ExportWords {
  you: string;
  answer: string;
  pictures: (turn: AssistantTurn) => string;
  note: (turn: AssistantTurn) => string;
}

const lines = (text: string): string => text.replace(/\r\n?/g, '\n').trim();

export function toText(turns: readonly AssistantTurn[], words: ExportWords): string {
  return turns.map((t) => {
    const parts = [`${words.you}: ${lines(t.question)}`];
    if (t.pictures.length) parts.push(words.pictures(t));
    if (t.answer) parts.push(`${words.answer}: ${lines(t.answer)}`);
    const note = words.note(t);
    if (note) parts.push(note);
    return parts.join('\n');
  }).join('\n\n') + (turns.length ? '\n' : '');
}

/** What people typed and what files are called must not turn into Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/([\\`*_[\]<>&#|~])/g, '\\$1').replace(/^(\s*)([-+]|\d+\.)(?=\s)/gm, (_, space: string, mark: string) => `${space}${mark.slice(0, -1)}\\${mark.slice(-1)}`);
}

/** Answers are left as the model wrote them, for models write Markdown; only their own headings cannot be told from ours, so ours are questions. */
export function toMarkdown(turns: readonly AssistantTurn[], words: ExportWords): string {
  return turns.map((t) => {
    const parts = [`## ${escapeMarkdown(lines(t.question)).replace(/\n+/g, ' ')}`];
    if (t.pictures.length) parts.push(`*${escapeMarkdown(words.pictures(t))}*`);
    if (t.answer) parts.push(lines(t.answer));
    if (t.alt) parts.push(fenced(t.alt.html));
    const note = words.note(t);
    if (note) parts.push(`*${escapeMarkdown(note)}*`);
    return parts.join('\n\n');
  }).join('\n\n') + (turns.length ? '\n' : '');
}

function fenced(code: string): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map((m) => m[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}html\n${code}\n${fence}`;
}

export function toJSON(turns: readonly AssistantTurn[], about: { model: string; saved: Date }): string {
  return JSON.stringify({
    format: 'galago-conversation',
    version: 1,
    saved: about.saved.toISOString(),
    model: about.model,
    turns: turns.map((t) => ({
      kind: t.kind,
      question: t.question,
      pictures: t.pictures.map(({ name, file, width, height }) => ({ name, type: file.type, size: file.size, width, height })),
      answer: t.answer,
      ...(t.thoughts ? { thoughts: t.thoughts } : {}),
      state: t.state,
      ...(t.error ? { error: t.error.message } : {}),
      ...(t.alt ? { alt: t.alt } : {}),
      ...(t.figures ? { figures: figuresOf(t.figures) } : {}),
    })),
  }, null, 2) + '\n';
}

/** Without the ids of every token, which fill pages and say nothing to a reader. */
function figuresOf(f: NonNullable<AssistantTurn['figures']>) {
  const { finish_reason, prompt_tokens, completion_tokens, image_tokens, reused_tokens, timings, memory, device } = f;
  return { finish_reason, prompt_tokens, completion_tokens, image_tokens, reused_tokens, timings, memory, device };
}

/** The value of an attribute in double quotes. */
export function escapeAttribute(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** What a model answered, as one line fit for an alt attribute: no quotation marks around it, no "Alt text:" before it, no Markdown marks. */
export function cleanAlt(answer: string): string {
  let text = answer.replace(/\s+/g, ' ').trim().replace(/^\**\s*alt(?:ernative)?[ -]?text\s*\**\s*[::]\s*\**\s*/i, '').replace(/\*\*|__|`/g, '').trim();
  const pairs: Record<string, string> = { '"': '"', '“': '”', '„': '“', '«': '»', "'": "'", '‘': '’' };
  while (text.length > 1 && pairs[text[0]!] === text.at(-1) && !text.slice(1, -1).includes(text.at(-1)!)) text = text.slice(1, -1).trim();
  return text;
}

/** File names go into `src` as addresses: spaces, percent signs and the like are escaped for both. */
export function altText(answer: string, name: string): AltText {
  const plain = cleanAlt(answer);
  return { plain, html: `<img src="${escapeAttribute(encodeURIComponent(name))}" alt="${escapeAttribute(plain)}">` };
}

/** Reasoning comes before the answer and ends with a mark; a model that reasons still has given no answer yet. */
export function splitThoughts(text: string, think: boolean): { thoughts: string; answer: string } {
  if (!think) return { thoughts: '', answer: text };
  const mark = '</think>', end = text.indexOf(mark);
  if (end < 0) return { thoughts: text.replace(/^\s*<think>/, '').trimStart(), answer: '' };
  return { thoughts: text.slice(0, end).replace(/^\s*<think>/, '').trim(), answer: text.slice(end + mark.length).trimStart() };
}
