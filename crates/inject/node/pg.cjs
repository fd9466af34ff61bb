'use strict';
// Owns: spans of statements and new connections by `pg`, and the context of callbacks that wait for a pool's client.

const { Span, KIND } = require('./span.cjs');
const { around } = require('./patch.cjs');
const { onLibrary } = require('./load.cjs');
const { describe } = require('./sql.cjs');
const { bindCallback, endBy, finish, deferred, undefer, placeOfCall } = require('./asynchronous.cjs');
const context = require('./context.cjs');

function target(span, client) {
  const { host, port, database } = client;
  if (typeof host === 'string' && !host.startsWith('/')) span.set('server.address', host).set('server.port', port);
  return { namespace: database ?? undefined };
}

function patchClient(Client) {
  around(Client.prototype, 'query', function seen(client, given) {
    const [config] = given;
    const sql = typeof config === 'string' ? config : config?.text;
    if (typeof sql !== 'string') return undefined;
    const span = new Span('', KIND.CLIENT);
    const { namespace } = target(span, client);
    describe(span, sql, 'postgresql', namespace);
    span.at(placeOfCall(seen));
    return { span, called: callbackOf(config, given, endBy(span)) };
  }, finish);
  around(Client.prototype, 'connect', function seen(client, given) {
    const span = new Span('connect', KIND.CLIENT).set('db.system.name', 'postgresql');
    span.set('db.namespace', target(span, client).namespace).at(placeOfCall(seen));
    return { span, called: bindCallback(given, 0, endBy(span)) };
  }, finish);
}

/** Binds the callback, wherever the caller put it; cursors and streams have none and end with the call. */
function callbackOf(config, given, done) {
  if (bindCallback(given, 1, done)) return true;
  if (typeof config === 'object' && typeof config.callback === 'function' && typeof config.submit !== 'function') {
    given[0] = { ...config, callback: undefined };
    given.push(config.callback);
    return bindCallback(given, given.length - 1, done);
  }
  return false;
}

function patchPool(Pool) {
  around(Pool.prototype, 'query', deferred, undefer);
  around(Pool.prototype, 'connect', (pool, given) => {
    if (context.current() === undefined) return undefined;
    return bindCallback(given, 0) || undefined;
  }, () => undefined);
}

function start() {
  onLibrary('pg', ['lib/client.js'], patchClient);
  onLibrary('pg-pool', ['index.js'], patchPool);
}

module.exports = { start };
