'use strict';
// Owns: the route and the handler of requests that Fastify answers, and what its handlers throw.
//
// Fastify reads the handler from a route's record right before it calls it: an accessor there sees which route answers.

const channels = require('diagnostics_channel');
const { watch, around, wrapClass, quietly } = require('./patch.cjs');
const { onLibrary } = require('./load.cjs');
const { serverOf, failed } = require('./http_server.cjs');
const { here } = require('./code.cjs');
const { placeOf } = require('./functions.cjs');

const ROUTES_MAX = 10_000;

/** Handler and place of each route as the program registered it, by method and path. */
const registered = new Map();

function created({ fastify }) {
  fastify.addHook('onRoute', quietly('fastify.route', function seen({ method, url, handler }) {
    if (registered.size >= ROUTES_MAX) registered.clear();
    registered.set(`${method} ${url}`, { handler, place: here(seen) });
  }));
}

function patchRoutes(Context, module) {
  module.exports = wrapClass(Context, 'Context', () => true, (_, route) => {
    if (route && Object.hasOwn(route, 'handler')) watch(route, 'handler', entered);
  });
}

function entered({ config }) {
  const record = serverOf();
  // The route of last resort has no path.
  if (record === null || typeof config?.url !== 'string') return;
  record.route = () => config.url;
  const known = registered.get(`${config.method} ${config.url}`);
  record.place = () => (known ? placeOf(known.handler, known.place) : null);
}

function start() {
  channels.subscribe('fastify.initialization', quietly('fastify.created', created));
  onLibrary('fastify', ['lib/context.js'], patchRoutes);
  onLibrary('fastify', ['lib/error-handler.js'], (exports) => {
    around(exports, 'handleError', (_, [, error]) => {
      failed(serverOf(), error);
      return true;
    }, () => undefined);
  });
}

module.exports = { start };
