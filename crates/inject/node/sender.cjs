'use strict';
// Owns: the way of spans that no channel takes: OTLP over HTTP to the engine, in batches, in the background. It keeps no
// process alive: what is waiting when a process ends is lost.

const environment = require('./environment.cjs');
const { setTimeout: later } = require('./intrinsics.cjs');
const { SCOPE, resource } = require('./resource.cjs');

const QUEUE_MAX = 2048;
const BATCH_MAX = 512;
const DELAY_MILLISECONDS = 50;
const ANSWER_MILLISECONDS_MAX = 5000;

const queue = [];
let dropped = 0;
let waiting = false;

function push(span) {
  if (!environment.otlp) return;
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
  const own = resource();
  if (dropped > 0) own.attributes.push({ key: 'kino.spans.dropped', value: { intValue: String(dropped) } });
  const body = JSON.stringify({ resourceSpans: [{ resource: own, scopeSpans: [{ scope: SCOPE, spans }] }] });
  try {
    post(body, spans.length);
  } catch {
    dropped += spans.length;
    done();
  }
}

function post(body, count) {
  const { unseen } = require('./http_client.cjs');
  const http = require('http');
  const request = unseen(() => http.request(`${environment.otlp}/v1/traces`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    timeout: ANSWER_MILLISECONDS_MAX,
  }));
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

module.exports = { push };
