'use strict';
// Owns: spans of vitest's tests, in its worker processes and threads. The worker's state, which vitest publishes as a
// global, names the current test: an accessor there sees tests begin and end.

const tests = require('./test_spans.cjs');
const { report } = require('./channel.cjs');
const context = require('./context.cjs');
const { takeNow } = require('./lines.cjs');

const GLOBAL = '__vitest_worker__';

const open = new Map();
let known = null;

/** Looks for a new state whenever the event loop turns; keeps no loop alive. */
function look() {
  const state = globalThis[GLOBAL];
  if (state && state !== known) {
    known = state;
    watchState(state);
  }
  setImmediate(look).unref();
}

function watchState(state) {
  let { current } = state;
  Object.defineProperty(state, 'current', {
    configurable: true,
    enumerable: true,
    get: () => current,
    set(task) {
      current = task;
      if (context.isOff()) return;
      try {
        changed(task);
      } catch (error) {
        report('tests.vitest', error);
      }
    },
  });
}

function changed(task) {
  for (const [one, record] of open) {
    if (one !== task && one.result?.state !== 'run') ended(one, record);
  }
  // Vitest kills its workers once all files have run.
  if (task === undefined) takeNow();
  if (task?.type !== 'test' || open.has(task)) return;
  const span = tests.begin(task.name, suiteOf(task), 'vitest');
  const file = task.file?.filepath;
  tests.locate(span, file);
  const line = task.location?.line ?? tests.lineOfName(file, task.name);
  span.set('code.line.number', line);
  open.set(task, { span, outer: context.current() });
  context.enter(tests.inside(span));
}

function suiteOf(task) {
  const names = [];
  for (let suite = task.suite; suite && suite !== task.file; suite = suite.suite) names.unshift(suite.name);
  return names.join(' > ') || task.file?.name;
}

function ended(task, { span, outer }) {
  open.delete(task);
  const [error] = task.result?.errors ?? [];
  tests.end(span, outcomeOf(task, error), error);
  context.enter(outer);
}

function outcomeOf({ result, mode, fails }, error) {
  if (mode === 'skip' || result?.state === 'skip') return 'skipped';
  if (mode === 'todo') return 'skipped';
  if (result?.state === 'pass') return fails ? 'expected_failure' : 'passed';
  if (/^(Test|Hook) timed out in /.test(error?.message ?? '')) return 'timed_out';
  return fails ? 'unexpected_success' : 'failed';
}

/** True in a worker of vitest; a thread has no script's name yet. */
function isWorker(script) {
  return script === undefined ? process.env.VITEST === 'true' : /[\\/](vitest|tinypool)[\\/]dist[\\/]/.test(script);
}

function start() {
  if (isWorker(process.argv[1])) setImmediate(look).unref();
}

module.exports = { start };
