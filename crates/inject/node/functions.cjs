'use strict';
// Owns: where a function of the program was written. The runtime does not say, so its text is searched in the file that
// registered it, in those that this one imports, then in the project's other loaded files. Where types were taken out of
// the text, blanks stand for them; where a compiler rewrote it, the one declaration of the function's name is sought.
// Else the place of the registration is the answer.
//
// Each function is searched once.

const path = require('path');
const { statSync } = require('fs');
const { readFileSync } = require('./intrinsics.cjs');
const { inProject } = require('./code.cjs');

const FILES_MAX = 200;
const FILE_BYTES_MAX = 1024 * 1024;
/** A shorter text occurs by chance. */
const TEXT_MIN = 16;
/** Imports of a file that are followed. */
const IMPORTS_MAX = 50;
const IMPORT = /(?:from|import|require)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g;
const ENDINGS = ['', '.ts', '.tsx', '.js', '.mjs', '.cjs', '.mts', '.cts', '/index.ts', '/index.js'];
const TYPED = /\.[cm]?tsx?$/;

const places = new WeakMap();
const texts = new Map();

/** Place of a function; `registered` where its text is not found, or found twice. */
function placeOf(handler, registered) {
  if (typeof handler !== 'function') return registered;
  let known = places.get(handler);
  if (known === undefined) {
    known = search(handler, registered) ?? registered;
    places.set(handler, known);
  }
  return known;
}

function search(handler, registered) {
  const text = Function.prototype.toString.call(handler);
  const isNative = text.endsWith('{ [native code] }');
  const name = handler.name.replace(/^(bound )+/, '') || undefined;
  const first = registered?.path;
  const others = [...(first ? importsOf(first) : []), ...Object.keys(require.cache)];
  const files = new Set([first, ...others.filter((one) => inProject(one) !== null).slice(0, FILES_MAX)]);
  if (!isNative && text.length >= TEXT_MIN) {
    for (const file of files) {
      const line = file ? lineIn(file, text, file === first ? registered.line : null) : null;
      if (line !== null) return { path: file, line, name };
    }
  }
  if (name === undefined) return null;
  for (const file of files) {
    const line = file && (isNative || TYPED.test(file)) ? declarationIn(file, name) : null;
    if (line !== null) return { path: file, line, name };
  }
  return null;
}

/** Files of the project that a file imports by a relative path. */
function importsOf(file) {
  const found = [];
  for (const [, named] of [...(contentOf(file) ?? '').matchAll(IMPORT)].slice(0, IMPORTS_MAX)) {
    const target = path.resolve(path.dirname(file), named);
    // TypeScript names a source by what it is compiled to.
    const bases = /\.[cm]?jsx?$/.test(target) ? [target, target.replace(/js(x?)$/, 'ts$1')] : ENDINGS.map((ending) => target + ending);
    const existing = bases.find((one) => inProject(one) !== null && isFile(one));
    if (existing !== undefined) found.push(existing);
  }
  return found;
}

function isFile(name) {
  const about = statSync(name, { throwIfNoEntry: false });
  return about !== undefined && about.isFile() && about.size <= FILE_BYTES_MAX;
}

/** Line of the one declaration of a function's name in a file; null where it has none, or several. */
function declarationIn(file, name) {
  const content = contentOf(file);
  if (content === null || !/^[\w$]+$/.test(name)) return null;
  const word = name.replaceAll('$', '\\$');
  const declared = new RegExp(
    `\\bfunction\\s*\\*?\\s*${word}\\s*[(<]|\\b(?:const|let|var)\\s+${word}\\s*[=:]`
    + `|^[ \\t]+(?:(?:public|private|protected|static|readonly|async|override)\\s+)*${word}\\s*(?:=|\\([^'"\`\\n]*\\{\\s*$)`,
    'gm',
  );
  const found = [...content.matchAll(declared)];
  return found.length === 1 ? lineAt(content, found[0].index + found[0][0].search(/\S/)) : null;
}

/** Line of a text in a file; of several the first from `from` on, none without it. */
function lineIn(file, text, from) {
  const content = contentOf(file);
  if (content === null) return null;
  const find = TYPED.test(file) && content.indexOf(text) < 0 ? findStripped : (given, wanted, start) => given.indexOf(wanted, start);
  let at = find(content, text, 0);
  if (at < 0) return null;
  if (find(content, text, at + 1) >= 0) {
    if (from === null) return null;
    at = find(content, text, startOfLine(content, from));
    if (at < 0) return null;
  }
  return lineAt(content, at);
}

/** Where a text begins in a file of which it is a part without its types; -1 for nowhere. */
function findStripped(content, text, start) {
  const first = text.split(/\s/, 1)[0];
  for (let at = content.indexOf(first, start); at >= 0; at = content.indexOf(first, at + 1)) {
    if (isStrippedAt(content, text, at)) return at;
  }
  return -1;
}

function isStrippedAt(content, text, start) {
  if (start + text.length > content.length) return false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== content[start + at] && !/\s/.test(text[at])) return false;
  }
  return true;
}

function startOfLine(content, line) {
  let at = 0;
  for (let count = 1; count < line; count += 1) at = content.indexOf('\n', at) + 1;
  return at;
}

function lineAt(content, end) {
  let line = 1;
  for (let at = content.indexOf('\n'); at >= 0 && at < end; at = content.indexOf('\n', at + 1)) line += 1;
  return line;
}

function contentOf(file) {
  let content = texts.get(file);
  if (content === undefined) {
    try {
      content = readFileSync(file, 'utf8');
      if (content.length > FILE_BYTES_MAX) content = null;
    } catch {
      content = null;
    }
    if (texts.size >= FILES_MAX) texts.clear();
    texts.set(file, content);
  }
  return content;
}

module.exports = { placeOf };
