// What a person can try at once.

/** Pictures in samples/, and what the demo model is offered to be asked about each: it answers these rightly. The texts ask.sample_1 and
 * on say what they show. */
export const SAMPLES: readonly (readonly [name: string, ...questions: string[]])[] = [
  ['shapes-1', 'How many shapes are there?', 'Which shape is green?', 'What colour is the ring?'],
  ['receipt', 'What is the total?', 'What is the date?', 'Give date and total as JSON.'],
  ['emoji', 'How many taxis are there?', 'Where is the banana?', 'List what is there with counts as JSON.'],
  ['chart', 'Which is the largest?', 'What is the value of Feb?', 'Give all values as JSON.'],
];
/** About pictures that nobody here has seen: what fits most of what the demo model knows. */
export const QUESTIONS = ['What is in this image?', 'What kind of document is this?', 'How many things are there?'];
