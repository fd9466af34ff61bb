'use strict';
// Owns: manual spans of programs that use the OpenTelemetry API without an SDK: they join the other spans. A program that
// loads an SDK is left alone (`load.cjs`).
//
// Only what the API falls back to is replaced, so that an SDK that registers later takes over as it always does.

const { attribute, text } = require('./attributes.cjs');
const { Span } = require('./span.cjs');
const { apply } = require('./intrinsics.cjs');
const { onLibrary } = require('./load.cjs');
const { moreFrames, lessFrames } = require('./stacks.cjs');
const context = require('./context.cjs');

/** A span as the API has it. */
class ManualSpan {
  #span;

  constructor(span) {
    this.#span = span;
  }

  spanContext() {
    return { traceId: this.#span.traceId, spanId: this.#span.spanId, traceFlags: 1 };
  }

  setAttribute(key, value) {
    if (typeof key !== 'string' || key === '' || value === undefined || value === null) return this;
    const others = this.#span.attributes.filter((one) => one.key !== key);
    if (others.length < 128) this.#span.attributes = [...others, attribute(text(key, 256), value)];
    return this;
  }

  setAttributes(attributes) {
    for (const [key, value] of Object.entries(attributes ?? {})) this.setAttribute(key, value);
    return this;
  }

  addEvent(name, attributesOrTime, time) {
    const hasAttributes = isAttributes(attributesOrTime);
    const list = Object.entries(hasAttributes ? attributesOrTime : {}).slice(0, 64);
    const at = nanosOf(hasAttributes ? time : attributesOrTime);
    this.#span.event(text(name, 256), list.map(([key, value]) => attribute(key, value)), at);
    return this;
  }

  addLink({ context: target, attributes } = {}) {
    if (!target || this.#span.links.length >= 128) return this;
    const list = Object.entries(attributes ?? {}).map(([key, value]) => attribute(key, value));
    this.#span.links.push({ traceId: target.traceId, spanId: target.spanId, attributes: list });
    return this;
  }

  addLinks(links) {
    for (const link of links ?? []) this.addLink(link);
    return this;
  }

  setStatus({ code, message } = {}) {
    this.#span.status = code === 1 || code === 2 ? code : 0;
    this.#span.message = text(message ?? '', 4096);
    return this;
  }

  updateName(name) {
    this.#span.name = text(name, 1024);
    return this;
  }

  end(time) {
    this.#span.end(nanosOf(time));
  }

  isRecording() {
    return !this.#span.ended;
  }

  recordException(error) {
    const { status, message, attributes } = this.#span;
    this.#span.failBy(error);
    Object.assign(this.#span, { status, message, attributes });
  }
}

function isAttributes(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The API's times: a date, milliseconds, or seconds and nanoseconds. Undefined for none. */
function nanosOf(time) {
  if (Array.isArray(time)) return BigInt(time[0]) * 1_000_000_000n + BigInt(time[1]);
  if (time instanceof Date) return BigInt(time.getTime()) * 1_000_000n;
  if (typeof time !== 'number') return undefined;
  const milliseconds = time < performance.timeOrigin ? performance.timeOrigin + time : time;
  return BigInt(Math.round(milliseconds * 1000)) * 1000n;
}

/** Makes spans for one copy of the API. */
function tracerOf(api) {
  const tracer = {
    startSpan(name, options = {}, parent = api.context.active()) {
      const above = options.root ? undefined : api.trace.getSpanContext(parent);
      const span = new Span(text(name, 1024), (options.kind ?? 0) + 1, above ?? context.processParent, nanosOf(options.startTime));
      const manual = new ManualSpan(span);
      return manual.setAttributes(options.attributes).addLinks(options.links);
    },
    startActiveSpan(name, ...more) {
      const run = more.pop();
      const [options, parent = api.context.active()] = more;
      const span = tracer.startSpan(name, options, parent);
      return api.context.with(api.trace.setSpan(parent, span), run, undefined, span);
    },
  };
  return tracer;
}

/** The API's contexts over ours. */
function managerOf(api) {
  return {
    active() {
      const current = context.current();
      if (current?.foreign !== undefined) return current.foreign;
      if (!current) return api.ROOT_CONTEXT;
      const { request, traceId, spanId } = current;
      if (request?.span.spanId === spanId) return api.trace.setSpan(api.ROOT_CONTEXT, new ManualSpan(request.span));
      return api.trace.setSpanContext(api.ROOT_CONTEXT, { traceId, spanId, traceFlags: 1 });
    },
    with(foreign, run, self, ...given) {
      const before = context.current();
      const ids = api.trace.getSpanContext(foreign) ?? context.processParent;
      context.enter(new context.Context(ids.traceId, ids.spanId, before?.request ?? null, foreign));
      const limit = moreFrames();
      try {
        return apply(run, self, given);
      } finally {
        lessFrames(limit);
        context.enter(before);
      }
    },
    bind(foreign, target) {
      if (typeof target !== 'function') return target;
      const manager = this;
      return function (...given) {
        return manager.with(foreign, target, this, ...given);
      };
    },
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  };
}

function patchApi(api) {
  const tracer = tracerOf(api);
  const manager = managerOf(api);
  const tracers = api.ProxyTracer?.prototype;
  const contexts = Object.getPrototypeOf(api.context);
  if (typeof tracers?._getTracer !== 'function' || typeof contexts._getContextManager !== 'function') return;
  const getTracer = tracers._getTracer;
  tracers._getTracer = function () {
    const found = apply(getTracer, this, []);
    return context.isOff() || this._delegate ? found : tracer;
  };
  const getManager = contexts._getContextManager;
  contexts._getContextManager = function () {
    const found = apply(getManager, this, []);
    return context.isOff() || found.constructor?.name !== 'NoopContextManager' ? found : manager;
  };
}

function start() {
  onLibrary('@opentelemetry/api', ['build/src/index.js'], patchApi);
}

module.exports = { start };
