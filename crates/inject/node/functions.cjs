'use strict';
// Owns: where a function of the program was written. The runtime does not say, so its text is searched in the file that
// registered it, then in the project's other loaded files; else the place of the registration is the answer.
//
// Each function is searched once.

const { readFileSync } = require('./intrinsics.cjs');
const { inProject } = require('./code.cjs');

const FILES_MAX = 200;
const FILE_BYTES_MAX = 1024 * 1024;
/** A shorter text occurs by chance. */
const TEXT_MIN = 16;

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
  if (text.length < TEXT_MIN || text.endsWith('{ [native code] }')) return null;
  const name = handler.name || undefined;
  const first = registered?.path;
  const line = first ? lineIn(first, text, registered.line) : null;
  if (line !== null) return { path: first, line, name };
  for (const file of Object.keys(require.cache).filter((one) => one !== first && inProject(one) !== null).slice(0, FILES_MAX)) {
    const other = lineIn(file, text, null);
    if (other !== null) return { path: file, line: other, name };
  }
  return null;
}

/** Line of a text in a file; of several the first from `from` on, none without it. */
function lineIn(file, text, from) {
  const content = contentOf(file);
  if (content === null) return null;
  let at = content.indexOf(text);
  if (at < 0) return null;
  if (content.indexOf(text, at + 1) >= 0) {
    if (from === null) return null;
    at = content.indexOf(text, startOfLine(content, from));
    if (at < 0) return null;
  }
  return lineAt(content, at);
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
