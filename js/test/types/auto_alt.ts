// autoAlt as a user writes it: checked by tsc against dist/types, never run. What must be refused is marked with ts-expect-error.
import { pipeline, type Figures, type ImageInput } from 'galago';
import { autoAlt, type AltAnswer, type AltEventDetail, type AltRequest, type AltResult, type AltSummary, type AutoAlt, type AutoAltOptions } from 'galago/auto-alt';

declare const host: HTMLElement, control: AbortController;

async function use(): Promise<void> {
  const options: AutoAltOptions = {
    pipeline: pipeline('image-to-text', 'demo'), prompt: 'What is it?', language: 'de', generation: { temperature: 0 }, max_length: 100, prefix: 'Generated: ', note: '', badge: true, replace: 'filenames',
    selector: '.photo', backgrounds: true, titled: true, min_size: 32, limit: Infinity, lazy: true, observe: false, shadow: true, pause_hidden: false, signal: control.signal,
    onalt: (result: AltResult) => console.log(result.element.id, result.status, result.text, result.figures?.timings.vision_ms),
    onerror: (error: Error, result: AltResult | null) => console.log(error.message, result?.url),
  };
  const run: AutoAlt = autoAlt(document, options), summary: AltSummary = await run.done;
  console.log(summary.generated + summary.failed + summary.kept + summary.waiting + summary.left_out, run.results.length, run.paused);
  run.pause();
  run.resume();
  await run.stop();
  await run.undo();

  autoAlt();
  autoAlt(host, { model: 'owner/name', device: 'cpu', progress_callback: (e) => console.log(e.status) });
  autoAlt(host.shadowRoot!, { pipeline: () => pipeline('image-text-to-text') });
  const describe = async ({ read, prompt, language, linked, url, element, signal }: AltRequest): Promise<AltAnswer> => {
    const picture: ImageInput = await read();
    return signal.aborted || linked ? `${prompt} ${language} ${url}` : { text: `${element.localName} ${typeof picture}` };
  };
  autoAlt(host, { describe });
  host.addEventListener('galago-alt', (event) => {
    const detail = (event as CustomEvent<AltEventDetail>).detail, figures: Figures | null = detail.figures;
    detail.text = `${detail.text} ${detail.linked} ${figures?.device.type}`;
  });
  // @ts-expect-error an address is no root
  autoAlt('main');
  // @ts-expect-error unknown
  autoAlt(document, { replace: 'some' });
  // @ts-expect-error a pipeline that answers questions describes nothing
  autoAlt(document, { pipeline: pipeline('visual-question-answering') });
  // @ts-expect-error results are read
  run.results.push(summary.results[0]!);
}
void use;
