// docs/JS.md names everything that the package exports, and nothing that it does not: node js/test/docs.mjs
//
// From dist/types (node js/build.mjs) come every export and every member of the exported types that a caller sees; each must stand in the
// reference as `code`. Every `code` in a table's first column must be one of these names. Prints what is missing and "N passed, N failed".
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const entries = ['node', 'elements/auto_alt', 'elements/image_assistant'].map((name) => at(`../dist/types/${name}.d.ts`)), text = readFileSync(at('../../docs/JS.md'), 'utf8');
const program = ts.createProgram(entries, { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'] });
const checker = program.getTypeChecker(), ours = (d) => d.getSourceFile().fileName.includes('/dist/types/');

// Every name, and where it was first seen.
const names = new Map();
const note = (name, where) => names.has(name) || names.set(name, where);

function members(type, where, depth = 0) {
  if (depth > 6) return;
  for (const t of type.isUnionOrIntersection() ? type.types : [type]) {
    if (t.isUnionOrIntersection()) {
      members(t, where, depth + 1);
      continue;
    }
    for (const p of t.getProperties?.() ?? []) {
      const d = p.declarations?.[0];
      if (!d || !ours(d) || p.name.startsWith('_') || ts.getCombinedModifierFlags(d) & ts.ModifierFlags.NonPublicAccessibilityModifier) continue;
      if (/Callback$/.test(p.name)) continue; // an element's, called by the browser
      if (names.has(p.name) && depth > 2) continue;
      note(p.name, where);
      const inner = checker.getTypeOfSymbol(p);
      if (inner.isStringLiteral() && /^[a-z]/i.test(inner.value)) note(inner.value, `${where}.${p.name}`);
      // Shapes written in place have no name of their own under which they could be noted.
      if (inner.symbol?.name === '__type' || inner.isUnionOrIntersection()) members(inner, `${where}.${p.name}`, depth + 1);
    }
    // The version's number is a literal too.
    if (t.isStringLiteral?.() && depth < 3 && /^[a-z]/i.test(t.value)) note(t.value, where);
  }
}
for (const symbol of entries.flatMap((entry) => checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry))))) {
  const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  note(symbol.name, 'export');
  members(real.flags & (ts.SymbolFlags.Type) ? checker.getDeclaredTypeOfSymbol(real) : checker.getTypeOfSymbol(real), symbol.name);
}

// What stands in backticks or in blocks of code, fenced or indented.
const code = [...text.matchAll(/```[^\n]*\n([\s\S]*?)```|^ {4}(\S.*)$|`([^`\n]+)`/gm)].map((m) => m[1] ?? m[2] ?? m[3]).join('\n');
const said = new Set(code.match(/[A-Za-z_$][\w$-]*/g));
let passed = 0;
const failed = [];
for (const [name, where] of names) {
  if (said.has(name) || (/[^\w$-]/.test(name) && code.includes(name))) passed++;
  else failed.push(`${where}: ${name} is not in docs/JS.md`);
}
for (const row of text.matchAll(/^\| (`[^|]*`) \|/gm)) {
  for (const [, cell] of row[1].matchAll(/`([^`]+)`/g)) {
    const word = /^[A-Za-z_][\w-]*/.exec(cell.split('.').at(-1))?.[0];
    if (word && !names.has(word)) failed.push(`docs/JS.md: ${cell} is in no type`);
    else passed++;
  }
}
for (const f of failed) console.log(`FAILED ${f}`);
console.log(`${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length ? 1 : 0;
