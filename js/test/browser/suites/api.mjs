// The tasks, several pictures, batches, messages, streaming, chats and sampling of the public API.
import { bytes, device, expected, load, sample, url } from './lib.mjs';

const describe = 'Describe this image.';
const count = 'How many shapes are there?';
let galago, vl, one, two, words1, words2;

export async function before(t) {
  galago = await load();
  vl = await galago.pipeline('image-to-text', 'demo', device(t.env));
  [one, two] = [await bytes(t.env, sample(1)), await bytes(t.env, sample(2))];
  words1 = await expected(t.env, ['shapes-1.png']);
  words2 = await expected(t.env, ['shapes-2.png']);
}
export async function after() {
  await vl.dispose();
}

const textOf = ([result]) => result.generated_text.at(-1).content;

export const tests = {
  'a result carries its figures': async (t) => {
    const [r] = await vl(one, { prompt: describe, max_new_tokens: 40 });
    t.equal(r.generated_text, words1.text);
    t.equal(r.token_ids, words1.token_ids);
    t.equal([r.prompt_tokens, r.image_tokens, r.completion_tokens], [words1.prompt_tokens, words1.image_tokens, words1.token_ids.length]);
    t.equal(r.finish_reason, 'stop');
    t.ok(r.timings.first_token_ms > 0 && r.timings.decode_tok_s > 0 && r.timings.vision_ms > 0, JSON.stringify(r.timings));
    t.ok(r.memory.wasm_bytes > 0, JSON.stringify(r.memory));
    if (t.env.device === 'gpu') t.ok(r.memory.gpu_bytes > 10e6 && r.memory.gpu_buffers > 10, JSON.stringify(r.memory));
    t.note('timings', r.timings);
    t.note('memory', r.memory);
  },

  'a batch keeps its order': async (t) => {
    const many = await vl([one, two, one], { prompt: describe, max_new_tokens: 40 });
    t.equal(many.map((m) => m[0].generated_text), [words1.text, words2.text, words1.text]);
    t.equal(await vl([], { prompt: describe }), []);
  },

  'calls at the same time wait for one another': async (t) => {
    const both = await Promise.all([vl(one, { prompt: describe, max_new_tokens: 40 }), vl(two, { prompt: describe, max_new_tokens: 40 })]);
    t.equal(both.map((m) => m[0].generated_text), [words1.text, words2.text]);
  },

  'messages, several pictures': async (t) => {
    const want = await expected(t.env, ['shapes-1.png', 'shapes-2.png']);
    const messages = [{ role: 'user', content: [{ type: 'image', image: one }, { type: 'image', image: two }, { type: 'text', text: describe }] }];
    const result = await vl(messages, { max_new_tokens: 40 });
    t.equal(textOf(result), want.text);
    const open = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: url(t.env, sample(1)) } }, { type: 'image_url', image_url: { url: url(t.env, sample(2)) } }, { type: 'text', text: describe }] }];
    t.equal(textOf(await vl(open, { max_tokens: 40 })), want.text, 'in OpenAI\'s form');
  },

  'the other tasks': async (t) => {
    const want = await expected(t.env, ['shapes-1.png'], count);
    const ask = await galago.pipeline('visual-question-answering', 'demo', device(t.env));
    const [{ answer }] = await ask(one, count);
    t.equal(answer, want.text);
    await ask.dispose();
    const text = await galago.pipeline('image-text-to-text', 'demo', device(t.env));
    const result = await text([{ role: 'user', content: [{ type: 'image', image: one }, { type: 'text', text: count }] }], { max_new_tokens: 40 });
    t.equal(textOf(result), want.text);
    await text.dispose();
  },

  'a stream is the answer in pieces': async (t) => {
    const pieces = [];
    const stream = vl.stream(one, { prompt: describe, max_new_tokens: 40 });
    for await (const piece of stream) pieces.push(piece);
    t.equal(pieces.join(''), words1.text);
    t.ok(pieces.length > 1, `${pieces.length} pieces`);
  },

  'a stream left early ends the answer': async (t) => {
    for await (const piece of vl.stream(one, { prompt: describe, max_new_tokens: 40 })) {
      t.ok(words1.text.startsWith(piece.trim()) || piece !== undefined);
      break;
    }
    const [r] = await vl(two, { prompt: describe, max_new_tokens: 40 });
    t.equal(r.generated_text, words2.text, 'the next answer');
  },

  'TextStreamer and InterruptableStoppingCriteria': async (t) => {
    let said = '';
    const streamer = new galago.TextStreamer(vl.tokenizer, { skip_prompt: true, callback_function: (text) => (said += text) });
    await vl(one, { prompt: describe, max_new_tokens: 40, streamer });
    t.equal(said, words1.text);
    const stopping = new galago.InterruptableStoppingCriteria();
    let pieces = 0;
    const cut = new galago.TextStreamer(vl.tokenizer, { skip_prompt: true, callback_function: () => ++pieces === 3 && stopping.interrupt() });
    const [r] = await vl(one, { prompt: describe, max_new_tokens: 40, streamer: cut, stopping_criteria: stopping });
    t.ok(r.generated_text.length > 0 && words1.text.startsWith(r.generated_text.trimEnd()) && r.generated_text.length < words1.text.length, r.generated_text);
  },

  'lengths and stop strings': async (t) => {
    const [a] = await vl(one, { prompt: describe, max_new_tokens: 5 });
    t.equal([a.completion_tokens, a.finish_reason], [5, 'length']);
    t.ok(words1.text.startsWith(a.generated_text));
    const [b] = await vl(one, { prompt: describe, max_new_tokens: 40, stop: [', a green'] });
    t.equal(b.generated_text, words1.text.split(', a green')[0]);
  },

  'same seed, same words': async (t) => {
    const draw = async (seed) => (await vl(one, { prompt: describe, temperature: 3, seed, max_new_tokens: 24, ignore_eos: true }))[0].generated_text;
    const [a, b, c] = [await draw(1), await draw(1), await draw(2)];
    t.equal(a, b);
    t.ok(a !== c, 'two seeds, the same words');
  },

  'log-probabilities': async (t) => {
    const [r] = await vl(one, { prompt: describe, max_new_tokens: 5, logprobs: 3 });
    t.equal(r.logprobs.length, 5);
    for (const [i, best] of r.logprobs.entries()) {
      t.equal(best.length, 3);
      const [id, lp] = Array.isArray(best[0]) ? best[0] : [best[0].id ?? best[0].token_id, best[0].logprob];
      t.equal(id, words1.token_ids[i]);
      t.ok(lp <= 0 && lp > -5, `logprob ${lp}`);
    }
  },

  'a chat keeps its state between turns': async (t) => {
    const chat = await vl.createChat();
    const first = await chat.send(describe, { image: one, max_new_tokens: 40 });
    t.equal(first.text, words1.text);
    let said = '';
    const stream = chat.stream(count, { max_new_tokens: 40 });
    for await (const piece of stream) said += piece;
    const second = await stream.result;
    t.ok(second.reused_tokens > first.image_tokens, `${second.reused_tokens} tokens reused`);
    t.equal(said, second.text);
    // The same conversation in one call says the same.
    const messages = [{ role: 'user', content: [{ type: 'image', image: one }, { type: 'text', text: describe }] }, { role: 'assistant', content: first.text }, { role: 'user', content: count }];
    await vl.reset();
    const [whole] = await vl(messages, { max_new_tokens: 40 });
    t.equal(whole.text, second.text);
    t.equal(whole.generated_text.length, 4);
    await chat.dispose();
  },

  'OpenAI\'s client': async (t) => {
    const client = await galago.openai('demo', device(t.env));
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: url(t.env, sample(1)) } }, { type: 'text', text: describe }] }];
    const whole = await client.chat.completions.create({ model: 'demo', messages, max_tokens: 40, temperature: 0 });
    t.equal([whole.choices[0].message.content, whole.choices[0].finish_reason], [words1.text, 'stop']);
    t.equal([whole.usage.prompt_tokens, whole.usage.completion_tokens], [words1.prompt_tokens, words1.token_ids.length]);
    let said = '';
    for await (const chunk of await client.chat.completions.create({ messages, max_tokens: 40, temperature: 0, stream: true })) said += chunk.choices[0]?.delta.content ?? '';
    t.equal(said, words1.text);
    await client.dispose();
  },

  'tokenizer': async (t) => {
    const text = 'Grüße an 3 Füchse 🦊, and <|im_end|> as text.';
    t.equal(await vl.tokenizer.decode(await vl.tokenizer.encode(text)), text);
  },

  'probe answers before any download': async (t) => {
    const p = await galago.probe('demo', device(t.env));
    t.equal([p.supported, p.device.type], [true, t.env.device]);
    t.ok(p.reason.length > 10 && p.total_bytes > 11e6 && p.memory_bytes > 11e6, JSON.stringify(p));
    const none = await galago.probe(url(t.env, 'models/none.gguf'), device(t.env));
    t.equal(none.supported, false);
    t.match(none.reason, /404/);
  },

  'events while a model loads': async (t) => {
    const seen = [];
    const pipe = await galago.pipeline('image-to-text', 'demo', { ...device(t.env), progress_callback: (e) => seen.push(e) });
    await pipe.dispose();
    const kinds = [...new Set(seen.map((e) => e.status))];
    t.equal(kinds.at(-1), 'ready');
    t.ok(kinds.includes('load'), kinds.join());
    const parts = seen.filter((e) => e.status === 'load').map((e) => e.progress);
    t.equal(parts, [...parts].sort((a, b) => a - b), 'the loading goes backwards');
  },
};
