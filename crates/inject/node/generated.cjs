'use strict';
// Owns: the way from positions in the text that V8 compiled to lines of the file that it was made of.
//
//   the file itself        positions are those of the file
//   the file, wrapped      the wrapper's length is taken off (test runners)
//   without its types      blanks stand where they were, positions are those of the file (Node's type stripping)
//   made of the file       by the source map that Node knows, or that the text contains

const Module = require('module');
const path = require('path');
const { fileURLToPath } = require('url');

const MAP = /^\s*\/\/[#@] sourceMappingURL=data:application\/json[^,\n]*?(;base64)?,([^\s'"]+)\s*$/gm;
/** Vitest puts this before the first line of what a source map is about. */
const VITEST_WRAPPER = /^'use strict';async \(__vi[^\n]*?\)=>\{\{/;

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
    if (isStripped(file.text, source)) return Generated.shifted(source.slice(0, file.text.length), 0);
    try {
      const payload = mapIn(source) ?? Module.findSourceMap?.(url)?.payload;
      return payload && Generated.mapped(payload, source, (named) => isNamed(named, file));
    } catch {
      return undefined;
    }
  }

  /** By a source map, of which the sources that `isOf` accepts are the file; undefined where none is. */
  static mapped(payload, source, isOf) {
    const map = new Module.SourceMap(payload);
    const wrapper = VITEST_WRAPPER.exec(source)?.[0].length ?? 0;
    const places = [];
    let offset = 0;
    for (const [line, text] of source.split('\n').entries()) {
      const shift = line === 0 ? wrapper : 0;
      let before = null;
      for (const { index } of text.matchAll(WORD)) {
        const entry = index < shift ? undefined : map.findEntry(line, index - shift);
        const found = entry?.generatedLine === line && isOf(entry.originalSource) ? entry.originalLine + 1 : 0;
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

/** The map that a text contains; undefined where it has none. */
function mapIn(source) {
  const inline = [...source.matchAll(MAP)].at(-1);
  if (!inline) return undefined;
  return JSON.parse(inline[1] ? Buffer.from(inline[2], 'base64').toString() : decodeURIComponent(inline[2]));
}

/** Whether a text is the file's with blanks in the place of what is no JavaScript. */
function isStripped(text, source) {
  if (source.length < text.length) return false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== source[at] && !/[\s;]/.test(source[at])) return false;
  }
  return true;
}

/** Whether the script of a file is made of a source of this name. */
function isNamed(source, file) {
  if (!source) return false;
  const base = file.name.slice(file.name.lastIndexOf('/') + 1);
  const name = source.startsWith('file://') ? fileURLToPath(source) : source;
  return path.basename(name.replace(/[?#].*$/, '')) === base;
}

module.exports = { Generated };
