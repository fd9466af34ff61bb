'use strict';
// Owns: what the environment says, read once at the start: the program may change its variables later.
//
// It never writes a variable.

const path = require('path');

/** Name of the data by which a thread is given its parent. */
const THREAD_KEY = 'kino.traceparent';
const HEADER = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/;

/** Reads a W3C `traceparent`; null where it is missing or malformed. */
function parseTraceparent(text) {
  const match = typeof text === 'string' ? HEADER.exec(text.trim().toLowerCase()) : null;
  if (!match || /^0+$/.test(match[1]) || /^0+$/.test(match[2])) return null;
  return { traceId: match[1], spanId: match[2] };
}

/** Pairs of `OTEL_RESOURCE_ATTRIBUTES`, percent-decoded; a pair without `=` is left out. */
function resourceAttributes(text) {
  const pairs = [];
  for (const pair of (text ?? '').split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) pairs.push([decoded(pair.slice(0, at).trim()), decoded(pair.slice(at + 1).trim())]);
  }
  return pairs;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Name of the service where the environment gives none: the script's name. */
function scriptName(argv) {
  return argv[1] ? path.basename(argv[1]).replace(/\.[cm]?[jt]sx?$/, '') : 'node';
}

/** The span that started this thread; undefined in a process's first thread. */
function ofThread() {
  if (!process.moduleLoadList?.includes('NativeModule internal/process/worker_thread_only')) return undefined;
  return require('worker_threads').getEnvironmentData?.(THREAD_KEY);
}

const { env } = process;
const attributes = new Map(resourceAttributes(env.OTEL_RESOURCE_ATTRIBUTES));
if (env.OTEL_SERVICE_NAME) attributes.set('service.name', env.OTEL_SERVICE_NAME);
else if (!attributes.has('service.name')) attributes.set('service.name', scriptName(process.argv));

module.exports = {
  THREAD_KEY,
  parseTraceparent,
  /** Path of the file that takes finished spans. */
  channel: env.KINO_CHANNEL,
  /** `http://host:port` of the engine; undefined where spans end with `kino run`. */
  otlp: env.KINO_OTLP,
  /** Changed files whose executed lines are asked for; undefined where none are. */
  lines: env.KINO_LINES,
  /** Parent of the spans that have no other; null where the environment names none. */
  parent: parseTraceparent(ofThread()) ?? parseTraceparent(env.TRACEPARENT),
  /** Folder of the project's code, without a slash at its end. */
  project: path.resolve(env.KINO_PROJECT_DIR || process.cwd()).replace(/[\\/]+$/, ''),
  /** Pairs of the resource. */
  attributes,
};
