// Reading aloud, one text at a time, with the voices of the device.

/** Browsers that have a voice but never begin would leave the button on "Stop reading". */
const PATIENCE_MS = 4000;

export const canSpeak = (): boolean => typeof speechSynthesis !== 'undefined' && typeof SpeechSynthesisUtterance !== 'undefined';

export class Speech {
  private current: { id: number; utterance: SpeechSynthesisUtterance; timer: ReturnType<typeof setTimeout> } | null = null;

  /** `changed`: another text is read, or none; `mute`: there is no voice. */
  constructor(private readonly changed: () => void, private readonly mute: () => void) {}

  /** The number of the text that is read now. */
  get id(): number | null {
    return this.current?.id ?? null;
  }

  speak(id: number, text: string, language: string): void {
    this.stop();
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = language;
    const end = (failed: boolean): void => {
      if (this.current?.utterance !== utterance) return;
      clearTimeout(this.current.timer);
      this.current = null;
      if (failed) this.mute();
      this.changed();
    };
    utterance.onend = () => end(false);
    utterance.onerror = (event) => end(!/canceled|interrupted/.test(event.error));
    const timer = setTimeout(() => {
      if (!speechSynthesis.speaking && this.current?.utterance === utterance) {
        end(true);
        speechSynthesis.cancel();
      }
    }, PATIENCE_MS);
    this.current = { id, utterance, timer };
    speechSynthesis.speak(utterance);
    this.changed();
  }

  stop(): void {
    if (!this.current) return;
    clearTimeout(this.current.timer);
    this.current = null;
    speechSynthesis.cancel();
    this.changed();
  }
}
