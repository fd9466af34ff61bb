// Manual spans by OpenTelemetry's API, without an SDK.
const { execFileSync } = require('node:child_process');
const { trace, SpanStatusCode } = require('@opentelemetry/api');

const tracer = trace.getTracer('manual');
tracer.startActiveSpan('outer', { attributes: { 'order.id': 7 } }, (outer) => {
  execFileSync('true');
  setTimeout(() => {
    const inner = tracer.startSpan('inner');
    inner.recordException(new Error('noted'));
    inner.setStatus({ code: SpanStatusCode.ERROR, message: 'bad' });
    inner.end();
    outer.end();
  }, 2);
});
