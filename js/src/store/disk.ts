// Models that lie on this machine's disk (Node.js): opened where they are, never copied.
import { GalagoError } from '../errors.js';
import type { NodeModules } from './folder.js';
import { baseName } from './gguf_names.js';
import { pick, total } from './resolve.js';
import type { ModelFile, Resolved, SourceOptions } from './types.js';

/** The path that a text names, if something is there. A text that can only be a path must name something. */
export function pathOf({ fs, path, os }: NodeModules, text: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]+:/i.test(text)) return undefined; // an address; a drive's letter is single
  const at = path.resolve(text.startsWith('~/') ? path.join(os.homedir(), text.slice(2)) : text);
  if (fs.existsSync(at)) return at;
  if (/^(\.{0,2}[/\\]|~\/|[a-z]:)/i.test(text) || /\.(gguf|safetensors)$/i.test(text)) {
    throw new GalagoError('io', `${text}: there is no such file or folder (${at})`);
  }
  return undefined;
}

function listed({ fs, path }: NodeModules, dir: string): { paths: string[]; file(p: string, name: string): ModelFile } {
  const paths = fs.readdirSync(dir, { withFileTypes: true }).filter((e) => !e.isDirectory() && !e.name.startsWith('.')).map((e) => e.name);
  return {
    paths: paths.sort(),
    file: (p, name) => ({ name, size: fs.statSync(path.join(dir, p)).size, path: path.join(dir, p) }),
  };
}

export function folderFiles(node: NodeModules, dir: string, o: SourceOptions): Resolved {
  const r = pick({ where: dir, ...listed(node, dir) }, node.path.basename(dir) || 'model', o);
  return { id: dir, ...r, total: total(r.files) };
}

/** A GGUF file, or a safetensors file of a folder. A vision part elsewhere is named by its path. */
export function filePath(node: NodeModules, at: string, id: string, o: SourceOptions): Resolved {
  const { fs, path } = node;
  const dir = path.dirname(at), file = path.basename(at);
  if (!fs.existsSync(at)) throw new GalagoError('io', `${at}: there is no such file`);
  const elsewhere = o.mmproj && !fs.existsSync(path.join(dir, o.mmproj)) ? path.resolve(o.mmproj) : undefined;
  if (elsewhere && !fs.existsSync(elsewhere)) throw new GalagoError('io', `${o.mmproj}: there is no such file (${elsewhere})`);
  const r = pick({ where: at, ...listed(node, dir) }, path.basename(dir) || 'model', { ...o, file, mmproj: elsewhere ? '' : o.mmproj });
  if (elsewhere) {
    r.mmproj = baseName(elsewhere);
    r.files.push({ name: r.mmproj, size: fs.statSync(elsewhere).size, path: elsewhere });
  }
  return { id, ...r, total: total(r.files) };
}
