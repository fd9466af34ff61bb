'use strict';
// Owns: values of attributes as OTLP/JSON, bounded and well-formed whatever the program gave.

/** Characters of one text: an attribute is no store for documents. */
const TEXT_MAX = 64 * 1024;
/** Entries of one list. */
const LIST_MAX = 256;

/** One attribute. */
function attribute(key, value) {
  return { key, value: anyValue(value) };
}

function anyValue(value) {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) ? { intValue: String(value) } : doubleValue(value);
    case 'bigint':
      return { intValue: String(BigInt.asIntN(64, value)) };
    case 'boolean':
      return { boolValue: value };
    default:
      if (Array.isArray(value)) return { arrayValue: { values: value.slice(0, LIST_MAX).map(anyValue) } };
      return { stringValue: text(value, TEXT_MAX) };
  }
}

function doubleValue(value) {
  return Number.isFinite(value) ? { doubleValue: value } : { stringValue: String(value) };
}

/** A text of at most `longest` characters, without halves of surrogate pairs. Never calls the program's `toString`. */
function text(value, longest) {
  if (typeof value !== 'string') {
    if (value === null || value === undefined || typeof value === 'object' || typeof value === 'function') return '';
    value = String(value);
  }
  return (value.length > longest ? value.slice(0, longest) : value).toWellFormed();
}

module.exports = { attribute, text };
