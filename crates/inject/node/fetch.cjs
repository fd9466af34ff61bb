'use strict';
// Owns: spans of requests by `fetch` and by the `undici` package, from the request to the end of its response.
//
// Both announce their requests; nothing is wrapped.

const channels = require('diagnostics_channel');
const { Span, KIND } = require('./span.cjs');
const { quietly } = require('./patch.cjs');
const { here } = require('./code.cjs');
const { isNear, isEngine } = require('./http_client.cjs');
const context = require('./context.cjs');

const spans = new WeakMap();

function created({ request }) {
  const url = new URL(request.path, request.origin);
  const port = url.port ? Number(url.port) : url.protocol === 'https:' ? 443 : 80;
  if (isEngine(url.hostname.replace(/^\[(.*)\]$/, '$1'), port)) return;
  const span = new Span(request.method, KIND.CLIENT);
  spans.set(request, span);
  span.set('http.request.method', request.method);
  span.set('url.full', `${url.protocol}//${url.host}${request.path}`);
  span.set('server.address', url.hostname.replace(/^\[(.*)\]$/, '$1'));
  span.set('server.port', port);
  span.at(here(created));
  if (isNear(url.hostname) && !hasParent(request.headers)) request.addHeader('traceparent', context.traceparent(span));
}

/** Headers are a text in older versions, a flat list in newer ones. */
function hasParent(headers) {
  if (typeof headers === 'string') return /(^|\n)traceparent:/i.test(headers);
  return Array.isArray(headers) && headers.some((one) => String(one).toLowerCase() === 'traceparent');
}

function answered({ request, response }) {
  const span = spans.get(request);
  if (!span) return;
  span.set('http.response.status_code', response.statusCode);
  if (response.statusCode >= 400) span.fail(String(response.statusCode));
}

function finished({ request }) {
  spans.get(request)?.end();
  spans.delete(request);
}

function failed({ request, error }) {
  spans.get(request)?.failBy(error);
  finished({ request });
}

function start() {
  channels.subscribe('undici:request:create', quietly('fetch.create', created));
  channels.subscribe('undici:request:headers', quietly('fetch.headers', answered));
  channels.subscribe('undici:request:trailers', quietly('fetch.trailers', finished));
  channels.subscribe('undici:request:error', quietly('fetch.error', failed));
}

module.exports = { start };
