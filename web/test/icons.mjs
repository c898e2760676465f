// Makes the PNG icons from the drawings: node web/test/icons.mjs
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from '../../js/test/browser/harness/chromium.mjs';

const icons = fileURLToPath(new URL('../icons/', import.meta.url));
const chromium = await launch();
for (const [drawing, size, name] of [['icon', 192, 'icon-192'], ['icon', 512, 'icon-512'], ['maskable', 512, 'maskable-512']]) {
  const page = await chromium.context.newPage();
  await page.setViewportSize({ width: size, height: size });
  const svg = readFileSync(path.join(icons, `${drawing}.svg`), 'utf8').replace('<svg ', `<svg width="${size}" height="${size}" style="display:block" `);
  await page.setContent(`<body style="margin:0;background:transparent">${svg}`);
  await page.screenshot({ path: path.join(icons, `${name}.png`), omitBackground: true });
  await page.close();
}
await chromium.close();
