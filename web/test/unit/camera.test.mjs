import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from './bundle.mjs';

const { changed, grey, LOOK } = await bundle('views/camera_change.ts');
const { Loop } = await bundle('views/camera_loop.ts');

const N = LOOK.width * LOOK.height;
const scene = (f) => Uint8Array.from({ length: N }, (_, i) => Math.max(0, Math.min(255, f(i % LOOK.width, Math.floor(i / LOOK.width)))));
const room = scene((x, y) => 60 + 4 * x + 2 * y);
const noise = (amount, seed = 1) => {
  let s = seed;
  return room.map((v) => v + (((s = (Math.imul(s, 1664525) + 1013904223) >>> 0) >>> 16) % (2 * amount + 1)) - amount);
};

test('noise and exposure are no change, a hand and darkness are', () => {
  assert.ok(changed(null, room));
  assert.ok(!changed(room, room));
  assert.ok(!changed(room, noise(6)));
  assert.ok(!changed(room, room.map((v) => v + 25)), 'the camera adjusts');
  assert.ok(changed(room, room.map((v) => v >> 3)), 'the light went out');
  const hand = room.map((v, i) => (i % LOOK.width < 8 && i < 8 * LOOK.width ? 220 : v));
  assert.ok(changed(room, hand));
  assert.ok(!changed(room, room.map((v, i) => (i < 10 ? 255 : v))), 'a flicker at the edge');
  assert.ok(changed(room, scene((x, y) => 60 + 4 * (x > 2 ? x - 3 : x) + 40 * (y % 2))), 'the camera moved');
});

test('grey weighs the colours', () => {
  assert.deepEqual([...grey(new Uint8ClampedArray([255, 255, 255, 255, 0, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255]))], [255, 0, 149, 28]);
});

/** A loop whose time, camera and answers are the test's. */
function camera() {
  let time = 0;
  const log = [], asked = [], waits = [];
  const world = { picture: { picture: 'a', small: room }, ready: async () => {}, log, asked };
  const loop = new Loop({
    ready: () => world.ready(), look: () => world.picture,
    ask: (picture, signal, piece) => new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      asked.push({ picture, piece, fail: reject, answer: (text, ms = 500) => ((time += ms), resolve(text)) });
    }),
    onpiece: (text) => log.push(`… ${text}`), onanswer: (text) => log.push(text), onstate: (state) => log.push(`[${state}]`), onproblem: (e) => log.push(`! ${e.message}`),
    wait: (ms) => new Promise((resolve) => waits.push(() => ((time += ms), resolve()))), now: () => time,
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { loop, world, log, asked, turn, tick: async () => (waits.shift()?.(), turn()), last: () => asked.at(-1) };
}
const dark = room.map((v) => v >> 3);

test('asks again only when something changed', async () => {
  const { loop, world, log, asked, turn, tick, last } = camera();
  loop.start();
  await turn();
  last().piece('A ro');
  last().answer('A room');
  await turn();
  await tick();
  assert.deepEqual(log, ['[looking]', '… A ro', 'A room', '[still]']);
  await tick();
  await tick();
  assert.equal(asked.length, 1);
  world.picture = { picture: 'b', small: dark };
  await tick();
  assert.equal(last().picture, 'b');
  loop.stop();
  await turn();
  await tick();
  assert.equal(asked.length, 2);
  assert.deepEqual(log.slice(4), ['[looking]', '[off]']);
});

test('tells the pace of answers without rest', async () => {
  const { loop, world, turn, last, tick } = camera();
  loop.start();
  await turn();
  assert.equal(loop.pace, null);
  for (let i = 0; i < 12; i++) {
    world.picture = { picture: i, small: i % 2 ? room : dark };
    last().answer('x', 1700);
    await turn();
    await tick(); // 300 ms to read it
  }
  assert.equal(loop.pace, 30);
  world.picture = { picture: 1, small: room.map((v, i) => (i % 2 ? v : 255 - v)) };
  last().answer('y');
  await turn();
  await tick();
  await tick();
  loop.stop();
  assert.equal(loop.pace, null);
});

test('rests while hidden, and leaves the answer for another question', async () => {
  const { loop, log, asked, turn, tick, last } = camera();
  loop.start();
  await turn();
  loop.hide(true);
  await turn();
  last().piece('nobody reads this');
  assert.deepEqual(log, ['[looking]', '[hidden]']);
  await tick();
  assert.equal(asked.length, 1);
  loop.hide(false);
  await tick();
  assert.equal(asked.length, 2);
  loop.again();
  await turn();
  assert.equal(asked.length, 3, 'the same picture, another question');
  last().answer('words');
  await turn();
  await tick();
  loop.again();
  await tick();
  assert.equal(asked.length, 4);
  loop.stop();
});

test('ends when the model cannot be had, and after three failures in a row', async () => {
  const { loop, world, log, asked, turn, tick, last } = camera();
  world.ready = async () => { throw new Error('not downloaded'); };
  loop.start();
  await turn();
  assert.deepEqual(log, ['[looking]', '[off]', '! not downloaded']);
  world.ready = async () => {};
  loop.start();
  await turn();
  for (let i = 0; i < 2; i++) {
    last().fail(new Error('broken'));
    await turn();
    await tick();
  }
  assert.equal(loop.state, 'looking');
  last().fail(new Error('broken'));
  await turn();
  assert.equal(loop.state, 'off');
  assert.equal(log.at(-1), '! broken');
  assert.equal(asked.length, 3);
});
