// Names of hosts as people write them.

/** "https://News.example.org/page" → "news.example.org"; '' where it is none. A leading "*." takes in what is below it. */
export function host(text) {
  const bare = text.trim().toLowerCase().replace(/^[a-z]+:\/\//, '').replace(/[/?#:].*$/, '');
  if (!bare || /[^\w.*-]/.test(bare) && !/[^\x00-\x7f]/.test(bare)) return '';
  try {
    const below = bare.startsWith('*.'), { hostname } = new URL(`https://${below ? bare.slice(2) : bare}`);
    return /\*/.test(hostname) ? '' : below ? `*.${hostname}` : hostname;
  } catch {
    return '';
  }
}

/** Each once, in order. */
export const hosts = (list) => [...new Set(list.map(host).filter(Boolean))].sort();
