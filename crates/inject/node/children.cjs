'use strict';
// Owns: spans of the commands that the program starts, from their start to their observed end. The child's spans hang
// below: it is given `TRACEPARENT` where it is given the channel.
//
// Node announces each child; what it is started with is seen below all of its own checks, so that errors are its own.

const channels = require('diagnostics_channel');
const path = require('path');
const { text } = require('./attributes.cjs');
const { Span, KIND } = require('./span.cjs');
const { watch, quietly } = require('./patch.cjs');
const { onBuiltin } = require('./load.cjs');
const { here, nearestPackage } = require('./code.cjs');
const { apply, defineProperty } = require('./intrinsics.cjs');
const { report } = require('./channel.cjs');
const context = require('./context.cjs');

const ARGUMENTS_CHARACTERS_MAX = 4096;
/** Packages that start helpers of their own: a compiler's service, a runner's workers. */
const HELPERS = new Set([
  'esbuild', 'tsx', 'vite', 'vitest', 'tinypool', 'jest-worker', 'jest-haste-map', 'rollup', '@parcel/watcher', 'sass-embedded',
]);

const children = new WeakMap();

/** A span for a command that is about to start; null where a tool's library starts it. */
function begin(below) {
  const place = here(below);
  if (place === null && HELPERS.has(nearestPackage(below))) return null;
  return new Span('', KIND.INTERNAL).at(place);
}

function describe(span, file, args) {
  const name = path.basename(String(file ?? ''));
  span.name = name;
  span.set('process.executable.name', text(name, 256));
  span.set('process.command_args', bounded(Array.isArray(args) ? args : [file]));
}

function bounded(args) {
  const list = [];
  let room = ARGUMENTS_CHARACTERS_MAX;
  for (const argument of args) {
    const part = text(String(argument), room);
    list.push(part);
    room -= part.length;
    if (room <= 0) break;
  }
  return list;
}

/** Gives the child the span as its parent. The pairs are Node's own copy of the environment. */
function handOn(pairs, span) {
  if (!Array.isArray(pairs) || !pairs.some((pair) => pair.startsWith('KINO_CHANNEL='))) return;
  const pair = `TRACEPARENT=${context.traceparent(span)}`;
  const at = pairs.findIndex((one) => one.startsWith('TRACEPARENT='));
  if (at < 0) pairs.push(pair);
  else pairs[at] = pair;
}

function created({ process: child }) {
  const handle = child?._handle;
  const span = handle ? begin(created) : null;
  if (span === null) return;
  children.set(child, span);
  watch(Object.getPrototypeOf(child), 'emit', ended);
  const { spawn } = handle;
  defineProperty(handle, 'spawn', {
    configurable: true,
    writable: true,
    enumerable: false,
    value: function (...given) {
      delete handle.spawn;
      quietly('children.spawn', () => started(span, given))();
      const result = apply(spawn, handle, given);
      if (result === 0) span.set('process.pid', handle.pid);
      else if (result < 0) refused(child, span, result);
      return result;
    },
  });
}

/** Options as one object, or as separate arguments in newer versions. */
function started(span, given) {
  const [first] = given;
  const options = typeof first === 'object' && first !== null ? first : { file: first, args: given[1], envPairs: given[3] };
  describe(span, options.file, options.args);
  handOn(options.envPairs, span);
}

/** Errors that Node throws at once have no event; of the others it sets the exit code and says so later. */
function refused(child, span, code) {
  span.fail(errorName(code));
  process.nextTick(() => {
    if (child.exitCode === null) end(child, span);
  });
}

function ended(child) {
  const span = children.get(child);
  if (span !== undefined && (child.exitCode !== null || child.signalCode !== null)) end(child, span);
}

function end(child, span) {
  children.delete(child);
  if (child.exitCode !== null && child.exitCode < 0) span.fail(errorName(child.exitCode));
  else outcome(span, child.exitCode, child.signalCode);
  span.end();
}

function outcome(span, code, signal) {
  if (code !== null && code !== undefined) span.set('process.exit.code', code);
  if (signal) span.fail(signal);
  else if (code) span.fail(String(code));
}

function errorName(code) {
  return require('util').getSystemErrorName?.(code) ?? String(code);
}

/** `spawnSync`, `execSync` and `execFileSync` end in one function of the runtime. */
function patchSync() {
  if (process.permission || process.execArgv.includes('--pending-deprecation') || process.env.NODE_PENDING_DEPRECATION) return;
  const binding = process.binding('spawn_sync');
  const { spawn } = binding;
  binding.spawn = function seen(options) {
    let span = null;
    if (!context.isOff()) {
      try {
        span = begin(seen);
        if (span) started(span, [options]);
      } catch (error) {
        report('children.sync', error);
      }
    }
    const result = apply(spawn, this, [options]);
    if (span) quietly('children.sync', () => endedSync(span, result))();
    return result;
  };
}

function endedSync(span, result) {
  span.set('process.pid', result?.pid || undefined);
  if (result?.error) span.fail(errorName(result.error));
  outcome(span, result?.status, result?.signal);
  span.end();
}

function start() {
  channels.subscribe('child_process', quietly('children.created', created));
  onBuiltin('child_process', patchSync);
}

module.exports = { start };
