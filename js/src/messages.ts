// Conversations in the shapes of OpenAI and of Transformers, to roles, texts and pictures.

import { GalagoError } from './errors.js';
import type { ImageInput } from './inputs.js';

export interface TextPart {
  type: 'text' | 'input_text' | 'output_text';
  text: string;
}
/** Without a picture of its own it stands for the next of those given beside the messages. */
export interface ImagePart {
  type: 'image';
  image?: ImageInput;
  url?: string | URL;
  path?: string;
  base64?: string;
  data?: string;
}
export interface ImageUrlPart {
  type: 'image_url' | 'input_image';
  image_url: string | { url: string; detail?: string };
}
export type ContentPart = TextPart | ImagePart | ImageUrlPart;

export interface Message {
  role: 'system' | 'developer' | 'user' | 'assistant';
  content: string | ContentPart[] | null;
}

/** A message with its pictures still as the caller gave them. */
export interface Turn {
  role: 'system' | 'user' | 'assistant';
  text: string;
  images: unknown[];
  /** "<image>" in the text marks where each picture stands; else they stand before it. */
  inline: boolean;
}

export function isMessages(value: unknown): value is Message[] {
  return Array.isArray(value) && value.length > 0 && value.every((m) => typeof m === 'object' && m !== null && typeof (m as Message).role === 'string');
}

const isText = (part: ContentPart): part is TextPart => part?.type === 'text' || part?.type === 'input_text' || part?.type === 'output_text';

const roles: Record<string, Turn['role']> = { system: 'system', developer: 'system', user: 'user', assistant: 'assistant', model: 'assistant' };
const MARK = '<image>';

/** `beside`: pictures that are not in the messages; they fill empty image parts, or stand in the last user message. */
export function readMessages(messages: Message[], beside: unknown[] = []): Turn[] {
  const left = [...beside];
  const turns = messages.map((m, i) => readMessage(m, i, left));
  if (left.length) {
    const last = turns.findLast((t) => t.role === 'user');
    if (!last) throw new GalagoError('argument', `${left.length} pictures are given, but no user message that they could belong to`);
    if (last.inline) last.text = MARK.repeat(left.length) + last.text;
    last.images.unshift(...left);
  }
  if (!turns.some((t) => t.role === 'user')) throw new GalagoError('argument', 'The messages have none from the user: there is nothing to answer');
  return turns;
}

function readMessage(m: Message, i: number, left: unknown[]): Turn {
  const role = roles[m.role];
  if (!role) throw new GalagoError('argument', `messages[${i}].role is "${m.role}"; known are system, user and assistant`);
  const { content } = m;
  if (typeof content === 'string') return { role, text: content, images: [], inline: false };
  if (content === null || content === undefined) return { role, text: '', images: [], inline: false };
  if (!Array.isArray(content)) throw new GalagoError('argument', `messages[${i}].content must be a string or a list of parts`);
  const images: unknown[] = [];
  let plain = '', marked = '', inline = false;
  content.forEach((part, k) => {
    const at = `messages[${i}].content[${k}]`;
    if (isText(part)) {
      if (typeof part.text !== 'string') throw new GalagoError('argument', `${at}.text must be a string`);
      plain += part.text;
      // What only looks like a mark must not take a picture's place.
      marked += part.text.replaceAll(MARK, '<image\u200b>');
    } else {
      if (role !== 'user') throw new GalagoError('argument', `${at}: pictures belong into user messages`);
      images.push(pictureOf(part, at, left));
      inline ||= plain !== '';
      marked += MARK;
    }
  });
  return { role, text: inline ? marked : plain, images, inline };
}

function pictureOf(part: ImagePart | ImageUrlPart, at: string, left: unknown[]): unknown {
  if (part?.type === 'image_url' || part?.type === 'input_image') {
    const url = typeof part.image_url === 'string' ? part.image_url : part.image_url?.url;
    if (typeof url !== 'string') throw new GalagoError('argument', `${at}.image_url must be a URL or { url }`);
    return url;
  }
  if (part?.type !== 'image') throw new GalagoError('argument', `${at}.type is "${String((part as { type?: unknown } | null)?.type)}"; known are text, image and image_url`);
  const given = part.image ?? part.url ?? part.path ?? part.base64 ?? part.data;
  if (given !== undefined) return given;
  if (left.length === 0) throw new GalagoError('argument', `${at} has no picture: give it one, or pass the pictures beside the messages as "images"`);
  return left.shift();
}
