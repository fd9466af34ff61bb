'use strict';
// Owns: spans of requests that the program sends by `http` or `https`: one a request, until the response has been read.
//
// Node announces requests; where it does so only at their end (before 22.12), the first moment before headers are made is
// seen in addition. `traceparent` is added only for targets on this machine or in its own network of names.

const channels = require('diagnostics_channel');
const { Span, KIND } = require('./span.cjs');
const { watch, quietly } = require('./patch.cjs');
const { onEmit } = require('./http_messages.cjs');
const { onBuiltin } = require('./load.cjs');
const { here } = require('./code.cjs');
const context = require('./context.cjs');
const { otlp } = require('./environment.cjs');

const requests = new WeakMap();
const responses = new WeakMap();
/** Requests of the bootstrap itself. */
const ours = new WeakSet();
/** Set while such a request is made. */
let own = false;

function began(request, below) {
  if (own || ours.has(request) || requests.has(request) || request.reusedSocket === undefined) return;
  const secure = request.protocol === 'https:';
  const host = String(request.getHeader?.('host') ?? request.host ?? 'localhost');
  const { name, port } = split(host, secure ? 443 : 80);
  if (isEngine(name, port)) return;
  const span = new Span(request.method, KIND.CLIENT);
  requests.set(request, span);
  span.set('http.request.method', request.method);
  span.set('url.full', `${request.protocol}//${host}${request.path}`);
  span.set('server.address', name);
  span.set('server.port', port);
  span.at(here(below));
  propagate(request, request.host ?? name, span);
}

function split(host, standard) {
  const match = /^(.*?)(?::(\d+))?$/.exec(host);
  return { name: match[1].replace(/^\[(.*)\]$/, '$1'), port: match[2] ? Number(match[2]) : standard };
}

/** True for loopback addresses, `localhost` and names without a dot. */
function isNear(host) {
  const name = String(host).toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (name === '::1' || name === '::ffff:127.0.0.1' || /^127(\.\d{1,3}){3}$/.test(name)) return true;
  return name === 'localhost' || name.endsWith('.localhost') || !/[.:]/.test(name);
}

/** True where spans go, by whatever exporter: the engine's address, under any name of this machine. */
function isEngine(host, port) {
  const engine = /:(\d+)\/?$/.exec(otlp ?? '');
  return engine !== null && Number(engine[1]) === port && isNear(host) && /[.:]|localhost$/i.test(host);
}

function propagate(request, host, span) {
  if (request.headersSent || !isNear(host) || request.getHeader('traceparent') !== undefined) return;
  request.setHeader('traceparent', context.traceparent(span));
}

function answered({ request, response }) {
  const span = requests.get(request);
  if (!span) return;
  patchResponses();
  span.set('http.response.status_code', response.statusCode);
  if (response.statusCode >= 400) span.fail(String(response.statusCode));
  responses.set(response, request);
}

function failed({ request, error }) {
  const span = requests.get(request);
  if (!span || span.ended) return;
  span.failBy(error);
  end(request);
}

function end(request) {
  const span = requests.get(request);
  if (!span) return;
  span.end();
}

let patched = false;

function patchResponses() {
  if (patched) return;
  patched = true;
  const { IncomingMessage, ClientRequest } = require('http');
  onEmit(IncomingMessage, (message) => {
    const request = responses.get(message);
    if (request && (message.readableEnded || message.destroyed)) {
      responses.delete(message);
      end(request);
    }
  });
  onEmit(ClientRequest, (request) => {
    if (request._closed && requests.has(request) && !responses.has(request.res)) end(request);
  });
}

/** Makes a request of the bootstrap itself, which has no span. */
function unseen(make) {
  own = true;
  try {
    const request = make();
    ours.add(request);
    return request;
  } finally {
    own = false;
  }
}

function start() {
  const created = quietly('http.client.created', function seen({ request }) { began(request, seen); });
  channels.subscribe('http.client.request.created', created);
  channels.subscribe('http.client.request.start', created);
  channels.subscribe('http.client.response.finish', quietly('http.client.response', answered));
  channels.subscribe('http.client.request.error', quietly('http.client.error', failed));
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12)) return;
  onBuiltin('http', ({ ClientRequest }) => {
    watch(ClientRequest.prototype, '_implicitHeader', function seen(request) { began(request, seen); });
  });
}

module.exports = { start, unseen, isNear, isEngine };
