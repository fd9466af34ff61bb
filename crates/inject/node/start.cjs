'use strict';
// Owns: what is put in place in a process that is recorded, in order.

const load = require('./load.cjs');

for (const part of [
  './http_server.cjs', './http_client.cjs', './fetch.cjs', './children.cjs', './threads.cjs', './express.cjs',
  './fastify.cjs', './sqlite.cjs', './pg.cjs', './mysql2.cjs', './redis.cjs', './otel.cjs',
  './tests_node.cjs', './tests_vitest.cjs', './tests_jest.cjs',
]) {
  require(part).start();
}
load.start();
require('./lines.cjs').start();
require('./ends.cjs').start();
