// The shop: an order that is paid earns points.
"use strict";
const express = require("express");

const app = express();
app.use(express.json());

async function post(url, body) {
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

app.post("/orders/:order/pay", async (request, response, next) => {
  try {
    const { member, cents } = request.body;
    const credited = await post(`${process.env.LOYALTY_URL}/members/${member}/credits`, { order: request.params.order, cents });
    response.json({ paid: true, ...credited });
  } catch (error) {
    next(error);
  }
});
app.get("/orders/:order", (request, response) => response.json({ order: request.params.order }));

app.listen(Number(process.env.PORT), "127.0.0.1");
