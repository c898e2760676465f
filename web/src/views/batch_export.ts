// A batch's rows as text for other programs.
import type { Row } from './batch_queue.js';

/** Spreadsheets open UTF-8 rightly only where it begins with this mark. */
export const BYTE_ORDER_MARK = '\ufeff';

/** A spreadsheet takes a cell that begins so for a formula, and would run what stands in a picture's name or in its text. */
const FORMULA = /^[\s\u0000]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

/** Text as a spreadsheet shows it: with an apostrophe before what it would compute. */
export const plain = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);

function cell(value: string | number | undefined): string {
  // Numbers are this program's own and never formulas.
  const text = typeof value === 'number' ? String(value) : plain(value ?? '');
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

const COLUMNS = ['image', 'text', 'state', 'error', 'prompt', 'seconds', 'size_bytes', 'edited', 'model', 'device', 'finish_reason', 'prompt_tokens', 'completion_tokens'];
const rounded = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : Math.round(seconds * 1e3) / 1e3);

/** RFC 4180: lines end with CR LF, quotes are doubled. A byte order mark stands before the first. */
export function* csv(rows: Iterable<Row>): Generator<string> {
  yield `${BYTE_ORDER_MARK}${COLUMNS.join(',')}\r\n`;
  for (const row of rows) {
    const f = row.figures;
    const cells = [row.name, row.answer, row.state, row.error, row.prompt, rounded(row.seconds), row.size, row.made === undefined ? 'no' : 'yes',
      f?.model, f?.device, f?.finish_reason, f?.prompt_tokens, f?.completion_tokens];
    yield `${cells.map(cell).join(',')}\r\n`;
  }
}

/** One object a line. Fields that the command line's --json has too are named and made as there; `made_text` is the model's where a person changed it. */
export function* jsonl(rows: Iterable<Row>): Generator<string> {
  for (const row of rows) {
    const { figures } = row;
    const { model, device, ...rest } = figures ?? {};
    yield `${JSON.stringify({
      model, device, image: row.name, text: row.state === 'done' ? row.answer : undefined, ...rest,
      state: row.state, error: row.error, prompt: row.prompt, seconds: rounded(row.seconds), size_bytes: row.size,
      ...(row.made === undefined ? {} : { edited: true, made_text: row.made }),
    })}\n`;
  }
}

/** Name and answer of what is answered, a line each, as spreadsheets and mails take it. */
export function* tabbed(rows: Iterable<Row>): Generator<string> {
  for (const row of rows) if (row.state === 'done') yield `${plain(row.name)}\t${plain(row.answer.replace(/\s+/g, ' ').trim())}\n`;
}
