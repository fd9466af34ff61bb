'use strict';
// Owns: spans of requests that a server of `http` or `https` answers: one a request, from its headers to the end of the
// response, whatever framework lies over it. A framework adds the route and the handler (`serverOf`).
//
// Node announces each request; nothing is wrapped.

const channels = require('diagnostics_channel');
const { text } = require('./attributes.cjs');
const { parseTraceparent } = require('./environment.cjs');
const { Span, KIND } = require('./span.cjs');
const { quietly } = require('./patch.cjs');
const { onEmit } = require('./http_messages.cjs');
const context = require('./context.cjs');

/** Records of requests in progress, by request and by response. */
const records = new WeakMap();

function began({ request, response, socket }) {
  patchMessages();
  const span = new Span(request.method ?? 'HTTP', KIND.SERVER, parentOf(request));
  const record = { span, request, response, route: null, place: undefined, error: null, prefixes: null };
  span.set('http.request.method', text(request.method, 64));
  const target = request.url ?? '';
  const at = target.indexOf('?');
  span.set('url.path', text(at < 0 ? target : target.slice(0, at), 8192));
  if (at >= 0) span.set('url.query', text(target.slice(at + 1), 8192));
  span.set('url.scheme', socket?.encrypted ? 'https' : 'http');
  span.set('server.address', hostOf(request.headers?.host) ?? socket?.localAddress);
  span.set('server.port', socket?.localPort);
  span.set('client.address', socket?.remoteAddress);
  span.set('network.protocol.version', request.httpVersion);
  span.set('user_agent.original', request.headers?.['user-agent']);
  record.context = new context.Context(span.traceId, span.spanId, record, undefined);
  records.set(request, record);
  records.set(response, record);
  context.enter(record.context);
}

function parentOf(request) {
  return parseTraceparent(request.headers?.traceparent) ?? context.processParent;
}

/** Name of a `Host` header, without its port. */
function hostOf(host) {
  if (typeof host !== 'string' || host === '') return null;
  return host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
}

function ended(record, aborted) {
  const { span, request, response } = record;
  if (span.ended) return;
  const status = response.headersSent || !aborted ? response.statusCode : undefined;
  const route = record.route?.(record) ?? null;
  if (route !== null) {
    span.name = `${request.method} ${route}`;
    span.set('http.route', text(route, 1024));
  }
  span.set('http.response.status_code', status);
  span.at(record.place?.());
  if (record.error) span.failBy(record.error.thrown);
  if (status >= 500) span.fail(String(status));
  else if (aborted) span.fail('aborted');
  else if (record.error && status < 500) forgive(span);
  span.end();
  records.delete(request);
  records.delete(response);
}

/** An exception that the program answers with less than 500 is an answer, not a failure; the event remains. */
function forgive(span) {
  span.status = 0;
  span.message = '';
  span.attributes = span.attributes.filter(({ key }) => key !== 'error.type');
}

/** Notes what a handler threw; the first counts. */
function failed(record, thrown) {
  if (record && record.error === null) record.error = { thrown };
}

/** Record of the request that the current context belongs to, or null. */
function serverOf() {
  return context.current()?.request ?? null;
}

let patched = false;

/** Listeners of a request's and a response's events run in the request's context. */
function patchMessages() {
  if (patched) return;
  patched = true;
  const { IncomingMessage, ServerResponse } = require('http');
  onEmit(IncomingMessage, enterOf);
  onEmit(ServerResponse, (message) => {
    const record = enterOf(message);
    if (record && message._closed && !message.writableFinished) ended(record, true);
  });
}

function enterOf(message) {
  const record = records.get(message);
  if (record && serverOf() !== record) context.enter(record.context);
  return record;
}

function start() {
  channels.subscribe('http.server.request.start', quietly('http.server.start', began));
  channels.subscribe('http.server.response.finish', quietly('http.server.finish', ({ response }) => {
    const record = records.get(response);
    if (record) ended(record, false);
  }));
}

module.exports = { start, serverOf, failed };
