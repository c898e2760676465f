// What the model has been told. As long as a conversation only grows it is a chat, which computes only what is new; after a step back
// (another answer, an edited question, a stopped answer that stays) the messages are told anew.

import type { AnswerStream, Chat, Figures, GenerationOptions, Message, Pipeline } from '../index.js';
import { splitThoughts } from './image_assistant_export.js';
import type { AssistantTurn } from './image_assistant_types.js';

interface Told {
  turn: AssistantTurn;
  answer: string;
}

export class Memory {
  private kept: { vl: Pipeline; chat: Chat; system: string | undefined; told: Told[] } | null = null;

  /** Begins the answer to `turn`, after those of `before` that have an answer. */
  async ask(vl: Pipeline, before: readonly AssistantTurn[], turn: AssistantTurn, options: GenerationOptions, context: number | undefined, apart: boolean): Promise<AnswerStream<Figures>> {
    // An alt text is about its picture alone, whatever was said before, and nothing that a later question could mean.
    if (turn.kind === 'alt' || apart) {
      const { prompt: _, ...rest } = options, { pictures } = turn.pictures.length ? turn : before.findLast((t) => t.pictures.length) ?? turn;
      return vl.stream(pictures.map((p) => p.file), turn.question, rest);
    }
    const said = before.filter((t) => t.kind !== 'alt' && t.answer !== '' && (t.state === 'done' || t.state === 'stopped'));
    const { system, prompt: _, ...own } = options;
    const kept = this.kept;
    const grows = kept !== null && kept.vl === vl && kept.system === system && kept.told.length === said.length && kept.told.every((t, i) => t.turn === said[i] && t.answer === said[i]!.answer);
    if (!grows) {
      this.forget();
      if (said.length) return vl.stream(messages(said, turn), { ...own, ...(system === undefined ? {} : { system }) });
      const chat = await vl.createChat({ ...(context === undefined ? {} : { context }), ...(system === undefined ? {} : { system }) });
      this.kept = { vl, chat, system, told: [] };
    }
    const mine = this.kept!, stream = mine.chat.stream(turn.question, { ...own, images: turn.pictures.map((p) => p.file) });
    // The chat takes back what failed or was aborted, so only a whole answer counts as told.
    stream.result.then((f) => mine.told.push({ turn, answer: answerOf(f.text, options.think === true) }), () => undefined);
    return stream;
  }

  /** Gives the chat's memory back. */
  forget(): void {
    void this.kept?.chat.dispose().catch(() => undefined);
    this.kept = null;
  }
}

/** Without the reasoning before it, which models are not to be reminded of. */
function answerOf(text: string, think: boolean): string {
  return splitThoughts(text, think).answer;
}

function messages(said: readonly AssistantTurn[], turn: AssistantTurn): Message[] {
  const user = (t: AssistantTurn): Message => ({
    role: 'user',
    content: [...t.pictures.map((p) => ({ type: 'image' as const, image: p.file })), { type: 'text' as const, text: t.question }],
  });
  return [...said.flatMap((t): Message[] => [user(t), { role: 'assistant', content: t.answer }]), user(turn)];
}
