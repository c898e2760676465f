// Runs the suite in one browser by itself: node run_browser.mjs [chromium|firefox|webkit] [--only TEXT]
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startHub } from '../hub/server.mjs';
import { bundleStoreSuite } from './bundle.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });
const driver = await import(`../browser/harness/${positionals[0] ?? 'chromium'}.mjs`);
await bundleStoreSuite();
const hub = await startHub();
let ended;
const end = new Promise((go) => (ended = go));
const page = `<!doctype html><script type="module">
import { runStoreSuite } from './build/browser_suite.js';
const say = (line) => fetch('/say', { method: 'POST', body: JSON.stringify(line) });
const run = runStoreSuite(${JSON.stringify(hub.url)}, { print: say, only: ${JSON.stringify(values.only)} });
await run.then((r) => say(r), (e) => say({ failed: 1, error: String(e.stack) }));
</script>`;
const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const parts = [];
    for await (const part of request) parts.push(part);
    const said = JSON.parse(Buffer.concat(parts));
    if (typeof said === 'string') console.log(said);
    else ended(said);
    response.end();
  } else if (request.url === '/') {
    response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  } else if (/^\/build\/\w+\.js$/.test(request.url)) {
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(await readFile(new URL(`.${request.url}`, import.meta.url)));
  } else {
    response.writeHead(request.url === '/favicon.ico' ? 204 : 404).end();
  }
});
await new Promise((go) => server.listen(0, '127.0.0.1', go));
const browser = await driver.launch({ device: 'cpu' });
console.log(browser.version);
const tab = await browser.open(`http://localhost:${server.address().port}/`, (message) => console.log(`browser: ${message}`));
const { failed, error } = await end;
if (error) console.log(error);
await tab.close();
await browser.close();
await hub.close();
server.closeAllConnections();
server.close();
process.exitCode = failed ? 1 : 0;
