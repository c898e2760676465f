// The device goes away in the middle of an answer: the answer is completed with the same words, on the GPU opened again; when it
// goes away once more within the minute, on the CPU. The page is told.
import { bytes, device, expected, load, sample } from './lib.mjs';

const prompt = 'Describe this image.';

async function answerWithLoss(t, vl, picture, notices) {
  let text = '', lost = null;
  const stream = vl.stream(picture, { prompt, max_new_tokens: 40, progress_callback: (e) => e.status === 'notice' && notices.push(e.message) });
  for await (const piece of stream) {
    text += piece;
    lost ??= vl.loseDevice();
  }
  await lost;
  t.equal((await stream.result).text, text, 'pieces and whole');
  return text;
}

export const tests = {
  'in the middle of an answer': {
    seconds: 240,
    run: async (t) => {
      const { pipeline } = await load();
      const vl = await pipeline('image-to-text', 'demo', device(t.env));
      const [one, two] = [await bytes(t.env, sample(1)), await bytes(t.env, sample(2))];
      const words = [await expected(t.env, ['shapes-1.png']), await expected(t.env, ['shapes-2.png'])];
      const notices = [];
      t.equal(await answerWithLoss(t, vl, one, notices), words[0].text, 'the first loss');
      t.equal([notices.length, vl.device.type], [1, 'gpu'], `notices: ${notices.join(' | ')}`);
      t.equal((await vl(two, { prompt, max_new_tokens: 40 }))[0].generated_text, words[1].text, 'the next answer');
      t.equal(await answerWithLoss(t, vl, two, notices), words[1].text, 'the second loss');
      t.equal([notices.length, vl.device.type], [2, 'cpu'], `notices: ${notices.join(' | ')}`);
      t.equal((await vl(one, { prompt, max_new_tokens: 40 }))[0].generated_text, words[0].text, 'the answer after');
      t.note('notices', notices);
      await vl.dispose();
    },
  },

  'between answers': {
    seconds: 120,
    run: async (t) => {
      const { pipeline } = await load();
      const vl = await pipeline('image-to-text', 'demo', device(t.env));
      await vl.loseDevice();
      const [r] = await vl(await bytes(t.env, sample(3)), { prompt, max_new_tokens: 40 });
      t.equal(r.generated_text, (await expected(t.env, ['shapes-3.png'])).text);
      await vl.dispose();
    },
  },
};
