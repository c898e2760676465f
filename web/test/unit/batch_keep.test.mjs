import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from './bundle.mjs';

const { Queue } = await bundle('views/batch_queue.ts');
const { Keeper } = await bundle('views/batch_keep.ts');
const { Tab } = await bundle('views/batch_tab.ts');

/** A store in memory with room for so many bytes. */
function memoryStore(room = Infinity) {
  const lists = new Map(), rows = new Map(), files = new Map(), log = [];
  const used = () => [...files.values()].reduce((sum, blob) => sum + blob.size, 0);
  const mine = (map, id) => [...map].filter(([key]) => key.startsWith(`${id}/`));
  return {
    lists: async () => [...lists.values()], list: async (id) => lists.get(id),
    putList: async (record) => void lists.set(record.id, structuredClone(record)),
    rows: async (id) => mine(rows, id).map(([, row]) => row).sort((a, b) => a.id - b.id),
    file: async (id, row) => files.get(`${id}/${row}`),
    async write(id, writing) {
      const bytes = (writing.files ?? []).reduce((sum, [, blob]) => sum + blob.size, 0);
      await new Promise((r) => setTimeout(r, 1));
      if (used() + bytes > room) throw new DOMException('no room', 'QuotaExceededError');
      log.push({ rows: writing.rows.length, files: writing.files.length, bytes });
      for (const row of writing.rows) rows.set(`${id}/${row.id}`, structuredClone(row));
      for (const [row, blob] of writing.files) files.set(`${id}/${row}`, blob);
      for (const row of writing.gone) (rows.delete(`${id}/${row}`), files.delete(`${id}/${row}`));
    },
    async drop(id) {
      lists.delete(id);
      for (const map of [rows, files]) for (const [key] of mine(map, id)) map.delete(key);
    },
    log, sizes: () => [lists.size, rows.size, files.size],
  };
}

/** One browser: its locks, and tabs that come, are loaded again and go. */
function browser(store) {
  const held = new Set();
  return {
    held,
    tab(memory = new Map(), { room = null, folder } = {}) {
      const locks = [];
      const holds = {
        take: async (name) => {
          if (held.has(name)) return null;
          held.add(name);
          locks.push(name);
          return () => held.delete(name);
        },
        held: async () => new Set(held),
      };
      const waits = [];
      const tab = new Tab(holds, { getItem: (k) => memory.get(k) ?? null, setItem: (k, v) => memory.set(k, v), removeItem: (k) => memory.delete(k) }, async (ms) => void waits.push(ms));
      const queue = new Queue(async (row) => ({ text: `about ${row.name}`, prompt: '?' }));
      const keeper = new Keeper(store, tab, queue, {
        room: async () => room, picture: (row) => (row.folder === undefined ? blobs.get(row.id) : undefined), onchange() {}, delay_ms: 1, now: () => 5,
        meta: () => ({ preset: 'own', question: 'Is it red?', folders: folder ? { 1: folder } : {} }),
      });
      const blobs = new Map();
      const add = (n, size = 10, more = {}) => queue.add(Array.from({ length: n }, (_, i) => ({ name: `${i}.png`, size, type: '', ...more }))).forEach((row) => blobs.set(row.id, new Blob([new Uint8Array(size)])));
      return { tab, queue, keeper, memory, waits, add, close: () => (locks.forEach((name) => held.delete(name)), keeper.end()) };
    },
  };
}

test('a list comes back after a reload, pictures and answers and question', async () => {
  const store = memoryStore(), chrome = browser(store), first = chrome.tab();
  assert.equal(await first.keeper.back(), null);
  first.add(140);
  first.queue.rerun(2);
  await new Promise((r) => setTimeout(r, 20));
  await first.keeper.settle();
  assert.ok(first.keeper.safe);
  assert.deepEqual(store.sizes(), [1, 140, 140]);
  assert.ok(store.log.every(({ files }) => files <= 64), 'in small pieces');
  first.close();
  const second = chrome.tab(first.memory), back = await second.keeper.back();
  assert.deepEqual(back.rows.map((row) => row.state).join(''), `waitingdone${'waiting'.repeat(138)}`);
  assert.equal(back.rows[1].answer, 'about 1.png');
  assert.deepEqual([back.record.question, back.record.count, back.record.done], ['Is it red?', 140, 1]);
  second.queue.restore(back.rows);
  second.queue.edit(1, 'mine');
  second.queue.remove([3]);
  await second.keeper.settle();
  assert.deepEqual(store.sizes(), [1, 139, 139]);
  assert.deepEqual(store.log.at(-1), { rows: 1, files: 0, bytes: 0 }, 'only what changed is written again');
  assert.equal((await store.rows(second.tab.list))[0].answer, 'mine');
});

test('two tabs have lists of their own, a duplicated tab too', async () => {
  const store = memoryStore(), chrome = browser(store), one = chrome.tab(), two = chrome.tab();
  one.add(2);
  two.add(3);
  await Promise.all([one.keeper.settle(), two.keeper.settle()]);
  assert.notEqual(one.tab.list, two.tab.list);
  const copy = chrome.tab(new Map(one.memory));
  assert.equal(await copy.keeper.back(), null);
  assert.ok(copy.waits.length > 3, 'it waits for a page that is being loaded again');
  copy.add(1);
  await copy.keeper.settle();
  assert.deepEqual(store.sizes(), [3, 6, 6]);
  assert.equal((await store.rows(one.tab.list)).length, 2);
});

test('lists whose tab is gone are deleted, saved ones and open ones not', async () => {
  const store = memoryStore(), chrome = browser(store), open = chrome.tab(), saved = chrome.tab(), gone = chrome.tab();
  for (const tab of [open, saved, gone]) {
    tab.add(2);
    await tab.keeper.settle();
  }
  assert.ok(await saved.keeper.save('Holiday'));
  saved.close();
  gone.close();
  const fresh = chrome.tab();
  assert.equal(await fresh.keeper.sweep(10), 1);
  assert.deepEqual(fresh.waits, [10]);
  assert.deepEqual(store.sizes(), [2, 4, 4]);
  const [record] = await fresh.keeper.saveds();
  assert.equal(record.name, 'Holiday');
  const { rows } = await fresh.keeper.open(record.id);
  assert.equal(rows.length, 2);
  assert.ok(fresh.keeper.saved);
  assert.equal(await chrome.tab().keeper.open(record.id), null, 'another tab has it open');
});

test('a tab that comes back while others look keeps its list', async () => {
  const store = memoryStore(), chrome = browser(store), one = chrome.tab();
  one.add(1);
  await one.keeper.settle();
  one.close();
  const other = chrome.tab();
  other.tab.wait = async () => void (await chrome.tab(one.memory).keeper.back()); // the reload ends in the meantime
  assert.equal(await other.keeper.sweep(), 0);
  assert.deepEqual(store.sizes(), [1, 1, 1]);
});

test('without room the list goes on, and half a list is not left behind', async () => {
  const store = memoryStore(1500), chrome = browser(store), tab = chrome.tab();
  tab.add(200);
  await tab.keeper.settle();
  assert.equal(tab.keeper.state, 'full');
  assert.match(tab.keeper.problem, /no room/);
  assert.deepEqual(store.sizes(), [0, 0, 0]);
  assert.equal(tab.memory.size, 0);
  await tab.queue.start();
  assert.equal(tab.queue.counts.done, 200);
  tab.queue.remove(tab.queue.rows.slice(10).map((row) => row.id));
  await tab.keeper.turn(true);
  assert.equal(tab.keeper.state, 'on');
  assert.deepEqual(store.sizes(), [1, 10, 10]);
});

test('a storage that fails otherwise is told apart from a full one', async () => {
  const store = memoryStore(), tab = browser(store).tab();
  store.putList = async () => { throw new DOMException('a mutation operation was attempted on a database that did not allow mutations', 'InvalidStateError'); };
  tab.add(2);
  await tab.keeper.settle();
  assert.deepEqual([tab.keeper.state, /mutation/.test(tab.keeper.problem)], ['refused', true]);
  await tab.queue.start();
  assert.equal(tab.queue.counts.done, 2);
});

test('a storage that answers too late is not heard, and what it holds is left alone', async () => {
  const store = memoryStore(), chrome = browser(store), first = chrome.tab();
  first.add(3);
  await first.keeper.settle();
  first.close();
  const second = chrome.tab(first.memory), { list } = store;
  let answer;
  store.list = (id) => new Promise((resolve) => (answer = () => resolve(list(id))));
  const back = second.keeper.back();
  while (!answer) await new Promise((r) => setTimeout(r, 1));
  second.keeper.giveUp('no answer');
  second.add(2);
  answer();
  assert.equal(await back, null);
  await second.keeper.settle();
  assert.deepEqual([second.keeper.state, ...store.sizes()], ['refused', 1, 3, 3]);
  await second.keeper.turn(true);
  assert.deepEqual([second.keeper.state, ...store.sizes()], ['on', 2, 5, 5], 'a list of its own');
});

test('half of the free room stays free', async () => {
  const store = memoryStore(), tab = browser(store).tab(new Map(), { room: 100 });
  tab.add(6);
  await tab.keeper.settle();
  assert.equal(tab.keeper.state, 'full');
  assert.equal(store.log.length, 0, 'nothing was written to find out');
});

test('a saved list is not taken away when room runs out; saving that fails leaves nothing', async () => {
  const store = memoryStore(100), tab = browser(store).tab();
  tab.add(5);
  assert.ok(await tab.keeper.save('Five'));
  tab.add(40);
  await tab.keeper.settle();
  assert.equal(tab.keeper.state, 'full');
  assert.ok(tab.keeper.saved);
  assert.equal(store.sizes()[2], 5);
  const other = browser(store).tab();
  other.add(20);
  assert.equal(await other.keeper.save('Too much'), false);
  assert.deepEqual(store.sizes(), [1, 5, 5]);
});

test('turned off, nothing is kept, not even what is being written', async () => {
  const store = memoryStore(), tab = browser(store).tab();
  tab.add(140);
  const writing = tab.keeper.settle();
  await new Promise((r) => setTimeout(r, 2));
  await tab.keeper.turn(false);
  await writing;
  assert.deepEqual(store.sizes(), [0, 0, 0]);
  tab.queue.edit(1, 'x');
  await tab.keeper.settle();
  assert.deepEqual(store.sizes(), [0, 0, 0]);
  await tab.keeper.turn(true);
  assert.deepEqual(store.sizes(), [1, 140, 140]);
});

test('an emptied table: a saved list stays, another one goes', async () => {
  const store = memoryStore(), tab = browser(store).tab();
  tab.add(2);
  await tab.keeper.save('Kept');
  await tab.keeper.detach();
  tab.queue.clear();
  tab.add(3);
  await tab.keeper.settle();
  assert.deepEqual(store.sizes(), [2, 5, 5]);
  await tab.keeper.detach();
  tab.queue.clear();
  await tab.keeper.settle();
  assert.deepEqual(store.sizes(), [1, 2, 2]);
  const [{ id }] = await tab.keeper.saveds();
  await tab.keeper.deleteSaved(id);
  assert.deepEqual(store.sizes(), [0, 0, 0]);
});

test('pictures of a folder that can be read again are not copied', async () => {
  const store = memoryStore(), tab = browser(store).tab(new Map(), { folder: { name: 'Pictures' } });
  tab.add(3, 10, { folder: 1 });
  await tab.keeper.settle();
  assert.deepEqual(store.sizes(), [1, 3, 0]);
  assert.deepEqual((await store.lists())[0].folders, { 1: { name: 'Pictures' } });
});
