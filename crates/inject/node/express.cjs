'use strict';
// Owns: the route and the handler of requests that Express 4 and 5 (and the `router` package) answer, and what their
// handlers throw.
//
// Registration is wrapped, which runs once a route; while a request is answered only accessors run (`patch.cjs`).

const { watch, around, wrap } = require('./patch.cjs');
const { onLibrary } = require('./load.cjs');
const { serverOf, failed } = require('./http_server.cjs');
const { here } = require('./code.cjs');
const { placeOf } = require('./functions.cjs');

/** What is known of a layer of a router: its pattern, and where the program registered it. */
const layers = new WeakMap();

/** Registers what `use` or `route` of a router has added. */
function patchRegistration(routers) {
  const before = (router, given) => ({ router, given, count: router.stack?.length ?? 0, place: here(before) });
  const after = ({ router, given, count, place }) => {
    const first = Array.isArray(given[0]) && typeof given[0][0] === 'function' ? '/' : given[0];
    const pattern = typeof first === 'function' ? '/' : first;
    for (const layer of router.stack?.slice(count) ?? []) {
      layers.set(layer, { pattern: written(pattern), place });
      patchLayers(layer);
    }
  };
  around(routers, 'use', before, after);
  around(routers, 'route', before, after);
}

function written(pattern) {
  return Array.isArray(pattern) ? pattern.map(String).join('|') : String(pattern);
}

/** Follows the way of a request through the layers. */
function patchLayers(layer) {
  const prototype = Object.getPrototypeOf(layer);
  for (const name of ['handle_request', 'handleRequest']) {
    if (name in prototype) watch(prototype, name, entered);
  }
  for (const name of ['handle_error', 'handleError']) {
    around(prototype, name, (_, [thrown]) => {
      failed(serverOf(), thrown);
      return true;
    }, () => undefined);
  }
}

function entered(layer) {
  const record = serverOf();
  if (record === null) return;
  const known = layers.get(layer);
  if (known === undefined) {
    // A handler of a route; the last one answers.
    record.handler = layer.handle;
  } else if (layer.route) {
    const route = joined(prefixOf(record, record.request.baseUrl ?? ''), known.pattern);
    record.route = () => route;
    record.place = () => placeOf(record.handler, known.place);
  } else if (known.pattern !== '/') {
    enteredMount(record, known.pattern, layer.path);
  }
}

/** Notes which pattern the part of the path belongs to that a router is mounted under. */
function enteredMount(record, pattern, literal) {
  const base = record.request.baseUrl ?? '';
  record.prefixes ??= new Map();
  const above = aboveMount(record, base, pattern, literal);
  record.prefixes.set(base, joined(prefixOf(record, above), pattern));
}

/** The part of `base` above a mount: without its literal where the layer knows it, else without as many segments. */
function aboveMount(record, base, pattern, literal) {
  if (literal && base.endsWith(literal)) return base.slice(0, base.length - literal.length);
  if (/^[\w/:.~-]+$/.test(pattern)) {
    const count = pattern.split('/').filter(Boolean).length;
    const segments = base.split('/');
    return segments.slice(0, Math.max(1, segments.length - count)).join('/');
  }
  const known = [...record.prefixes.keys()].filter((prefix) => base.startsWith(`${prefix}/`));
  return known.sort((one, other) => other.length - one.length)[0] ?? '';
}

function prefixOf(record, base) {
  return record.prefixes?.get(base) ?? base;
}

function joined(prefix, pattern) {
  if (pattern === '/' && prefix !== '') return prefix;
  return pattern.startsWith('/') || prefix === '' ? prefix + pattern : `${prefix}/${pattern}`;
}

/** The last handler of all, which sees an error that no other handler took. */
function patchFinal(exports, module) {
  module.exports = wrap(exports, 'finalhandler', () => serverOf() ?? undefined, (record, done, threw) => {
    if (threw) return undefined;
    return function (err) {
      if (err) failed(record, err);
      return done(err);
    };
  });
}

function start() {
  onLibrary('express', ['lib/router/index.js'], patchRegistration);
  onLibrary('router', ['index.js'], (Router) => patchRegistration(Router.prototype));
  onLibrary('finalhandler', ['index.js'], patchFinal);
}

module.exports = { start };
