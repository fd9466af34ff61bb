'use strict';
// Owns: which span is the current one, through callbacks, promises and timers, and whether this process records at all.
//
// A context is a small frozen-shape object; `null` and `undefined` mean: the process's parent. Contexts are entered, not
// run: entering adds no frame to the program's stacks.

const { AsyncLocalStorage, AsyncResource, createHook } = require('async_hooks');
const environment = require('./environment.cjs');
const { randomBytes } = require('./ids.cjs');

const storage = new AsyncLocalStorage();
/** Starts a trace of its own where the environment names no parent: once a process. */
const processParent = environment.parent ?? { traceId: randomBytes(16), spanId: '' };
let off = false;
let entering = false;
let foreignHooks = false;

/**
 * One context.
 *
 * `request`: the server's record of the request that it belongs to, or null. `foreign`: values of the OpenTelemetry API's
 * context, or undefined. `place`: where the program asked for what a library does later on its own stack, or null.
 */
class Context {
  constructor(traceId, spanId, request, foreign, place = null) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.request = request;
    this.foreign = foreign;
    this.place = place;
  }
}

/** The current context, or undefined. */
function current() {
  return storage.getStore();
}

/** Makes `context` the current one for the rest of this synchronous piece of work and what follows from it. */
function enter(context) {
  entering = true;
  storage.enterWith(context);
  entering = false;
}

/**
 * Makes `context` the one in which an asynchronous resource runs. The resource remembers its context by a property of the
 * storage, or by one of its own, depending on the version of Node.
 */
function enterResource(resource, context) {
  // Node 22 has both, and looks at the storage's.
  const symbol = Object.getOwnPropertySymbols(resource).find((one) => one.description === 'context_frame');
  if (storage.kResourceStore || symbol === undefined) {
    // A storage that was never entered is not looked at.
    if (!storage.enabled) enter(undefined);
    if (storage.kResourceStore) resource[storage.kResourceStore] = context;
    return;
  }
  const before = storage.getStore();
  storage.enterWith(context);
  resource[symbol] = new AsyncResource('kino')[symbol];
  storage.enterWith(before);
}

/** True where the program itself follows asynchronous work, which shows in stacks of Node 20 and 22. */
function programHasHooks() {
  return foreignHooks;
}

/** Where contexts need hooks, the program's own are distinguished from ours: enabling them reads this method. */
function watchHooks() {
  const prototype = Object.getPrototypeOf(createHook({}));
  const { enable } = prototype;
  Object.defineProperty(prototype, 'enable', {
    configurable: true,
    enumerable: false,
    get() {
      if (!entering) foreignHooks = true;
      return enable;
    },
    set(value) {
      Object.defineProperty(this, 'enable', { value, writable: true, enumerable: false, configurable: true });
    },
  });
}

/** Ids that a new span without an explicit parent has above it. */
function parent() {
  return storage.getStore() ?? processParent;
}

/** The context in which what a span does happens. */
function below(span) {
  const before = storage.getStore();
  return new Context(span.traceId, span.spanId, before?.request ?? null, before?.foreign);
}

/** The current context with a place in the program's code. */
function placed(place) {
  const { traceId, spanId, request, foreign } = storage.getStore() ?? processParent;
  return new Context(traceId, spanId, request ?? null, foreign, place);
}

/** `traceparent` of a span or context. */
function traceparent({ traceId, spanId }) {
  return `00-${traceId}-${spanId}-01`;
}

/** Passes everything through from now on: the program has tracing of its own. */
function switchOff() {
  off = true;
}

watchHooks();

module.exports = { Context, enterResource, programHasHooks, current, enter, parent, processParent, below, placed, traceparent, switchOff, isOff: () => off };
