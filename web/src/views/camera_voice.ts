// Says answers aloud, one at a time: of those that come while one is said, the newest is next.

/** Browsers may have voices in name alone, and never begin. */
const PATIENCE_MS = 4000;

export class Voice {
  on = false;
  private next: { text: string; language: string } | null = null;
  private speaking: SpeechSynthesisUtterance | null = null;
  private patience: ReturnType<typeof setTimeout> | undefined;

  /** `mute`: nothing can be said on this device; it is off then. */
  constructor(private readonly mute: () => void) {}

  static get there(): boolean {
    return typeof speechSynthesis !== 'undefined';
  }

  say(text: string, language: string): void {
    if (!this.on || !text) return;
    this.next = { text, language };
    if (!this.speaking) this.speak();
  }

  stop(): void {
    this.next = this.speaking = null;
    clearTimeout(this.patience);
    if (Voice.there) speechSynthesis.cancel();
  }

  private speak(): void {
    const { next } = this;
    this.next = null;
    if (!next) return;
    const utterance = (this.speaking = new SpeechSynthesisUtterance(next.text));
    utterance.lang = next.language;
    const silent = (): void => {
      this.on = false;
      this.stop();
      this.mute();
    };
    utterance.onend = () => {
      if (this.speaking !== utterance) return;
      clearTimeout(this.patience);
      this.speaking = null;
      this.speak();
    };
    utterance.onerror = (event) => {
      if (this.speaking !== utterance) return;
      // What was interrupted from elsewhere says nothing of the voice.
      if (/canceled|interrupted/.test(event.error)) utterance.onend!(event);
      else silent();
    };
    this.patience = setTimeout(() => this.speaking === utterance && !speechSynthesis.speaking && silent(), PATIENCE_MS);
    speechSynthesis.speak(utterance);
  }
}
