// Every text of the element, so that a page can speak its own language: element.texts = { ask: 'Fragen', … }.

/** Words in braces are filled in. */
export interface AssistantTexts {
  addFirst: string;
  addHow: string;
  private: string;
  dropHere: string;
  choose: string;
  add: string;
  camera: string;
  samples: string;
  pictures: string;
  remove: string;
  removed: string;
  added: string;
  pictureFacts: string;
  describe: string;
  read: string;
  alt: string;
  describePrompt: string;
  describeManyPrompt: string;
  readPrompt: string;
  altPrompt: string;
  actions: string;
  question: string;
  placeholder: string;
  followUp: string;
  ask: string;
  stop: string;
  examplesLabel: string;
  /** One to a line. */
  examples: string;
  conversation: string;
  turn: string;
  you: string;
  answer: string;
  thoughts: string;
  waiting: string;
  looking: string;
  reading: string;
  stopped: string;
  cutOff: string;
  failed: string;
  empty: string;
  retry: string;
  again: string;
  edit: string;
  editLabel: string;
  editSave: string;
  editDrops: string;
  cancel: string;
  copy: string;
  copied: string;
  notCopied: string;
  speak: string;
  silence: string;
  noVoice: string;
  altPlain: string;
  altHtml: string;
  copyAlt: string;
  copyHtml: string;
  save: string;
  saveText: string;
  saveMarkdown: string;
  saveJson: string;
  saved: string;
  fileName: string;
  clear: string;
  cleared: string;
  undo: string;
  restored: string;
  model: string;
  modelNone: string;
  modelLoad: string;
  modelLoading: string;
  modelBytes: string;
  modelReady: string;
  modelFailed: string;
  modelRetry: string;
  modelWait: string;
  cameraTitle: string;
  cameraTake: string;
  cameraSwitch: string;
  cameraStarting: string;
  cameraRefused: string;
  cameraNone: string;
  cameraFailed: string;
  cameraName: string;
  pastedName: string;
  notPicture: string;
  emptyFile: string;
  noPixels: string;
  tooLarge: string;
  heic: string;
  tiff: string;
  broken: string;
  notFetched: string;
  nothing: string;
  noPicture: string;
  noQuestion: string;
  busy: string;
  dismiss: string;
  first: string;
  speed: string;
  memory: string;
}

export const english: AssistantTexts = {
  addFirst: 'Add a picture to begin',
  addHow: 'Drop it here, paste it, or choose a file.',
  private: 'Your pictures and questions stay on this device.',
  dropHere: 'Drop to add',
  choose: 'Choose pictures',
  add: 'Add pictures',
  camera: 'Use the camera',
  samples: 'Or try one of these',
  pictures: 'Pictures for the next question',
  remove: 'Remove {name}',
  removed: '{name} removed',
  added: '{name} added',
  pictureFacts: '{width} × {height}, {size}',
  describe: 'Describe',
  read: 'Read the text',
  alt: 'Alt text',
  describePrompt: 'Describe this image.',
  describeManyPrompt: 'Describe these images.',
  readPrompt: 'Read the text in this image.',
  altPrompt: 'Describe this image in one sentence.',
  actions: 'What to do with the picture',
  question: 'Your question',
  placeholder: 'Ask a question',
  followUp: 'Ask more',
  ask: 'Ask',
  stop: 'Stop',
  examplesLabel: 'Example questions',
  examples: 'What is in the middle?\nHow many things are there?\nWhich colours do you see?',
  conversation: 'Conversation',
  turn: 'Question {n}',
  you: 'You',
  answer: 'Answer',
  thoughts: 'How it got there',
  waiting: 'Waiting for the model',
  looking: 'Looking at the picture',
  reading: 'Reading the question',
  stopped: 'Stopped.',
  cutOff: 'The answer was cut off at its longest allowed length.',
  failed: 'That did not work.',
  empty: 'The model had nothing to say.',
  retry: 'Try again',
  again: 'Answer again',
  edit: 'Edit',
  editLabel: 'Edit the question',
  editSave: 'Ask this instead',
  editDrops: 'What was asked after it ({n}) is removed, since it was built on the old answer.',
  cancel: 'Cancel',
  copy: 'Copy',
  copied: 'Copied',
  notCopied: 'The browser does not allow copying here. Select the text and copy it by hand.',
  speak: 'Read aloud',
  silence: 'Stop reading',
  noVoice: 'There is no voice on this device to read with.',
  altPlain: 'Alt text',
  altHtml: 'HTML',
  copyAlt: 'Copy text',
  copyHtml: 'Copy HTML',
  save: 'Save',
  saveText: 'As text',
  saveMarkdown: 'As Markdown',
  saveJson: 'As JSON',
  saved: '{name} saved',
  fileName: 'conversation',
  clear: 'Clear',
  cleared: 'The conversation was cleared.',
  undo: 'Undo',
  restored: 'The conversation is back.',
  model: 'Model',
  modelNone: 'The model is fetched with your first question.',
  modelLoad: 'Fetch it now',
  modelLoading: 'Getting the model ready',
  modelBytes: '{loaded} of {total} ({percent})',
  modelReady: 'Ready on {device}',
  modelFailed: 'The model could not be loaded.',
  modelRetry: 'Try again',
  modelWait: 'Your question is answered as soon as the model is ready.',
  cameraTitle: 'Take a picture',
  cameraTake: 'Take picture',
  cameraSwitch: 'Other camera',
  cameraStarting: 'Starting the camera. The browser may ask whether it is allowed.',
  cameraRefused: 'The camera was not allowed. Allow it in the browser’s settings for this page, or choose a file instead.',
  cameraNone: 'No camera was found. Connect one, or choose a file instead.',
  cameraFailed: 'The camera could not be started; another program may be using it. Choose a file instead, or try again.',
  cameraName: 'Photo {n}.jpg',
  pastedName: 'Pasted picture {n}',
  notPicture: '{name} is not a picture. Add a JPEG, PNG, WebP, GIF, BMP or AVIF file.',
  emptyFile: '{name} is empty (0 bytes). Save it again, or choose another file.',
  noPixels: '{name} has no pixels (0 × 0). Choose another picture.',
  tooLarge: '{name} has {width} × {height} pixels, more than 100 megapixels. Make it smaller first.',
  heic: '{name} is in the HEIC format, which this browser does not know. Save it as JPEG or PNG first.',
  tiff: '{name} is in the TIFF format, which this browser does not know. Save it as JPEG or PNG first.',
  broken: '{name} cannot be shown: the file is damaged, cut off, or of a kind that this browser does not know.',
  notFetched: '{name} cannot be fetched from here. Save the picture first, then add the file.',
  nothing: 'There was no picture in that. Drop or paste a picture file.',
  noPicture: 'Add a picture first.',
  noQuestion: 'Write a question first.',
  busy: 'An answer is being made. Stop it first, or wait for its end.',
  dismiss: 'Close this message',
  first: 'first words after {time}',
  speed: '{n} tokens a second',
  memory: '{size} of memory',
};

/** "{name} removed" with what the words in braces stand for. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, key: string) => (key in values ? String(values[key]) : whole));
}

/** Where a model runs, in a word or two. */
export function deviceName({ type, name }: { type: string; name: string }): string {
  return type === 'cpu' ? 'CPU' : name;
}

/** Numbers, bytes and seconds as the reader's language writes them. */
export class Numbers {
  constructor(private readonly language: string | undefined) {}
  private format(n: number, options: Intl.NumberFormatOptions): string {
    // A page may declare a language tag that does not exist.
    try {
      return new Intl.NumberFormat(this.language, options).format(n);
    } catch {
      return new Intl.NumberFormat(undefined, options).format(n);
    }
  }
  number(n: number, digits = 0): string {
    return this.format(n, { maximumFractionDigits: digits });
  }
  percent(share: number): string {
    return this.format(share, { style: 'percent' });
  }
  bytes(n: number): string {
    const unit = n < 1e3 ? 'byte' : n < 1e6 ? 'kilobyte' : n < 1e9 ? 'megabyte' : 'gigabyte';
    const value = n / { byte: 1, kilobyte: 1e3, megabyte: 1e6, gigabyte: 1e9 }[unit];
    return this.format(value, { style: 'unit', unit, unitDisplay: unit === 'byte' ? 'long' : 'short', maximumFractionDigits: value < 10 && unit !== 'byte' ? 1 : 0 });
  }
  seconds(ms: number): string {
    return this.format(ms / 1000, { style: 'unit', unit: 'second', unitDisplay: 'narrow', maximumFractionDigits: ms < 10_000 ? 2 : 0 });
  }
}
