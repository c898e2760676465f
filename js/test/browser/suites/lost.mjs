// The device goes away in the middle of an answer: the answer is completed with the same words, on the GPU opened again; when it
// goes away once more within the minute, on the CPU. The page is told.
import { bytes, device, expected, load } from './lib.mjs';

// Small pictures and short answers: on a software GPU a token takes a second. Answers without a near rival, as in words.mjs.
const prompt = 'Describe this image.';
const max_new_tokens = 12;
const names = ['bmp_rle8.bmp', 'png_grey8.png'];
const picture = (t, i) => bytes(t.env, `tests/data/images/${names[i]}`);
const ids = async (t, i) => (await expected(t.env, [names[i]])).token_ids.slice(0, max_new_tokens);
const answer = async (vl, input) => (await vl(input, { prompt, max_new_tokens }))[0].token_ids;

// Steps of several tokens are under way at once. Firefox's software adapter can have finished all of them when the first piece is here: there
// each token waits for a criterion's verdict, so that the loss falls into the answer.
async function answerWithLoss(t, vl, picture, notices) {
  let text = '', lost = null;
  const steps = t.env.browser === 'firefox' ? { stopping_criteria: () => false } : {};
  const stream = vl.stream(picture, { prompt, max_new_tokens, ...steps, progress_callback: (e) => e.status === 'notice' && notices.push(e.message) });
  for await (const piece of stream) {
    text += piece;
    lost ??= vl.loseDevice();
  }
  await lost;
  const result = await stream.result;
  t.equal(result.text, text, 'pieces and whole');
  return result.token_ids;
}

export const tests = {
  'in the middle of an answer': {
    seconds: 900,
    run: async (t) => {
      const { pipeline } = await load();
      const vl = await pipeline('image-to-text', 'demo', device(t.env));
      const [one, two] = [await picture(t, 0), await picture(t, 1)];
      const words = [await ids(t, 0), await ids(t, 1)];
      const notices = [];
      t.equal(await answerWithLoss(t, vl, one, notices), words[0], 'the first loss');
      t.equal([notices.length, vl.device.type], [1, 'gpu'], `notices: ${notices.join(' | ')}`);
      t.equal(await answer(vl, two), words[1], 'the next answer');
      t.equal(await answerWithLoss(t, vl, two, notices), words[1], 'the second loss');
      t.equal([notices.length, vl.device.type], [2, 'cpu'], `notices: ${notices.join(' | ')}`);
      t.equal(await answer(vl, one), words[0], 'the answer after');
      t.note('notices', notices);
      await vl.dispose();
    },
  },

  'between answers': {
    seconds: 600,
    run: async (t) => {
      const { pipeline } = await load();
      const vl = await pipeline('image-to-text', 'demo', device(t.env));
      await vl.loseDevice();
      t.equal(await answer(vl, await picture(t, 0)), await ids(t, 0));
      await vl.dispose();
    },
  },
};
