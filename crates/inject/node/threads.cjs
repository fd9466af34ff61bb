'use strict';
// Owns: the parent of what a worker thread does: the span in which the program started the thread. It travels in Node's
// data for new threads, under a name of our own, and only while a thread is made.

const { onBuiltin } = require('./load.cjs');
const { wrapClass } = require('./patch.cjs');
const { THREAD_KEY } = require('./environment.cjs');
const context = require('./context.cjs');

function patchWorker(threads) {
  const { Worker, setEnvironmentData } = threads;
  if (typeof setEnvironmentData !== 'function') return;
  threads.Worker = wrapClass(Worker, 'Worker', () => {
    const current = context.current();
    if (!current) return undefined;
    setEnvironmentData(THREAD_KEY, context.traceparent(current));
    return true;
  }, () => setEnvironmentData(THREAD_KEY, undefined));
}

function start() {
  onBuiltin('worker_threads', patchWorker);
}

module.exports = { start };
