'use strict';
// Owns: one span from its start to the record that is written at its end, and the process's open spans, which are
// written as they are where the process ends before them.

const { attribute, text } = require('./attributes.cjs');
const { nanos } = require('./clock.cjs');
const { randomBytes } = require('./ids.cjs');
const channel = require('./channel.cjs');
const context = require('./context.cjs');

const KIND = { INTERNAL: 1, SERVER: 2, CLIENT: 3 };
/** Characters of a name. */
const NAME_MAX = 1024;
const MESSAGE_MAX = 4 * 1024;
const STACK_MAX = 16 * 1024;
/** Open spans that the end of the process still writes. */
const OPEN_MAX = 4096;
const EVENTS_MAX = 128;

const open = new Set();

class Span {
  constructor(name, kind, parent = context.parent(), start = nanos()) {
    this.traceId = parent.traceId;
    this.spanId = randomBytes(8);
    this.parentSpanId = parent.spanId;
    this.name = name;
    this.kind = kind;
    this.start = start;
    this.attributes = [];
    this.events = [];
    this.links = [];
    this.status = 0;
    this.message = '';
    this.ended = false;
    if (open.size < OPEN_MAX) open.add(this);
  }

  /** Adds an attribute; nothing where the value is missing. The key must be new. */
  set(key, value) {
    if (value !== undefined && value !== null) this.attributes.push(attribute(key, value));
    return this;
  }

  has(key) {
    return this.attributes.some((one) => one.key === key);
  }

  /** Adds the attributes of a place in the code; nothing for null. */
  at(place) {
    if (!place) return this;
    if (place.sampled) return this.set('kino.code.sampled', true);
    return this.set('code.file.path', place.path).set('code.line.number', place.line).set('code.function.name', place.name);
  }

  /** Marks the span as failed. */
  fail(type, message = '') {
    this.status = 2;
    if (!this.message) this.message = text(message, MESSAGE_MAX);
    if (!this.has('error.type')) this.set('error.type', text(type, 256) || '_OTHER');
    return this;
  }

  /** Marks the span as failed by what was thrown, with an event. */
  failBy(error) {
    const { type, message, stack } = described(error);
    this.event('exception', [
      attribute('exception.type', type),
      attribute('exception.message', message),
      ...(stack ? [attribute('exception.stacktrace', stack)] : []),
    ]);
    return this.fail(type, message);
  }

  event(name, attributes, time = nanos()) {
    if (this.events.length < EVENTS_MAX) this.events.push({ name, timeUnixNano: String(time), attributes });
  }

  /** Leaves the span out. */
  discard() {
    this.ended = true;
    open.delete(this);
  }

  end(time = nanos()) {
    if (this.ended) return;
    this.ended = true;
    open.delete(this);
    channel.send({
      traceId: this.traceId,
      spanId: this.spanId,
      parentSpanId: this.parentSpanId,
      name: text(this.name, NAME_MAX),
      kind: this.kind,
      startTimeUnixNano: String(this.start),
      endTimeUnixNano: String(time < this.start ? this.start : time),
      attributes: this.attributes,
      ...(this.events.length > 0 && { events: this.events }),
      ...(this.links.length > 0 && { links: this.links }),
      ...(this.status > 0 && { status: { code: this.status, message: this.message } }),
    });
  }
}

/** Type, message and stack of what was thrown; whatever it is, and whatever its getters do. */
function described(error) {
  let type = typeof error;
  let message = '';
  let stack = '';
  try {
    if (error !== null && (type === 'object' || type === 'function')) {
      type = named(error) || type;
      const { code } = error;
      if (type === 'Error' && typeof code === 'string' && code) type = text(code, 256);
      message = text(error.message, MESSAGE_MAX);
      stack = typeof error.stack === 'string' ? text(error.stack, STACK_MAX) : '';
    } else {
      message = text(error, MESSAGE_MAX);
    }
  } catch {
    // A hostile getter; what was read before it remains.
  }
  return { type, message, stack };
}

/** The error's name; its class's where the name says nothing. */
function named(error) {
  const name = text(error.name, 256);
  return name === '' || name === 'error' ? text(error.constructor?.name, 256) || name : name;
}

/** Writes what is open: the process ends. */
function endAll() {
  for (const span of [...open]) span.end();
}

module.exports = { Span, KIND, described, endAll };
