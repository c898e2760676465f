// Says answers aloud, one at a time: of those that come while one is said, the newest is next.

export class Voice {
  on = false;
  private next: { text: string; language: string } | null = null;
  private speaking: SpeechSynthesisUtterance | null = null;

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
    if (Voice.there) speechSynthesis.cancel();
  }

  private speak(): void {
    const { next } = this;
    this.next = null;
    if (!next) return;
    const utterance = (this.speaking = new SpeechSynthesisUtterance(next.text));
    utterance.lang = next.language;
    utterance.onend = utterance.onerror = () => {
      if (this.speaking !== utterance) return;
      this.speaking = null;
      this.speak();
    };
    speechSynthesis.speak(utterance);
  }
}
