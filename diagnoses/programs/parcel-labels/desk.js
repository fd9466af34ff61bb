// What people at the counter see: a form for parcels.
"use strict";
const express = require("express");

const app = express();
app.use(express.json());

app.post("/parcels", async (request, response, next) => {
  try {
    const answer = await fetch(`${process.env.LABELS_URL}/labels`, {
      method: "POST",
      body: JSON.stringify(request.body),
      headers: { "content-type": "application/json" },
    });
    if (!answer.ok) return response.status(502).json({ error: "the label service is unavailable" });
    response.json(await answer.json());
  } catch (error) {
    next(error);
  }
});
app.get("/parcels/:number", (request, response) => response.json({ number: request.params.number }));

app.listen(Number(process.env.PORT), "127.0.0.1");
