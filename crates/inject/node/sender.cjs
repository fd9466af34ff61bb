'use strict';
// Owns: the way of spans that no channel takes: OTLP over HTTP to the engine, in batches, in the background. It keeps no
// process alive: what waits when a process ends is sent by a thread while the process waits, for a bounded time.

const environment = require('./environment.cjs');
const { setTimeout: later, stringify } = require('./intrinsics.cjs');
const { SCOPE, resource } = require('./resource.cjs');

const QUEUE_MAX = 2048;
const BATCH_MAX = 512;
const DELAY_MILLISECONDS = 50;
const ANSWER_MILLISECONDS_MAX = 5000;
/** How long an end of the process may take because of what waits: an engine that listens takes some milliseconds. */
const END_MILLISECONDS_MAX = 500;
/** What the thread does at the end. It says when the engine has answered. */
const SEND = `
const { url, options, body, answered } = require('worker_threads').workerData;
const end = () => { Atomics.store(answered, 0, 1); Atomics.notify(answered, 0); };
const request = require('http').request(url, options);
request.on('error', end);
request.on('response', (response) => { response.resume(); end(); });
request.end(body);
`;

const queue = [];
let dropped = 0;
let waiting = false;
let watches = false;

function push(span) {
  if (!environment.otlp) return;
  if (!watches) {
    watches = true;
    process.on('exit', finish);
  }
  if (queue.length >= QUEUE_MAX) {
    dropped += 1;
    return;
  }
  queue.push(span);
  wait();
}

function wait() {
  if (waiting || queue.length === 0) return;
  waiting = true;
  later(flush, DELAY_MILLISECONDS).unref?.();
}

function flush() {
  const spans = queue.splice(0, BATCH_MAX);
  const body = requestOf(spans);
  try {
    post(body, spans.length);
  } catch {
    dropped += spans.length;
    done();
  }
}

function requestOf(spans) {
  const own = resource();
  if (dropped > 0) own.attributes.push({ key: 'kino.spans.dropped', value: { intValue: String(dropped) } });
  return stringify({ resourceSpans: [{ resource: own, scopeSpans: [{ scope: SCOPE, spans }] }] });
}

function url() {
  return `${environment.otlp}/v1/traces`;
}

function optionsOf(body) {
  return {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    timeout: ANSWER_MILLISECONDS_MAX,
  };
}

/** Sends what waits. Nothing but this thread can run any more, so that another one sends. */
function finish() {
  if (queue.length === 0) return;
  try {
    const body = requestOf(queue.splice(0));
    const answered = new Int32Array(new SharedArrayBuffer(4));
    const workerData = { url: url(), options: optionsOf(body), body, answered };
    const { Worker } = require('worker_threads');
    // Without variables the thread loads nothing of ours.
    new Worker(SEND, { eval: true, env: {}, execArgv: [], workerData }).unref();
    Atomics.wait(answered, 0, 0, END_MILLISECONDS_MAX);
  } catch {
    // A process that may start no thread loses them.
  }
}

function post(body, count) {
  const { unseen } = require('./http_client.cjs');
  const http = require('http');
  const request = unseen(() => http.request(url(), optionsOf(body)));
  request.on('socket', (socket) => socket.unref());
  request.on('timeout', () => request.destroy());
  request.on('error', () => {
    dropped += count;
  });
  request.on('response', (response) => {
    if (response.statusCode >= 300) dropped += count;
    response.resume();
  });
  request.on('close', done);
  request.end(body);
}

function done() {
  waiting = false;
  wait();
}

module.exports = { push, finish };
