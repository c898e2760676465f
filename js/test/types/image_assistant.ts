// The image assistant as a page's author writes it: checked by tsc against dist/types, never run. What must be refused is marked with ts-expect-error.
import { GalagoError, pipeline, type Pipeline } from 'galago';
import { GalagoImageAssistant, type AltText, type AssistantEvents, type AssistantPicture, type AssistantSample, type AssistantTexts, type AssistantTurn } from 'galago/image-assistant';

declare const files: FileList;

async function use(): Promise<void> {
  const a: GalagoImageAssistant = document.createElement('galago-image-assistant');
  a.model = 'owner/name';
  a.options = { device: 'cpu', context: 8192 };
  a.generation = { temperature: 0.7, max_new_tokens: 200 };
  a.provider = (): Promise<Pipeline> => pipeline('image-text-to-text', 'demo');
  const texts: Partial<AssistantTexts> = { ask: 'Fragen' }, samples: AssistantSample[] = [{ src: 'a.png', name: 'a.png', alt: 'A ring', questions: ['What colour is it?'] }];
  Object.assign(a, { texts, samples, multiple: false, disabled: false, apart: true, modelLang: 'en' });
  const added: AssistantPicture[] = await a.addPictures([...files, new Blob(), 'a.png', new URL('https://example.org/a.png')]);
  const turn: AssistantTurn = await a.describe(), alts: AssistantTurn[] = await a.altText(), alt: AltText | null | undefined = alts[0]?.alt;
  console.log(added[0]?.width, turn.state === 'done' ? turn.answer : turn.error?.message, turn.figures?.timings.first_token_ms, alt?.html, alt?.plain);
  await Promise.all([a.read(), a.ask('What?'), a.retry(), a.edit(0, 'Who?')]).catch((e: unknown) => e instanceof GalagoError && e.code);
  a.addEventListener('galago-answer', (event) => {
    const { detail } = event as CustomEvent<AssistantEvents['galago-answer']>;
    console.log(detail.question, detail.thoughts, detail.pictures.length, a.busy, a.conversation.length, a.pictures[0]?.file.size);
  });
  a.stop();
  a.clear();
  a.focus();
  console.log(a.toText(), a.toMarkdown(), JSON.parse(a.toJSON()));
  // @ts-expect-error read only
  a.pictures = [];
  // @ts-expect-error no such text
  a.texts = { oops: 'x' };
}

void use();
