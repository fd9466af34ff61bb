'use strict';
// Owns: the one accessor of `emit` on messages of `http`, shared by server and client.

const { watch } = require('./patch.cjs');

const listeners = new Map();

/** Calls `listener(message)` before each event of a message of this class. */
function onEmit(MessageClass, listener) {
  const known = listeners.get(MessageClass);
  if (known) {
    known.push(listener);
    return;
  }
  const all = [listener];
  listeners.set(MessageClass, all);
  watch(MessageClass.prototype, 'emit', (message) => {
    for (const one of all) one(message);
  });
}

module.exports = { onEmit };
