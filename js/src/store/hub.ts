// A hub's repositories: their ids, and the list of their files.
import { GalagoError } from '../errors.js';
import { Refused, networkError, retrying, send, type Net } from './http.js';
import type { SourceOptions } from './types.js';

export const HUB = 'https://huggingface.co';

export function hubBase(o: SourceOptions): string {
  const base = o.baseUrl ?? HUB;
  try {
    return new URL(base).href.replace(/\/+$/, '');
  } catch (e) {
    throw new GalagoError('argument', `baseUrl: '${base}' is not an absolute address`, { cause: e });
  }
}

export interface HubId {
  base: string;
  /** "owner/name" */
  repo: string;
  revision: string;
  /** A path in the repository that the address named. */
  file?: string;
}

/** "owner/name" or "owner/name@revision". */
export function hubId(text: string, o: SourceOptions): HubId | undefined {
  const m = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([\w./+-]+))?$/.exec(text);
  if (!m || /\.(gguf|json|safetensors)$/i.test(m[1]!)) return undefined;
  if (m[2] && o.revision && m[2] !== o.revision) throw new GalagoError('argument', `${text}: the option revision says '${o.revision}'; give one of the two`);
  return { base: hubBase(o), repo: m[1]!, revision: m[2] ?? o.revision ?? 'main' };
}

/** The repository of an address of the form .../owner/name/resolve/revision/path (or blob, as pages link it). */
export function hubAddress(url: URL): HubId | undefined {
  const m = /^\/([^/]+\/[^/]+)\/(?:resolve|blob)\/([^/]+)\/(.+)$/.exec(url.pathname);
  return m ? { base: url.origin, repo: m[1]!, revision: decodeURIComponent(m[2]!), file: decodeURIComponent(m[3]!) } : undefined;
}

export interface HubFile {
  path: string;
  size: number;
  sha256: string | undefined;
  /** Changes with the content. */
  version: string;
}

const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/');
export const fileUrl = (h: HubId, revision: string, path: string): string => `${h.base}/${h.repo}/resolve/${encodeURIComponent(revision)}/${encoded(path)}`;

/** The files of a revision and the commit that it stands for; undefined where the server keeps no such list. */
export async function listFiles(net: Net, h: HubId): Promise<{ commit: string; files: HubFile[] } | undefined> {
  const what = h.revision === 'main' ? h.repo : `${h.repo}@${h.revision}`;
  let text: string;
  try {
    const url = `${h.base}/api/models/${h.repo}/revision/${encodeURIComponent(h.revision)}?blobs=true`;
    text = await retrying(net, async () => (await send(net, url)).text(32 << 20));
  } catch (e) {
    // A mirror of files without an API: the files are asked for one by one, and say themselves what is missing.
    if (e instanceof Refused && (e.status === 404 || e.status === 405)) return undefined;
    throw networkError(`${what} on ${h.base}`, e);
  }
  interface Sibling { rfilename?: unknown; size?: unknown; blobId?: unknown; lfs?: { sha256?: unknown; size?: unknown } }
  let answer: { sha?: unknown; siblings?: Sibling[] };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    return undefined; // a page in the place of a list
  }
  if (!Array.isArray(answer?.siblings) || typeof answer.sha !== 'string') return undefined;
  const files: HubFile[] = [];
  for (const s of answer.siblings) {
    if (typeof s.rfilename !== 'string' || s.rfilename.split('/').some((part) => part === '' || part === '.' || part === '..')) continue;
    const size = Number.isSafeInteger(s.size) ? (s.size as number) : -1;
    const sum = typeof s.lfs?.sha256 === 'string' && /^[0-9a-f]{64}$/i.test(s.lfs.sha256) ? s.lfs.sha256.toLowerCase() : undefined;
    files.push({ path: s.rfilename, size, sha256: sum, version: sum ?? String(s.blobId ?? answer.sha) });
  }
  return { commit: answer.sha, files };
}
