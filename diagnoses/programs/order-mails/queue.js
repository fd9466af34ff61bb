// A queue as small brokers have it: what is not acknowledged comes again before anything else.
"use strict";

class Queue {
  #waiting = [];

  publish(message) {
    this.#waiting.push({ attempts: 0, publishedAt: Date.now(), ...message });
  }

  take() {
    const message = this.#waiting.shift();
    if (message) message.attempts += 1;
    return message;
  }

  giveBack(message) {
    this.#waiting.unshift(message);
  }

  get length() {
    return this.#waiting.length;
  }
}

module.exports = { Queue };
