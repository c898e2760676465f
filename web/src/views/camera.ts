// What the camera sees, in words, picture by picture, as fast as the device can.
import { announce, copy, download, el, fill, toast } from '../dom.js';
import { explain } from '../errors.js';
import { currentLanguage, date, number, t } from '../i18n.js';
import { model } from '../model.js';
import type { View } from '../router.js';
import { settings } from '../settings.js';
import { choices } from './batch_choices.js';
import { PRESETS, generationOf, promptOf, type Preset } from './batch_prompts.js';
import { keepAwake } from './batch_wake.js';
import { LOOK, grey } from './camera_change.js';
import { Loop } from './camera_loop.js';
import { sendToAsk } from './camera_send.js';
import { CameraError, cameras, closeCamera, hasTwoSides, openCamera } from './camera_stream.js';
import { Voice } from './camera_voice.js';

/** Words enough for a look; reading takes more. */
const TOKENS: Record<Preset, number> = { describe: 48, read: 128, alt: 48, own: 64 };
/** The longer side of what the model sees, by the setting for detail. */
const SIDES = { low: 336, auto: 448, high: 896 } as const;
const HISTORY = 10;
/** A reader is not interrupted more often. */
const ANNOUNCE_MS = 8000;
const presets = PRESETS.filter((p) => p !== 'alt');

export function mount(root: HTMLElement): View {
  let stream: MediaStream | null = null, opening = 0, preset: Preset = 'describe', announced = -Infinity, problem: string | null = null;
  let speaking: ReturnType<typeof setTimeout> | undefined;
  const answers: { text: string; at: Date }[] = [];
  const awake = keepAwake();
  const voice = new Voice(() => {
    aloud.checked = false;
    toast(t('camera.no_voice'));
    announce(t('camera.no_voice'), 'assertive');
  });

  const button = (key: string, kind: string, onclick: () => void): HTMLButtonElement => el('button', { type: 'button', class: `button ${kind}`, 'data-t': `camera.${key}`, onclick });
  const video = el('video', { muted: true, autoplay: true, playsInline: true, 'data-t-label': 'camera.picture', hidden: true });
  const off = el('p', { class: 'c-off', 'data-t': 'camera.off' });
  const words = el('p', { class: 'c-words', dir: 'auto', dataset: { test: 'camera-words' } }), state = el('p', { class: 'c-state num', dataset: { test: 'camera-state' } });
  const failure = el('p', { class: 'notice error', role: 'alert', hidden: true });
  const go = button('start', 'primary', () => (stream || opening ? stop() : void start()));
  const save = button('save', '', () => void snapshot('save')), send = button('ask', '', () => void snapshot('ask'));
  const device = el('select', { id: 'camera-device', onchange: () => stream && void start() });
  const own = el('textarea', { id: 'camera-own', rows: 2, maxLength: 1000 });
  const ownField = el('div', { class: 'field', hidden: true }, el('label', { htmlFor: 'camera-own', 'data-t': 'batch.own' }), own);
  const prompt = choices('camera-preset', 'camera.question', presets, (p) => `batch.preset_${p}`, (chosen) => {
    preset = chosen;
    ownField.hidden = chosen !== 'own';
    loop.again();
  });
  const aloud = el('input', { type: 'checkbox', role: 'switch', onchange: () => ((voice.on = aloud.checked), voice.on || voice.stop()) });
  const history = el('ol', { class: 'c-history' }), historyCard = el('section', { class: 'card c-past', hidden: true, 'aria-labelledby': 'camera-past' }, el('h2', { id: 'camera-past', 'data-t': 'camera.past' }), history);
  root.append(
    el('h1', { tabIndex: -1, 'data-t': 'camera.title' }), el('p', { class: 'lead', 'data-t': 'camera.lead' }),
    el('div', { class: 'c-columns' },
      el('div', { class: 'card c-main' }, el('div', { class: 'c-stage' }, video, off), failure, words, state, el('div', { class: 'row' }, go, save, send)),
      el('div', { class: 'c-side' },
        el('div', { class: 'card c-setup' }, prompt.element, ownField,
          el('div', { class: 'field' }, el('label', { htmlFor: 'camera-device', 'data-t': 'camera.device' }), device),
          Voice.there && el('label', { class: 'check' }, aloud, el('span', { 'data-t': 'camera.aloud' }))),
        historyCard)));
  prompt.set(preset);
  let typed: ReturnType<typeof setTimeout>;
  own.addEventListener('input', () => {
    clearTimeout(typed);
    // A question that is still being written is not asked.
    typed = setTimeout(() => (loop.again(), write()), 700);
  });

  const large = document.createElement('canvas'), small = Object.assign(document.createElement('canvas'), LOOK);
  /** Draws the camera's frame, the longer side at most so many pixels. */
  function frame(canvas: HTMLCanvasElement, side: number): boolean {
    const { videoWidth: w, videoHeight: h } = video;
    if (!w || video.readyState < 2) return false;
    const scale = Math.min(1, side / Math.max(w, h));
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(h * scale);
    canvas.getContext('2d')!.drawImage(video, 0, 0, canvas.width, canvas.height);
    return true;
  }
  const loop = new Loop<HTMLCanvasElement>({
    ready: async () => void (await model.pipeline()),
    look: () => {
      if (video.readyState < 2 || !video.videoWidth || (preset === 'own' && !own.value.trim())) return null;
      const context = small.getContext('2d', { willReadFrequently: true })!;
      context.drawImage(video, 0, 0, LOOK.width, LOOK.height);
      return { picture: large, small: grey(context.getImageData(0, 0, LOOK.width, LOOK.height).data) };
    },
    ask: async (canvas, signal, piece) => {
      const vl = await model.pipeline();
      signal.throwIfAborted();
      frame(canvas, SIDES[settings.get().detail]);
      const options = generationOf(preset), max_tokens = Math.min(TOKENS[preset], options.max_tokens ?? TOKENS[preset]);
      const answer = vl.stream(canvas, { ...options, max_tokens, think: false, prompt: promptOf(preset, own.value, model.choice), signal });
      let text = '';
      try {
        for await (const more of answer) piece((text += more));
        return (await answer.result).text.trim();
      } catch (error) {
        model.report(error);
        throw error;
      }
    },
    onpiece: (text) => (words.textContent = text),
    onanswer: (text) => answered(text),
    onstate: () => write(),
    onproblem: (error) => {
      problem = explain(error).text;
      stop();
    },
  });

  function answered(text: string): void {
    words.textContent = text;
    write();
    if (!text || text === answers[0]?.text) return;
    answers.unshift({ text, at: new Date() });
    answers.length = Math.min(answers.length, HISTORY);
    writeHistory();
    const language = model.choice.kind === 'demo' ? 'en' : currentLanguage();
    if (voice.on) voice.say(text, language);
    else {
      // The latest words are heard for certain: after the last of them nothing may change for long.
      clearTimeout(speaking);
      speaking = setTimeout(() => ((announced = performance.now()), announce(text)), announced + ANNOUNCE_MS - performance.now());
    }
  }

  async function start(): Promise<void> {
    loop.stop();
    release();
    problem = null;
    const mine = ++opening;
    write();
    try {
      const opened = await openCamera(device.value);
      // Meanwhile Stop was pressed, or another camera was chosen.
      if (mine !== opening) return closeCamera(opened);
      stream = opened;
      video.srcObject = stream;
      for (const track of stream.getVideoTracks()) track.addEventListener('ended', () => stream === opened && fail('gone'));
      await video.play().catch(() => undefined);
      if (mine !== opening || stream !== opened) return;
      await list();
      opening = 0;
      awake(true);
      words.textContent = '';
      loop.start();
      write();
    } catch (error) {
      if (mine !== opening) return;
      fail(error instanceof CameraError ? error.problem : 'other', error);
    }
  }
  function fail(kind: string, error?: unknown): void {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
    problem = t(`camera.error_${kind}`, { why: cause });
    stop();
  }
  function release(): void {
    closeCamera(stream);
    stream = null;
    video.srcObject = null;
    awake(false);
  }
  function stop(): void {
    opening = 0;
    loop.stop();
    release();
    clearTimeout(speaking);
    voice.stop();
    write();
  }

  async function snapshot(way: 'save' | 'ask'): Promise<void> {
    const canvas = document.createElement('canvas');
    if (!frame(canvas, Infinity)) return toast(t('camera.no_picture'));
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.92));
    if (!blob) return toast(t('camera.no_picture'));
    const file = new File([blob], `camera-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.jpg`, { type: blob.type });
    if (way === 'save') return download(file.name, file.type, file);
    await sendToAsk(file).catch(() => toast(t('camera.not_sent')));
  }

  /** The cameras to choose from; those that can be told apart have names. */
  async function list(): Promise<void> {
    const before = device.value, found = await cameras();
    const sides = hasTwoSides() ? [{ value: 'back', label: t('camera.back') }, { value: 'front', label: t('camera.front') }] : [{ value: '', label: t('camera.default') }];
    fill(device, [...sides, ...(found.length > 1 ? found : [])].map(({ value, label }) => el('option', { value }, label)));
    if ([...device.options].some((o) => o.value === before)) device.value = before;
  }

  function write(): void {
    const on = stream !== null, asking = opening > 0 && !on;
    video.hidden = !on;
    off.hidden = on;
    // Room for words is kept while there may be some.
    words.hidden = !on && !words.textContent;
    state.hidden = !on;
    off.textContent = t(asking ? 'camera.asking' : 'camera.off');
    failure.hidden = !problem;
    failure.textContent = problem ?? '';
    go.textContent = t(on || asking ? 'camera.stop' : 'camera.start');
    go.classList.toggle('primary', !on && !asking);
    save.hidden = send.hidden = !on;
    const pace = loop.pace;
    state.textContent = !on ? '' : model.state === 'loading' ? t('batch.loading') : loop.state === 'still' ? t('camera.still') : loop.state === 'hidden' ? t('camera.hidden')
      : preset === 'own' && !own.value.trim() ? t('batch.own_missing') : pace === null ? t('camera.looking') : t('camera.pace', { pace: number(pace, { maximumFractionDigits: pace < 10 ? 1 : 0 }) });
  }
  function writeHistory(): void {
    // What a person is about to press does not move away.
    if (history.matches(':hover') || history.contains(document.activeElement)) return;
    historyCard.hidden = !answers.length;
    fill(history, answers.map(({ text, at }) => {
      const time = date(at, { timeStyle: 'medium' });
      return el('li', null, el('time', { dateTime: at.toISOString(), class: 'muted small num' }, time), el('p', { dir: 'auto' }, text),
        el('button', { type: 'button', class: 'button quiet', 'aria-label': t('camera.copy_at', { time }), onclick: () => void copy(text) }, t('batch.copy')));
    }));
  }

  for (const type of ['pointerleave', 'focusout']) history.addEventListener(type, () => setTimeout(writeHistory));
  document.addEventListener('visibilitychange', () => {
    const hidden = document.visibilityState === 'hidden';
    loop.hide(hidden);
    if (hidden) voice.stop();
    // The camera's light goes out where it can.
    for (const track of stream?.getVideoTracks() ?? []) track.enabled = !hidden;
  });
  addEventListener('pagehide', stop);
  model.addEventListener('change', write);
  navigator.mediaDevices?.addEventListener?.('devicechange', () => void list());
  document.addEventListener('languagechange', () => {
    write();
    writeHistory();
    void list();
  });
  void list();
  write();
  return { hide: stop };
}
