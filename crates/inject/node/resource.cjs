'use strict';
// Owns: who speaks: the key of this process or thread, and its resource as OTLP/JSON.

const { randomBytes } = require('./ids.cjs');
const environment = require('./environment.cjs');
const { attribute } = require('./attributes.cjs');

/** Names this process, or thread, in the channel. */
const KEY = randomBytes(8);

const SCOPE = { name: 'kino.node', version: '1' };

function resource() {
  const pairs = new Map(environment.attributes);
  pairs.set('process.pid', process.pid);
  pairs.set('process.runtime.name', 'nodejs');
  pairs.set('process.runtime.version', process.versions.node);
  pairs.set('telemetry.sdk.language', 'nodejs');
  pairs.set('telemetry.sdk.name', 'kino');
  return { attributes: [...pairs].map(([key, value]) => attribute(key, value)) };
}

/** The first record of the channel. */
function processRecord() {
  return { process: KEY, pid: process.pid, resource: resource(), scope: SCOPE };
}

module.exports = { KEY, SCOPE, resource, processRecord };
