// node --test web/test/unit
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from './bundle.mjs';

const { Queue, RunProblem } = await bundle('views/batch_queue.ts');
const pictures = (n) => Array.from({ length: n }, (_, i) => ({ name: `${i}.png`, size: i, type: 'image/png' }));
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A queue whose answers come when the test says so. */
function manual() {
  let time = 0;
  const asked = [];
  const queue = new Queue((row, { signal, begin, piece }) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    asked.push({
      id: row.id, begin, piece, fail: (error) => reject(error),
      answer: (text, seconds = 1) => { time += seconds * 1e3; resolve({ text, prompt: 'what?', figures: { model: 'm', finish_reason: 'stop' } }); },
    });
  }), () => time);
  return { queue, asked, last: () => asked.at(-1), wait: (ms) => (time += ms) };
}
const states = (queue) => queue.rows.map((row) => row.state[0]).join('');
const counted = (queue) => {
  const seen = { waiting: 0, running: 0, done: 0, failed: 0 };
  for (const row of queue.rows) seen[row.state]++;
  assert.deepEqual({ ...queue.counts }, seen);
};

test('answers all in order and tells the time left', async () => {
  const { queue, last, wait } = manual();
  queue.add(pictures(3));
  const end = queue.start();
  assert.equal(queue.secondsLeft(), null);
  wait(60_000);
  last().begin(); // the minute before was the model's
  last().piece('a');
  assert.equal(queue.get(1).answer, 'a');
  last().answer('a.', 4);
  await turn();
  assert.equal(states(queue), 'drw');
  assert.equal(queue.secondsLeft(), 8);
  wait(1000);
  assert.equal(queue.secondsLeft(), 7);
  last().answer('b', 2);
  await turn();
  last().answer('c');
  await end;
  assert.equal(states(queue), 'ddd');
  assert.equal(queue.state, 'idle');
  assert.deepEqual(queue.rows.map((row) => [row.answer, row.seconds, row.prompt]), [['a.', 4, 'what?'], ['b', 3, 'what?'], ['c', 1, 'what?']]);
  counted(queue);
});

test('pauses behind the running row and resumes', async () => {
  const { queue, asked, last } = manual();
  queue.add(pictures(3));
  const end = queue.start();
  queue.pause();
  assert.equal(queue.state, 'pausing');
  last().answer('a');
  await end;
  assert.equal(queue.state, 'paused');
  assert.equal(asked.length, 1);
  queue.resume();
  assert.equal(last().id, 2);
  queue.pause();
  queue.resume(); // before the row ended: it simply goes on
  last().answer('b');
  await turn();
  assert.equal(last().id, 3);
  queue.pause();
  last().answer('c');
  await turn();
  assert.equal(queue.state, 'idle', 'nothing waits, so nothing is paused');
  counted(queue);
});

test('stops at once, the row waits again, and starts again before the old loop has ended', async () => {
  const { queue, asked, last } = manual();
  queue.add(pictures(2));
  queue.start();
  last().piece('half');
  queue.stop();
  assert.equal(queue.state, 'idle');
  const end = queue.start();
  await turn();
  assert.equal(states(queue), 'rw');
  assert.equal(asked.length, 2);
  assert.equal(queue.get(1).answer, '');
  last().answer('a');
  await turn();
  last().answer('b');
  await end;
  assert.equal(states(queue), 'dd');
  counted(queue);
});

test('goes on behind a row that fails, and retries what failed', async () => {
  const { queue, last } = manual();
  queue.add(pictures(2));
  queue.start();
  last().fail(new Error('no picture'));
  await turn();
  last().answer('b');
  await turn();
  assert.equal(states(queue), 'fd');
  assert.equal(queue.get(1).error, 'no picture');
  assert.equal(queue.retryFailed(), 1);
  assert.equal(states(queue), 'wd');
  queue.start();
  last().answer('a');
  await turn();
  assert.equal(states(queue), 'dd');
  assert.equal(queue.get(1).error, undefined);
  counted(queue);
});

test('ends the run where no row can be answered, and pauses behind five failures in a row', async () => {
  const { queue, asked, last } = manual();
  queue.add(pictures(8));
  queue.start();
  last().fail(new RunProblem('no model'));
  await turn();
  assert.equal(queue.state, 'idle');
  assert.deepEqual(queue.problem, { kind: 'run', message: 'no model' });
  assert.equal(states(queue), 'wwwwwwww');
  queue.start();
  assert.equal(queue.problem, null);
  for (let i = 0; i < 5; i++) {
    last().fail(new Error('broken'));
    await turn();
  }
  assert.equal(queue.state, 'paused');
  assert.deepEqual(queue.problem, { kind: 'failures', message: 'broken' });
  assert.equal(asked.length, 6);
  counted(queue);
});

test('removes rows, the running one too, and goes on with the next', async () => {
  const { queue, last } = manual();
  queue.add(pictures(4));
  queue.start();
  queue.remove([1, 3]);
  await turn();
  assert.equal(last().id, 2);
  assert.equal(states(queue), 'rw');
  counted(queue);
  queue.clear();
  await turn();
  assert.equal(queue.state, 'idle');
  assert.equal(queue.rows.length, 0);
  counted(queue);
  assert.equal(queue.add(pictures(1))[0].id, 5, 'numbers are never given twice: storage knows rows by them');
});

test('asks again about one row, alone where nothing runs, first where the run is on', async () => {
  const { queue, asked, last } = manual();
  queue.add(pictures(3));
  queue.start();
  last().answer('a');
  await turn();
  queue.rerun(1);
  last().answer('b');
  await turn();
  assert.equal(last().id, 1);
  last().answer('a2');
  await turn();
  assert.equal(last().id, 3);
  last().answer('c');
  await turn();
  queue.add(pictures(1));
  queue.rerun(2);
  await turn();
  last().answer('b2');
  await turn();
  assert.equal(asked.length, 5, 'the row that was added waits for Start');
  assert.deepEqual(queue.rows.map((row) => row.answer), ['a2', 'b2', 'c', '']);
  counted(queue);
});

test('keeps what a person writes, and the model\'s own words beside it', async () => {
  const { queue, last } = manual();
  queue.add(pictures(2));
  queue.start();
  last().answer('made');
  await turn();
  queue.edit(1, 'written');
  assert.deepEqual([queue.get(1).answer, queue.get(1).made], ['written', 'made']);
  queue.edit(1, 'made');
  assert.deepEqual([queue.get(1).answer, queue.get(1).made], ['made', undefined]);
  queue.edit(2, 'no, it is being answered');
  last().fail(new Error('x'));
  await turn();
  queue.edit(2, 'by hand');
  assert.deepEqual([queue.get(2).state, queue.get(2).answer, queue.get(2).error], ['done', 'by hand', undefined]);
  counted(queue);
});

test('takes up an earlier list', async () => {
  const { queue, last } = manual();
  queue.restore([{ id: 7, name: 'a', size: 1, type: '', state: 'done', answer: 'x' }, { id: 9, name: 'b', size: 1, type: '', state: 'running', answer: 'ha' }]);
  assert.equal(states(queue), 'dw');
  assert.equal(queue.get(9).answer, '');
  assert.equal(queue.add(pictures(1))[0].id, 10);
  queue.start();
  assert.equal(last().id, 9);
  queue.stop();
  await turn();
  counted(queue);
});
