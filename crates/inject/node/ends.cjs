'use strict';
// Owns: the ends of the process that leave spans open: an uncaught error, and `process.exit` in the middle of a request.
//
// It adds no listener that would keep an error from ending the process.

const { watch, quietly } = require('./patch.cjs');
const { endAll } = require('./span.cjs');
const { serverOf, failed } = require('./http_server.cjs');
const { finish } = require('./channel.cjs');

/** True where an uncaught error ends the process. */
function isFatal() {
  return process.listenerCount('uncaughtException') === 0 && !process.hasUncaughtExceptionCaptureCallback();
}

function start() {
  process.on('uncaughtExceptionMonitor', (error) => {
    quietly('ends.uncaught', () => {
      const request = serverOf();
      failed(request, error);
      if (!isFatal()) return;
      if (request && !request.span.ended) request.span.failBy(error);
      endAll();
    })();
  });
  // `process.exit` reads this function once all listeners of `exit` have run.
  watch(process, 'reallyExit', () => {
    endAll();
    finish();
  });
}

module.exports = { start };
