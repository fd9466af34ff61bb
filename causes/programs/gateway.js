// The gateway: what a browser asks.
const { call, log, serve, work } = require("./service.js");

serve({
  "GET /items": {
    empty: { items: [] },
    handler: async ({ operation }) => {
      const page = Math.floor(Math.random() * 20);
      const [shown, basket] = await Promise.all([
        call("catalog", "GET", `/items?page=${page}`),
        call("basket", "GET", `/baskets/${page}`),
      ]);
      await work(operation, 1);
      log.info(`page ${page} with ${shown.items?.length ?? 0} items, ${basket.lines?.length ?? 0} in the basket`);
      return shown;
    },
  },
  "GET /items/:item": {
    empty: {},
    handler: async ({ operation, parameter }) => {
      const item = await call("catalog", "GET", `/items/${parameter}`);
      await work(operation, 0.7);
      log.info(`item ${parameter} for ${item.cents} cents`);
      return item;
    },
  },
  "POST /baskets/:basket/lines": {
    empty: {},
    handler: async ({ operation, parameter, body }) => {
      await work(operation, 0.5);
      const basket = await call("basket", "POST", `/baskets/${parameter}/lines`, body);
      log.info(`basket ${parameter} comes to ${basket.cents} cents`);
      return basket;
    },
  },
  "POST /checkout": {
    empty: {},
    handler: async ({ operation, body }) => {
      await work(operation, 0.8);
      const { order } = await call("checkout", "POST", "/checkout", body);
      log.info(`order ${order} is placed`);
      return { order };
    },
  },
  "GET /orders/:order": {
    empty: {},
    handler: async ({ operation, parameter }) => {
      const order = await call("checkout", "GET", `/orders/${parameter}`);
      await work(operation, 0.5);
      log.info(`order ${parameter} is ${order.shipment?.state ?? "unknown"}`);
      return order;
    },
  },
});
