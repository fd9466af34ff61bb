'use strict';
// Owns: which lines of a JavaScript or TypeScript file hold code: more than blanks, comments and closing brackets.
//
// It knows strings, templates, comments, and regular expressions by what is before them.

/** A line of nothing but these executes nothing by itself. */
const PUNCTUATION = /^[\s{}()[\];,]*$/;
/** After these a slash begins a regular expression. */
const BEFORE_EXPRESSION = /(?:^|[=([{,;:!&|?+\-*%~^<>]|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield))\s*$/;

/** Numbers of the lines that hold code, from 1. */
function codeLines(text) {
  const lines = withoutComments(text).split('\n');
  const found = [];
  for (const [index, line] of lines.entries()) {
    if (!PUNCTUATION.test(line)) found.push(index + 1);
  }
  return found;
}

/** The text with comments blanked; every line keeps its length. */
function withoutComments(text) {
  const parts = [];
  let from = 0;
  let at = 0;
  /** Depths of braces at which a template goes on. */
  const templates = [];
  let depth = 0;
  while (at < text.length) {
    const character = text[at];
    const next = text[at + 1];
    if (character === '/' && (next === '/' || next === '*')) {
      const end = next === '/' ? lineEnd(text, at) : blockEnd(text, at);
      parts.push(text.slice(from, at), text.slice(at, end).replace(/[^\n]/g, ' '));
      from = end;
      at = end;
    } else if (character === '"' || character === "'") {
      at = stringEnd(text, at, character);
    } else if (character === '`') {
      at = templateEnd(text, at + 1, () => templates.push(depth));
    } else if (character === '{') {
      depth += 1;
      at += 1;
    } else if (character === '}') {
      at += 1;
      if (templates.at(-1) === depth) {
        templates.pop();
        at = templateEnd(text, at, () => templates.push(depth));
      } else {
        depth -= 1;
      }
    } else if (character === '/' && BEFORE_EXPRESSION.test(text.slice(Math.max(0, at - 40), at))) {
      at = expressionEnd(text, at);
    } else {
      at += 1;
    }
  }
  parts.push(text.slice(from));
  return parts.join('');
}

function lineEnd(text, at) {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

function blockEnd(text, at) {
  const end = text.indexOf('*/', at + 2);
  return end < 0 ? text.length : end + 2;
}

function stringEnd(text, at, quote) {
  for (let end = at + 1; end < text.length; end += 1) {
    if (text[end] === '\\') end += 1;
    else if (text[end] === quote || text[end] === '\n') return end + 1;
  }
  return text.length;
}

/** The end of a template's text: behind its last character, or behind the `${` of a part that is code. */
function templateEnd(text, at, opened) {
  for (let end = at; end < text.length; end += 1) {
    if (text[end] === '\\') end += 1;
    else if (text[end] === '`') return end + 1;
    else if (text[end] === '$' && text[end + 1] === '{') {
      opened();
      return end + 2;
    }
  }
  return text.length;
}

function expressionEnd(text, at) {
  let inClass = false;
  for (let end = at + 1; end < text.length; end += 1) {
    const character = text[end];
    if (character === '\\') end += 1;
    else if (character === '\n') return at + 1;
    else if (character === '[') inClass = true;
    else if (character === ']') inClass = false;
    else if (character === '/' && !inClass) return end + 1;
  }
  return text.length;
}

module.exports = { codeLines };
