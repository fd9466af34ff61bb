'use strict';
// Owns: what a span of a test says, whatever runner ran it.

const { fileURLToPath } = require('url');
const { readFileSync } = require('./intrinsics.cjs');
const { original } = require('./sourcemaps.cjs');
const { Span, KIND } = require('./span.cjs');
const context = require('./context.cjs');

const FILE_BYTES_MAX = 1024 * 1024;

/** Begins a test's span; `parent` is the context above it, or undefined. */
function begin(name, suite, framework, parent) {
  const span = new Span(name, KIND.INTERNAL, parent ?? context.processParent);
  return span.set('test.case.name', name).set('test.suite.name', suite || undefined).set('kino.test.framework', framework);
}

/** The context of what the test does. */
function inside(span) {
  return new context.Context(span.traceId, span.spanId, null, undefined);
}

/** Where the test was written; the line may be missing. */
function locate(span, file, line, column) {
  if (typeof file !== 'string') return;
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  const place = line ? original(file, path, line, column ?? 1) : { path };
  span.set('code.file.path', place.path).set('code.line.number', place.line);
}

/** Line on which a file has the test's name as a text; undefined where it has it never or more than once. */
function lineOfName(file, name) {
  try {
    const content = readFileSync(file, 'utf8');
    if (content.length > FILE_BYTES_MAX) return undefined;
    const found = ["'", '"', '`'].map((quote) => `${quote}${name}${quote}`).flatMap((wanted) => {
      const first = content.indexOf(wanted);
      return first < 0 ? [] : [first, content.indexOf(wanted, first + 1)].filter((at) => at >= 0);
    });
    return found.length === 1 ? content.slice(0, found[0]).split('\n').length : undefined;
  } catch {
    return undefined;
  }
}

/** Ends a test's span. `outcome` is one of the closed list; only `failed`, `error` and the like fail. */
function end(span, outcome, error, time) {
  const isFailure = outcome === 'failed' || outcome === 'error' || outcome === 'timed_out' || outcome === 'unexpected_success';
  if (error !== undefined && error !== null) {
    span.failBy(error);
    if (!isFailure) {
      span.status = 0;
      span.message = '';
    }
  } else if (isFailure) {
    span.fail(outcome);
  }
  span.set('test.case.result.status', isFailure ? 'fail' : 'pass').set('kino.test.outcome', outcome);
  span.end(time);
}

module.exports = { begin, inside, locate, lineOfName, end };
