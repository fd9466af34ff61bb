// The shop's catalogue, over its interface for partners.
"use strict";

class Catalogue {
  constructor(url) {
    this.url = url;
  }

  async #ask(method, path, body) {
    const answer = await fetch(this.url + path, {
      method,
      body: body && JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    return answer.json();
  }

  // Products come with the price factors of their variants.
  async find(skus) {
    const products = [];
    for (const sku of skus) {
      const product = await this.#ask("GET", `/products/${sku}`);
      product.factors = [];
      for (const variant of product.variants) product.factors.push(await this.#ask("GET", `/variants/${variant}`));
      products.push(product);
    }
    return products;
  }

  setPrices(prices) {
    return this.#ask("POST", "/prices/bulk", { prices });
  }
}

module.exports = { Catalogue };
