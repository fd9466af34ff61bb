'use strict';
// Owns: which span is the current one, through callbacks, promises and timers, and whether this process records at all.
//
// A context is a small frozen-shape object; `null` and `undefined` mean: the process's parent. Contexts are entered, not
// run: entering adds no frame to the program's stacks.

const { AsyncLocalStorage } = require('async_hooks');
const environment = require('./environment.cjs');
const { randomBytes } = require('./ids.cjs');

const storage = new AsyncLocalStorage();
/** Starts a trace of its own where the environment names no parent: once a process. */
const processParent = environment.parent ?? { traceId: randomBytes(16), spanId: '' };
let off = false;

/**
 * One context.
 *
 * `request`: the server's record of the request that it belongs to, or null. `foreign`: values of the OpenTelemetry API's
 * context, or undefined.
 */
class Context {
  constructor(traceId, spanId, request, foreign) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.request = request;
    this.foreign = foreign;
  }
}

/** The current context, or undefined. */
function current() {
  return storage.getStore();
}

/** Makes `context` the current one for the rest of this synchronous piece of work and what follows from it. */
function enter(context) {
  storage.enterWith(context);
}

/** Ids that a new span without an explicit parent has above it. */
function parent() {
  return storage.getStore() ?? processParent;
}

/** The context in which what a span does happens. */
function below(span, request) {
  const before = storage.getStore();
  return new Context(span.traceId, span.spanId, request ?? before?.request ?? null, before?.foreign);
}

/** `traceparent` of a span or context. */
function traceparent({ traceId, spanId }) {
  return `00-${traceId}-${spanId}-01`;
}

/** Passes everything through from now on: the program has tracing of its own. */
function switchOff() {
  off = true;
}

module.exports = { Context, current, enter, parent, processParent, below, traceparent, switchOff, isOff: () => off };
