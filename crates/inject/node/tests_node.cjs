'use strict';
// Owns: spans of tests of `node:test`. A test is an asynchronous resource that runs its function itself; reading the
// method for that announces the test, and two others its end. The reporter is the user's.

const { AsyncResource } = require('async_hooks');
const { watch } = require('./patch.cjs');
const { onBuiltin } = require('./load.cjs');
const { nanos } = require('./clock.cjs');
const tests = require('./test_spans.cjs');
const context = require('./context.cjs');

/** Span, context and end of each test. */
const records = new WeakMap();

function patchRunner() {
  watch(AsyncResource.prototype, 'runInAsyncScope', (resource) => {
    if (isTest(resource)) began(resource);
  });
}

function isTest(resource) {
  return resource !== AsyncResource.prototype && typeof resource.postRun === 'function' && Array.isArray(resource.subtests);
}

function began(test) {
  if (isHook(test) || test.reportedType === 'suite' || test.parent === null || records.has(test)) return;
  const prototype = ownerOf(test, 'postRun');
  watch(prototype, 'postRun', ran);
  watch(ownerOf(test, 'report'), 'report', reported);
  const above = recordAbove(test);
  const span = tests.begin(test.name, suiteOf(test), 'node:test', above?.context);
  tests.locate(span, test.loc?.file, test.loc?.line, test.loc?.column);
  const record = { span, context: tests.inside(span), end: 0n };
  records.set(test, record);
  context.enterResource(test, record.context);
}

function isHook(test) {
  return test.reportedType === 'hook' || test.parentTest !== undefined;
}

function ownerOf(object, name) {
  let owner = object;
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner);
  return owner;
}

function recordAbove(test) {
  for (let above = test.parent; above; above = above.parent) {
    if (records.has(above)) return records.get(above);
  }
  return null;
}

function suiteOf(test) {
  const names = [];
  for (let above = test.parent; above?.parent; above = above.parent) names.unshift(above.name);
  return names.join(' > ');
}

/** The test's function is done; what its subtests mean for it is known when it is reported. */
function ran(test) {
  const record = records.get(test);
  if (record && record.end === 0n) record.end = nanos();
}

function reported(test) {
  const record = records.get(test);
  if (!record || record.span.ended) return;
  tests.end(record.span, outcomeOf(test), causeOf(test), record.end || undefined);
}

/** What the test threw; the runner's own error where there was nothing. */
function causeOf({ passed, error }) {
  if (passed || !error) return undefined;
  return typeof error.cause === 'object' && error.cause !== null ? error.cause : error;
}

function outcomeOf(test) {
  if (test.skipped) return 'skipped';
  if (test.isTodo) return test.passed ? 'unexpected_success' : 'expected_failure';
  if (test.passed) return 'passed';
  const type = test.error?.failureType;
  if (type === 'testTimeoutFailure') return 'timed_out';
  return type === 'hookFailed' || type === 'cancelledByParent' ? 'error' : 'failed';
}

function start() {
  onBuiltin('test', patchRunner);
}

module.exports = { start };
