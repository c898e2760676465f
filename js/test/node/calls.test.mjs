// Answers: aborted at any moment, in pieces, in conversations, in OpenAI's shape; and what they leave behind.
import assert from 'node:assert/strict';
import { createChat, GalagoError, InterruptableStoppingCriteria, openai, pipeline, TextStreamer, version } from '../../dist/node.js';
import { demo, gallery, image, node, read, refused, root, sample, words } from './lib.mjs';

const prompt = 'Describe this image.';

export const tests = {
  'aborted before, while reading the picture, at vision, prefill and decode': async () => {
    const vl = await demo(), reason = new Error('changed my mind');
    await refused(vl(sample(1), { signal: AbortSignal.abort() }), 'AbortError');
    for (const status of ['vision', 'prefill', 'piece']) {
      const control = new AbortController();
      let seen = false;
      const abort = () => ((seen = true), control.abort());
      const stream = vl.stream(sample(1), { signal: control.signal, max_new_tokens: 200, ignore_eos: true, progress_callback: (e) => e.status === status && abort() });
      stream.result.catch(() => {});
      await refused((async () => {
        for await (const piece of stream) if (status === 'piece' && piece) abort();
      })(), 'AbortError');
      assert(seen, `${status} was never reached`);
      await refused(stream.result, 'AbortError');
    }
    const control = new AbortController(), call = vl(sample(1), { signal: control.signal });
    setTimeout(() => control.abort(reason), 20);
    assert.equal(await call.catch((e) => e), reason);
    assert.equal((await vl(sample(1)))[0].generated_text, words[1], 'the next call is as ever');
  },
  'pieces make the whole; leaving the loop ends the answer': async () => {
    const vl = await demo();
    let text = '';
    const stream = vl.stream(sample(1));
    for await (const piece of stream) text += piece;
    const whole = await stream.result;
    assert.deepEqual([text, whole.text, whole.finish_reason], [words[1], words[1], 'stop']);
    const left = vl.stream(sample(1), { max_new_tokens: 400, ignore_eos: true });
    left.result.catch(() => {});
    for await (const _ of left) break;
    await refused(left.result, 'AbortError');
  },
  'streamer and stopping criteria': async () => {
    const vl = await demo();
    let text = '', ids = [];
    const streamer = new TextStreamer(vl.tokenizer, { callback_function: (t) => (text += t), token_callback_function: (t) => ids.push(...t) });
    const [r] = await vl(sample(1), { streamer });
    assert.equal(text, words[1]);
    // The last ids may have no text of their own.
    assert.deepEqual(ids.map(Number), r.token_ids.slice(0, ids.length));
    const stop = new InterruptableStoppingCriteria();
    const [short] = await vl(sample(1), { stopping_criteria: [stop, (all) => [all[0].length >= 4]], max_new_tokens: 100 });
    assert(words[1].startsWith(short.generated_text) && short.generated_text.length < words[1].length, short.generated_text);
  },
  'figures, logprobs, tokenizer, hash': async () => {
    const vl = await demo();
    const [r] = await vl(sample(1), { logprobs: 3, max_new_tokens: 5 });
    assert.deepEqual([r.logprobs.length, r.logprobs[0].length, r.tokens.length, r.candidates[0].length, r.finish_reason], [5, 3, 5, 3, 'length']);
    assert(r.logprobs.every((best, i) => best[0][0] === r.token_ids[i] && best[0][1] <= 0));
    assert.equal(await vl.tokenizer.decode(r.token_ids), r.generated_text);
    assert.deepEqual(await vl.tokenizer.encode('a red ring'), await vl.tokenizer.encode('a red ring'));
    assert.match(await vl.logitsHash(), /^[0-9a-f]{16}$/);
    assert(r.timings.prefill_ms > 0 && r.timings.decode_image_ms >= 0 && r.memory.wasm_bytes > 1e6 && r.device.type === 'cpu');
    assert.equal(version, JSON.parse(read(`${root}js/package.json`)).version);
  },
  'options that are wrong': async () => {
    const vl = await demo();
    for (const o of [{ max_new_tokens: 0 }, { temperature: -1 }, { top_p: 2 }, { stop: '' }, { logprobs: 65 }, { seed: 0.5 }]) await refused(vl(sample(1), o), 'argument', new RegExp(Object.keys(o)[0]));
    await refused(vl(sample(1), { num_beams: 4 }), 'unsupported');
    await refused(vl(sample(1), { prompt: 'word '.repeat(6000) }), 'argument');
    const qa = await demo('visual-question-answering');
    await refused(qa(sample(1)), 'argument', /question/);
    assert.match((await qa(sample(1), 'How many shapes are there?'))[0].answer, /\w/);
  },
  'a conversation keeps its state; a turn that fails is as if not said': async () => {
    const vl = await demo(), chat = await vl.createChat();
    const first = await chat.send(prompt, { image: sample(1) });
    assert.equal(first.text, words[1]);
    await refused(chat.send('And here?', { image: '/none.png' }), 'io');
    const second = await chat.send('How many shapes are there?');
    // The picture above all; the end of the first prompt is rendered otherwise in the second.
    assert(second.reused_tokens > first.image_tokens && second.image_tokens === first.image_tokens, `${second.reused_tokens} of ${second.prompt_tokens} tokens reused`);
    assert.equal(chat.messages.length, 4);
    await chat.reset();
    assert.equal(chat.messages.length, 0);
    await chat.dispose();
    await refused(chat.send('x'), 'argument', /disposed/);
    const own = await createChat('demo', { device: 'cpu', chat: { max_new_tokens: 3 } });
    assert.equal((await own.send('Hello')).completion_tokens <= 3, true);
    await own.dispose();
  },
  "OpenAI's shape, whole and in chunks": async () => {
    const client = await openai('demo', { device: 'cpu' });
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${read(sample(1)).toString('base64')}` } }, { type: 'text', text: prompt }] }];
    const whole = await client.chat.completions.create({ messages, logprobs: true, top_logprobs: 2 });
    assert.deepEqual([whole.choices[0].message.content, whole.choices[0].finish_reason, whole.object], [words[1], 'stop', 'chat.completion']);
    assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
    assert.equal(whole.choices[0].logprobs.content[0].top_logprobs.length, 2);
    let text = '', last;
    for await (const chunk of await client.chat.completions.create({ messages, stream: true, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta.content ?? '';
      last = chunk;
    }
    assert.deepEqual([text, last.usage.completion_tokens], [words[1], whole.usage.completion_tokens]);
    await refused(client.chat.completions.create({ messages: [] }), 'argument', /messages/);
    await client.dispose();
  },
  'after dispose': async () => {
    const vl = await pipeline('image-to-text', 'demo', { device: 'cpu' });
    const running = vl(sample(1));
    const disposed = vl.dispose();
    const e = await refused(running, 'argument', /disposed/);
    assert(e instanceof GalagoError);
    await disposed;
    await vl.dispose();
    await refused(vl(sample(1)), 'argument', /disposed/);
  },
  'memory is the same after 100 calls as after 10': async () => {
    const { code, out, err } = node(`
      import { pipeline } from 'galago';
      const vl = await pipeline('image-to-text', 'demo', { device: 'cpu' });
      const at = [];
      for (let i = 1; i <= 200; i++) {
        // (As many tokens each time: a conversation holds its prompt's.)
        await vl(${JSON.stringify(sample(1))}, { prompt: 'Say ' + (100 + i), max_new_tokens: 2 });
        if (i === 10 || i % 100 === 0) at.push({ ...await vl.memory(), rss: (gc(), process.memoryUsage().rss) });
      }
      console.log(JSON.stringify(at));`, { args: ['--expose-gc'], seconds: 550 });
    assert.equal(code, 0, err);
    const [ten, hundred, last] = JSON.parse(out);
    assert.deepEqual([hundred.wasm_bytes, last.wasm_bytes], [ten.wasm_bytes, ten.wasm_bytes]);
    assert.deepEqual([hundred.heap_used_bytes, last.heap_used_bytes], [ten.heap_used_bytes, ten.heap_used_bytes]);
    // The heaps of Node.js grow to their working size in the first hundred calls; 100 pictures that stayed would be 20 MB.
    assert(last.rss - hundred.rss < 10e6, `${((last.rss - hundred.rss) / 1e6).toFixed(1)} MB more`);
  },
  'memory has the size of the largest call, whatever comes between': async () => {
    const { code, out, err } = node(`
      import { pipeline } from 'galago';
      const vl = await pipeline('image-to-text', 'demo', { device: 'cpu' }), pictures = ${JSON.stringify(['card', 'chart', 'receipt'].map(gallery))}.concat(${JSON.stringify([sample(1), image('png_1x1.png')])});
      const call = (images, words, options) => vl({ images, prompt: 'word '.repeat(words) + '?' }, { max_new_tokens: 1, ...options });
      const measured = async () => (await call([pictures[0]], 5), vl.memory());
      // The largest first: what a call takes is given back within the engine, and the module keeps its pages for the next.
      await call(pictures.slice(0, 3), 60);
      await measured();
      const before = await measured();
      let seed = 7;
      const random = (n) => Math.floor(((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 2 ** 32) * n);
      for (let i = 0; i < 60; i++) {
        const images = Array.from({ length: 1 + random(2) }, () => pictures[random(5)]);
        await call(images, random(60), random(4) === 0 ? { signal: AbortSignal.timeout(random(300)) } : {}).catch((e) => { if (!/Timeout|Abort/.test(e.name)) throw e; });
      }
      console.log(JSON.stringify([before, await measured()]));`);
    assert.equal(code, 0, err);
    const [before, after] = JSON.parse(out);
    assert.equal(after.heap_used_bytes, before.heap_used_bytes, 'bytes in use');
    // Holes between what is in use may cost some pages; one of these pictures that stayed with each call would be 30 MB.
    assert(after.wasm_bytes - before.wasm_bytes <= 1e6, `${after.wasm_bytes - before.wasm_bytes} bytes more`);
  },
};
