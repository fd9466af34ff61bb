// The tasks of the blog: a mail to who joined, and every ten seconds a count of what there is.
import { Task, api, log } from "actionhero";

const redis = () => api.redis.clients.client;

export class Welcome extends Task {
  name = "welcome";
  description = "a mail to who joined";
  frequency = 0;
  queue = "default";
  async run({ person }: any) {
    await redis().lpush("mails", JSON.stringify({ to: person, subject: "Welcome" }));
  }
}

export class Count extends Task {
  name = "count";
  description = "how much there is";
  frequency = 10000;
  queue = "default";
  async run() {
    const [people, posts] = await Promise.all([redis().hlen("people"), redis().zcard("newest")]);
    log(`${people} people and ${posts} posts`);
    return { people, posts };
  }
}
