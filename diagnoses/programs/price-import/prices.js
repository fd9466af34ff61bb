// Imports a supplier's price list into the shop: node prices.js LIST
"use strict";
const fs = require("node:fs");
const { trace } = require("@opentelemetry/api");
const { Catalogue } = require("./catalogue");

const tracer = trace.getTracer("prices");
const PART = 100;

async function importPrices(list) {
  const lines = fs.readFileSync(list, "utf8").trim().split("\n").map((line) => line.split(";"));
  return tracer.startActiveSpan("import prices", { attributes: { "import.items": lines.length } }, async (span) => {
    try {
      const catalogue = new Catalogue(process.env.SHOP_URL);
      for (let from = 0; from < lines.length; from += PART) {
        const part = lines.slice(from, from + PART);
        const products = await catalogue.find(part.map(([sku]) => sku));
        const prices = part.map(([sku, cents], at) => ({ sku, id: products[at].id, cents: Number(cents) }));
        await catalogue.setPrices(prices);
      }
    } finally {
      span.end();
    }
  });
}

importPrices(process.argv[2]).then(() => console.log("imported"));
