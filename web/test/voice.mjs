// A voice that is made up, in the browser's place: tests hear nothing, and browsers under a driver have none.

/** Puts a voice in the browser's place. It keeps what it was given, reads until it is told that it has ended, and when it is `mute` never begins. */
export const voice = (page, mute = false) => page.evaluate((silent) => {
  globalThis.spoken = [];
  globalThis.cancelled = 0;
  let now = null;
  class Utterance {
    constructor(text) {
      this.text = text;
    }
  }
  const own = {
    get speaking() {
      return now !== null && !silent;
    },
    speak(utterance) {
      now = utterance;
      globalThis.spoken.push([utterance.text, utterance.lang]);
    },
    cancel() {
      globalThis.cancelled++;
      const ended = now;
      now = null;
      // As browsers do it: later.
      setTimeout(() => ended?.onerror?.({ error: 'interrupted' }));
    },
  };
  globalThis.finish = () => {
    const ended = now;
    now = null;
    ended.onend();
  };
  for (const [name, value] of Object.entries({ speechSynthesis: own, SpeechSynthesisUtterance: Utterance })) Object.defineProperty(globalThis, name, { configurable: true, value });
}, mute);
/** [[text, language], …] that it was given, and how often it was told to stop. */
export const heard = (page) => page.evaluate(() => [globalThis.spoken, globalThis.cancelled]);
