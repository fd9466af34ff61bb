'use strict';
// Owns: the way from positions in the text that V8 compiled to lines of the file that it was made of.
//
//   the file itself        positions are those of the file
//   the file, wrapped      the wrapper's length is taken off (test runners)
//   made of the file       by the source map that Node knows, or that the text contains

const Module = require('module');
const path = require('path');
const { fileURLToPath } = require('url');

const MAP = /\/\/[#@] sourceMappingURL=data:application\/json[^,]*?(;base64)?,([^\s'"]+)\s*$/;

/** Where a mapping may begin, or a block: a word, or another character that is no blank. */
const WORD = /[\p{L}\p{N}_$]+|[^\s\p{L}\p{N}_$]/gu;

class Generated {
  /** `places[i]`: offset, line of the file, for ascending offsets; each holds up to the next. A line of 0 is none. */
  constructor(places, length) {
    this.places = places;
    this.length = length;
  }

  /** Where the script is the file itself: its outermost function is as long. Undefined where it is not. */
  static direct(text, functions) {
    const outermost = functions[0]?.ranges[0];
    if (outermost?.startOffset !== 0 || outermost.endOffset !== text.length) return undefined;
    return Generated.shifted(text, 0);
  }

  /** `text` at `shift` of what was compiled. */
  static shifted(text, shift) {
    const places = [];
    let line = 1;
    let offset = 0;
    for (const part of text.split('\n')) {
      // Any word of a line that was executed makes it one that was: of `} else {` the second.
      for (const { index } of part.matchAll(WORD)) places.push([offset + shift + index, line]);
      offset += part.length + 1;
      line += 1;
    }
    return new Generated(places, shift + text.length);
  }

  /** The script of this source; undefined where no map leads to the file. */
  static of(url, file, source) {
    const shift = source.indexOf(file.text);
    if (shift >= 0) return Generated.shifted(file.text, shift);
    try {
      return Generated.mapped(url, file, source);
    } catch {
      return undefined;
    }
  }

  static mapped(url, file, source) {
    const inline = MAP.exec(source);
    const payload = inline
      ? JSON.parse(inline[1] ? Buffer.from(inline[2], 'base64').toString() : decodeURIComponent(inline[2]))
      : Module.findSourceMap?.(url)?.payload;
    if (!payload) return undefined;
    const map = new Module.SourceMap(payload);
    const places = [];
    let offset = 0;
    for (const [line, text] of source.split('\n').entries()) {
      let before = null;
      for (const { index } of text.matchAll(WORD)) {
        const entry = map.findEntry(line, index);
        const found = entry?.generatedLine === line && isOf(entry.originalSource, url, file) ? entry.originalLine + 1 : 0;
        if (found !== before) places.push([offset + index, found]);
        before = found;
      }
      offset += text.length + 1;
    }
    return places.some(([, line]) => line > 0) ? new Generated(places, source.length) : undefined;
  }

  /** Lines that these functions executed, and lines that they hold. */
  lines(functions) {
    const counted = new Uint8Array(this.length + 1).fill(2);
    const nested = functions.flatMap(({ ranges }) => ranges).sort(
      (one, other) => one.startOffset - other.startOffset || other.endOffset - one.endOffset,
    );
    for (const { startOffset, endOffset, count } of nested) counted.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    const executed = new Set();
    const executable = new Set();
    for (const [offset, line] of this.places) {
      if (line === 0 || counted[offset] === 2) continue;
      executable.add(line);
      if (counted[offset] === 1) executed.add(line);
    }
    return { executed, executable };
  }
}

/** Whether a map's source is the file. */
function isOf(source, url, file) {
  if (!source) return false;
  const base = file.name.slice(file.name.lastIndexOf('/') + 1);
  const name = source.startsWith('file://') ? fileURLToPath(source) : source;
  return path.basename(name.replace(/[?#].*$/, '')) === base;
}

module.exports = { Generated };
