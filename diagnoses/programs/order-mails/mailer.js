// Sends a mail for each order; orders come from a queue.
"use strict";
const { trace, SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { Queue } = require("./queue");

const tracer = trace.getTracer("mailer");
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const ORDERS = 160;
const SECONDS = 8;

const dateOf = (text) => new Intl.DateTimeFormat("en", { dateStyle: "long" }).format(new Date(text));

async function mail(order) {
  const answer = await fetch(`${process.env.CUSTOMERS_URL}/${order.customer}`);
  const { address } = JSON.parse(await answer.text());
  await pause(5);
  return `To: ${address}\n\nYour order arrives on ${dateOf(order.arrives)}.`;
}

function consume(queue, message) {
  const attributes = {
    "messaging.system": "orders-broker",
    "messaging.operation.type": "process",
    "messaging.destination.name": "orders",
    "messaging.message.id": message.id,
    "mail.waited_ms": Date.now() - message.publishedAt,
  };
  return tracer.startActiveSpan("process orders", { kind: SpanKind.CONSUMER, attributes }, async (span) => {
    try {
      await mail(message.order);
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      queue.giveBack(message);
      await pause(50);
    } finally {
      span.end();
    }
  });
}

async function publishAll(queue) {
  for (let number = 0; number < ORDERS; number++) {
    const arrives = number === 61 ? "2031-02-32T10:00" : `2031-02-${10 + (number % 18)}T10:00`;
    queue.publish({ id: `m-${String(number).padStart(4, "0")}`, order: { customer: `c${number % 23}`, arrives } });
    await pause((SECONDS * 1000) / ORDERS);
  }
}

async function main() {
  const queue = new Queue();
  const publishing = publishAll(queue);
  const end = Date.now() + SECONDS * 1000;
  while (Date.now() < end) {
    const message = queue.take();
    if (message) await consume(queue, message);
    else await pause(10);
  }
  await publishing;
  console.log(`${queue.length} orders wait`);
}

main();
