'use strict';
// Owns: spans of jest's tests, and the libraries that they load: jest has a registry of modules of its own, in a realm of
// its own.
//
// The environment of a test file receives the runner's events; they are added to the classes that jest ships.

const { around, watch, alike } = require('./patch.cjs');
const { onLibrary, loaded } = require('./load.cjs');
const { apply } = require('./intrinsics.cjs');
const { report } = require('./channel.cjs');
const stacks = require('./stacks.cjs');
const tests = require('./test_spans.cjs');
const context = require('./context.cjs');

const spans = new WeakMap();

function patchEnvironment(exports) {
  const Environment = exports.TestEnvironment ?? exports.default ?? exports;
  const { prototype } = Environment;
  if (prototype.handleTestEvent) return;
  Object.defineProperty(prototype, 'handleTestEvent', {
    configurable: true,
    writable: true,
    value: function handleTestEvent(event) {
      if (context.isOff()) return;
      try {
        seen(this, event);
      } catch (error) {
        report('tests.jest', error);
      }
    },
  });
}

function seen(environment, event) {
  if (event.name === 'setup') stacks.installInRealm(environment.global.Error);
  else if (event.name === 'test_start') began(event.test);
  else if (event.name === 'test_skip' || event.name === 'test_todo') ended(event.test, 'skipped');
  else if (event.name === 'test_done') ended(event.test, null);
}

function began(test) {
  const span = tests.begin(test.name, suiteOf(test), 'jest');
  const place = placeOf(test.asyncError);
  tests.locate(span, place?.file, place?.line);
  spans.set(test, span);
  const { fn } = test;
  if (typeof fn !== 'function') return;
  const own = tests.inside(span);
  test.fn = alike(function (...given) {
    context.enter(own);
    return apply(fn, this, given);
  }, fn);
}

function suiteOf(test) {
  const names = [];
  for (let block = test.parent; block && block.name !== 'ROOT_DESCRIBE_BLOCK'; block = block.parent) names.unshift(block.name);
  return names.join(' > ');
}

/** The first frame outside of `node_modules` of the error that jest makes where a test is defined. */
function placeOf(error) {
  for (const line of String(error?.stack ?? '').split('\n').slice(1)) {
    const match = /\(?((?:file:\/\/)?\/[^()]*):(\d+):\d+\)?$/.exec(line);
    if (match && !match[1].includes('/node_modules/')) return { file: match[1], line: Number(match[2]) };
  }
  return null;
}

function ended(test, given) {
  const span = spans.get(test);
  if (!span) return;
  spans.delete(test);
  const [first] = test.errors ?? [];
  const error = Array.isArray(first) ? first[0] ?? first[1] : first;
  tests.end(span, given ?? outcomeOf(test, error), error);
}

function outcomeOf(test, error) {
  if (test.mode === 'skip' || test.mode === 'todo') return 'skipped';
  if (test.errors?.length > 0) {
    if (/^Exceeded timeout of /.test(error?.message ?? '')) return 'timed_out';
    return test.failing ? 'unexpected_success' : 'failed';
  }
  return test.failing ? 'expected_failure' : 'passed';
}

/** Modules in jest's own registries. */
function patchRuntime(exports) {
  const Runtime = exports.default ?? exports;
  // Jest 29 and before.
  around(Runtime.prototype, '_execModule', (_, [module]) => module, compiled);
  // Jest 30 has a loader of its own.
  watch(Runtime.prototype, 'requireInternalModule', ({ cjsLoader }) => {
    if (cjsLoader) around(Object.getPrototypeOf(cjsLoader), 'loadModule', (_, [module]) => module, compiled);
  });
}

function compiled(module, _, threw) {
  if (!threw && module?.filename) loaded(module.filename, module.exports, module);
}

function start() {
  onLibrary('jest-environment-node', ['build/index.js'], patchEnvironment);
  onLibrary('@jest/environment-jsdom-abstract', ['build/index.js'], patchEnvironment);
  onLibrary('jest-environment-jsdom', ['build/index.js'], patchEnvironment);
  onLibrary('jest-runtime', ['build/index.js'], patchRuntime);
}

module.exports = { start };
