'use strict';
// Owns: what a span of a statement is called: its operation and its table, found by the statement's first words. It reads
// at most the first 8 KiB, in linear time, and understands no more of SQL than that.

const TEXT_MAX = 8 * 1024;
const STATEMENTS_MAX = 2048;

/** Words after which the table's name comes. */
const BEFORE_TABLE = { SELECT: 'FROM', DELETE: 'FROM', INSERT: 'INTO', REPLACE: 'INTO', MERGE: 'INTO', UPDATE: 'UPDATE', COPY: 'COPY' };
/** Words between `CREATE TABLE` and the name, or `UPDATE` and the name. */
const FILLERS = new Set(['TABLE', 'IF', 'NOT', 'EXISTS', 'ONLY', 'OR', 'ROLLBACK', 'ABORT', 'REPLACE', 'FAIL', 'IGNORE', 'LOW_PRIORITY', 'LATERAL']);
const DEFINITIONS = new Set(['CREATE', 'DROP', 'ALTER', 'TRUNCATE']);

const known = new Map();

/** `{text, operation, table, name}` of a statement; `table` may be undefined. */
function statement(sql) {
  const given = typeof sql === 'string' ? sql : '';
  let found = known.get(given);
  if (found === undefined) {
    found = described(given.slice(0, TEXT_MAX));
    if (known.size >= STATEMENTS_MAX) known.clear();
    if (given.length <= TEXT_MAX) known.set(given, found);
  }
  return found;
}

function described(text) {
  const words = tokens(text);
  let operation = words[0]?.toUpperCase() ?? '';
  if (operation === 'WITH') operation = afterWith(words) ?? operation;
  if (!/^[A-Z]{2,20}$/.test(operation)) return { text, operation: undefined, table: undefined, name: 'SQL' };
  const table = tableOf(words, operation);
  return { text, operation, table, name: table ? `${operation} ${table}` : operation };
}

/** The statement after its common table expressions: the first verb outside of parentheses. */
function afterWith(words) {
  let depth = 0;
  for (const word of words) {
    if (word === '(') depth += 1;
    else if (word === ')') depth -= 1;
    else if (depth === 0 && /^(select|insert|update|delete)$/i.test(word)) return word.toUpperCase();
  }
  return null;
}

function tableOf(words, operation) {
  let at = 0;
  const before = BEFORE_TABLE[operation];
  if (before) at = outside(words, before);
  else if (DEFINITIONS.has(operation)) at = words.findIndex((word) => /^table$/i.test(word));
  else return undefined;
  if (at < 0) return undefined;
  at += 1;
  while (at < words.length && FILLERS.has(words[at].toUpperCase())) at += 1;
  const table = words[at];
  return table && /^[\w$.\u0080-\uffff-]{1,128}$/.test(table) ? table : undefined;
}

/** Index of the first such word outside of parentheses. */
function outside(words, wanted) {
  let depth = 0;
  for (let at = 0; at < words.length; at += 1) {
    if (words[at] === '(') depth += 1;
    else if (words[at] === ')') depth -= 1;
    else if (depth === 0 && words[at].toUpperCase() === wanted) return at;
  }
  return -1;
}

/** Words, names without their quotes, and parentheses; without comments and literals. */
function tokens(text) {
  const pattern = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|[()]|(?:[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|"[^"]*"|`[^`]*`|\[[^\]]*\])(?:\s*\.\s*(?:[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|"[^"]*"|`[^`]*`|\[[^\]]*\]))*/g;
  const found = [];
  for (const [word] of text.matchAll(pattern)) {
    if (word.startsWith('--') || word.startsWith('/*') || word.startsWith("'")) continue;
    found.push(/["`[.]/.test(word) ? word.replace(/["`[\]]|\s*(?=\.)|(?<=\.)\s*/g, '') : word);
    if (found.length >= 2000) break;
  }
  return found;
}

/** Sets the attributes of a statement, and the span's name. */
function describe(span, sql, system, namespace) {
  const { text, operation, table, name } = statement(sql);
  span.name = name;
  span.set('db.system.name', system).set('db.namespace', namespace).set('db.query.text', text);
  span.set('db.operation.name', operation).set('db.collection.name', table);
}

module.exports = { describe, statement };
