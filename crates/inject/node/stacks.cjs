'use strict';
// Owns: stack traces. The program's have no frame of the bootstrap, however it prints them; and the bootstrap finds the
// nearest frame of the project in its own.
//
// Node formats stacks through `Error.prepareStackTrace`. An accessor in its place removes the frames of this folder and
// leaves the rest, source maps included, to whatever the program or Node has there.

const { apply, defineProperty } = require('./intrinsics.cjs');

const { programHasHooks } = require('./context.cjs');

const OURS = __dirname + require('path').sep;

let captured = null;
let capturing = false;

/** The trace without frames of the bootstrap; the same array where it has none. */
function withoutOurs(trace) {
  if (!Array.isArray(trace)) return trace;
  for (const site of trace) {
    if (isOurs(site)) return trace.filter((one) => !isOurs(one));
  }
  return trace;
}

function isOurs(site) {
  const file = site.getFileName();
  if (typeof file !== 'string') return false;
  return file.startsWith(OURS) || (file === 'node:internal/async_hooks' && isTrampoline(site));
}

/** Node 20 and 22 put this frame at the end of stacks once contexts are in use, by the program or by us. */
function isTrampoline(site) {
  return site.getFunctionName() === 'callbackTrampoline' && !programHasHooks();
}

/** Replaces `Error.prepareStackTrace` of one realm; false where that would be noticed. */
function install(ErrorClass) {
  const before = ErrorClass.prepareStackTrace;
  if (typeof before !== 'function' && mapsSources()) return false;
  const byNode = typeof before === 'function' && before.name === 'ErrorPrepareStackTrace';
  const standard = byNode ? before : plainly;
  const wrappers = new WeakMap();
  let ofProgram = typeof before === 'function' && !byNode ? filtered(before, wrappers) : null;
  function ErrorPrepareStackTrace(error, trace) {
    if (capturing) return capture(trace);
    return apply(standard, this, [error, withoutOurs(trace)]);
  }
  try {
    defineProperty(ErrorClass, 'prepareStackTrace', {
      configurable: true,
      enumerable: false,
      get: () => (capturing || ofProgram === null ? ErrorPrepareStackTrace : ofProgram),
      set(value) {
        const isStandard = typeof value !== 'function' || value === ErrorPrepareStackTrace || value === standard;
        ofProgram = isStandard ? null : filtered(value, wrappers);
      },
    });
    return true;
  } catch {
    return false;
  }
}

/** The program's formatter, given traces without our frames. */
function filtered(formatter, wrappers) {
  if (wrappers.has(formatter)) return wrappers.get(formatter);
  const wrapper = function (error, trace) {
    return apply(formatter, this, [error, withoutOurs(trace)]);
  };
  defineProperty(wrapper, 'name', { value: formatter.name, configurable: true });
  wrappers.set(formatter, wrapper);
  wrappers.set(wrapper, wrapper);
  return wrapper;
}

/** The same for another realm that formats by itself; else Node formats its stacks by this realm's function. */
function installInRealm(ErrorClass) {
  return typeof ErrorClass?.prepareStackTrace === 'function' && install(ErrorClass);
}

/** One frame as the program's own formatter writes it (it may know source maps); null where there is none. */
function byProgram(site) {
  const formatter = Error.prepareStackTrace;
  if (typeof formatter !== 'function' || formatter.name === 'ErrorPrepareStackTrace') return null;
  try {
    const written = formatter(new Error('place'), [site]);
    return typeof written === 'string' ? written : null;
  } catch {
    return null;
  }
}

/** How V8 formats a stack by itself, for versions of Node without a function for it. */
function plainly(error, trace) {
  let head;
  try {
    head = apply(Error.prototype.toString, error, []);
  } catch {
    head = '<error>';
  }
  return trace.length === 0 ? head : `${head}\n    at ${trace.join('\n    at ')}`;
}

function mapsSources() {
  return process.sourceMapsEnabled === true || process.execArgv.includes('--enable-source-maps')
    || (process.env.NODE_OPTIONS ?? '').includes('--enable-source-maps');
}

function capture(trace) {
  captured = trace;
  return '';
}

/** Frames above the caller of `below`, nearest first, at most `limit`; empty where they cannot be had. */
function frames(limit, below) {
  const before = Error.stackTraceLimit;
  const holder = {};
  captured = null;
  try {
    if (before !== limit) Error.stackTraceLimit = limit;
    capturing = true;
    Error.captureStackTrace(holder, below);
    // Reading it formats it.
    void holder.stack;
  } catch {
    captured = null;
  } finally {
    capturing = false;
    if (before !== limit && canSetLimit) Error.stackTraceLimit = before;
  }
  return captured ?? [];
}

const canSetLimit = (() => {
  const property = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  return property !== undefined && property.writable === true;
})();

/** Room in stacks for one frame of ours, which is removed again; returns what to give `lessFrames`. */
function moreFrames() {
  const before = Error.stackTraceLimit;
  if (!canSetLimit || typeof before !== 'number' || !(before > 0) || before === Infinity) return 0;
  Error.stackTraceLimit = before + 1;
  return before;
}

function lessFrames(before) {
  if (before !== 0 && Error.stackTraceLimit === before + 1) Error.stackTraceLimit = before;
}

const installed = canSetLimit && install(Error);

module.exports = { frames, moreFrames, lessFrames, installInRealm, byProgram, installed, OURS };
