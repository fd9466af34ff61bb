// A program with an SDK of its own, which prints its spans.
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { getNodeAutoInstrumentations } = require('@opentelemetry/auto-instrumentations-node');
const { SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const spans = [];
const exporter = {
  export(batch, done) {
    spans.push(...batch);
    done({ code: 0 });
  },
  shutdown: async () => {},
};
new NodeSDK({ spanProcessors: [new SimpleSpanProcessor(exporter)], instrumentations: [getNodeAutoInstrumentations()] }).start();

const { execFileSync } = require('node:child_process');
const express = require('express');

const app = express();
app.get('/orders/:id', (request, response) => {
  execFileSync('true');
  response.json(Object.keys(request.headers).sort());
});
const server = app.listen(0, '127.0.0.1', async () => {
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/orders/1`);
  console.log(await answer.text());
  setTimeout(() => {
    server.close();
    for (const span of spans.sort((one, other) => one.name.localeCompare(other.name))) {
      console.log(span.name, span.kind, Object.keys(span.attributes).sort().join());
    }
  }, 100);
});
