// A picture's file, fetched with the extension's rights: they reach where the page's do not, so this file is careful with them.

const LARGEST = 50_000_000;

/** A host of the person's own network, as far as its name tells. */
export function isPrivate(host) {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (name.includes(':')) return /^(::1?$|::ffff:|f[cd]|fe[89ab])/.test(name);
  const ip = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(name);
  if (!ip) return !name.includes('.') || /\.(local|localhost|internal|lan|home|home\.arpa)$/.test(name);
  const [a, b] = [Number(ip[1]), Number(ip[2])];
  return a === 0 || a === 10 || a === 127 || (a === 100 && b >= 64 && b < 128) || (a === 169 && b === 254) || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168);
}

/**
 * The file, or null where the page's script has to send the picture itself: no right to fetch it, or no need.
 *
 * The words go into the page, where the page's own scripts read them. So a picture of another site is fetched without the person's cookies:
 * else a page could show a picture that only this person may see, and learn what is on it. For the same reason a page
 * of the internet gets nothing of the person's own network.
 */
export async function fetchPicture(url, page, signal) {
  if (!/^https?:/i.test(url ?? '')) return null;
  const from = new URL(url), at = new URL(page), same = from.origin === at.origin;
  const refuse = (where) => {
    if (!isPrivate(at.hostname) && isPrivate(new URL(where).hostname)) throw new Error(`The picture is on your own network (${new URL(where).host}): a page of the internet is not told of it`);
  };
  refuse(url);
  let response;
  try {
    response = await fetch(url, { credentials: same ? 'include' : 'omit', signal });
  } catch (error) {
    if (signal.aborted) throw error;
    return null; // no permission for that host, and it does not let everyone read
  }
  refuse(response.url);
  if (same && new URL(response.url).origin !== at.origin) return null; // sent on to another site, with cookies
  if (!response.ok) return null;
  if (Number(response.headers.get('content-length')) > LARGEST) throw new Error(`The picture is larger than ${LARGEST / 1e6} MB`);
  const blob = await response.blob();
  if (blob.size > LARGEST) throw new Error(`The picture is larger than ${LARGEST / 1e6} MB`);
  return /svg/i.test(blob.type) ? draw(blob) : blob;
}

/** A vector picture has pixels only once it is drawn. */
async function draw(blob) {
  const url = URL.createObjectURL(blob), image = Object.assign(new Image(), { src: url });
  try {
    await image.decode();
    const longer = Math.max(image.naturalWidth, image.naturalHeight) || 512, scale = Math.min(4096 / longer, Math.max(1, 512 / longer));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round((image.naturalWidth || 512) * scale)), Math.max(1, Math.round((image.naturalHeight || 512) * scale)));
    const context = canvas.getContext('2d');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  } finally {
    URL.revokeObjectURL(url);
  }
}
