// A blog's API for a generated Actionhero project: people, posts and comments in Redis, and a cached list.
import * as crypto from "crypto";
import { Action, api, cache, task } from "actionhero";

const redis = () => api.redis.clients.client;
const hash = (password: string, salt: string) => crypto.scryptSync(password, salt, 32).toString("hex");
const text = { required: true as const };

async function check(person: string, password: string) {
  const found = await redis().hget("people", person);
  if (!found) throw new Error("no such person");
  const { salt, secret } = JSON.parse(found);
  if (hash(password, salt) !== secret) throw new Error("wrong password");
}

export class PersonAdd extends Action {
  name = "personAdd";
  description = "someone joins";
  inputs = { person: text, password: text };
  async run({ params }: any) {
    if (await redis().hexists("people", params.person)) throw new Error("is there already");
    const salt = crypto.randomBytes(8).toString("hex");
    await redis().hset("people", params.person, JSON.stringify({ salt, secret: hash(params.password, salt), since: Date.now() }));
    await task.enqueue("welcome", { person: params.person }, "default");
    return { person: params.person };
  }
}

export class PeopleList extends Action {
  name = "peopleList";
  description = "who is there";
  async run() {
    return { people: (await redis().hkeys("people")).sort() };
  }
}

export class PostAdd extends Action {
  name = "postAdd";
  description = "a new post";
  inputs = { person: text, password: text, title: text, content: text };
  async run({ params }: any) {
    await check(params.person, params.password);
    const post = { title: params.title, content: params.content, made: Date.now() };
    await redis().hset(`posts:${params.person}`, params.title, JSON.stringify(post));
    await redis().zadd("newest", post.made, `${params.person}:${params.title}`);
    await cache.destroy("front").catch(() => false);
    return { post };
  }
}

export class PostsList extends Action {
  name = "postsList";
  description = "the posts of a person";
  inputs = { person: text };
  async run({ params }: any) {
    const posts = await redis().hvals(`posts:${params.person}`);
    return { posts: posts.map((post) => JSON.parse(post).title) };
  }
}

export class PostView extends Action {
  name = "postView";
  description = "a post and what was said of it";
  inputs = { person: text, title: text };
  async run({ params }: any) {
    const post = await redis().hget(`posts:${params.person}`, params.title);
    if (!post) throw new Error("no such post");
    const comments = await redis().lrange(`comments:${params.person}:${params.title}`, 0, 50);
    await redis().hincrby("views", `${params.person}:${params.title}`, 1);
    return { post: JSON.parse(post), comments: comments.map((comment) => JSON.parse(comment)) };
  }
}

export class CommentAdd extends Action {
  name = "commentAdd";
  description = "a remark";
  inputs = { person: text, password: text, writer: text, title: text, comment: text };
  async run({ params }: any) {
    await check(params.person, params.password);
    const comment = JSON.stringify({ by: params.person, text: params.comment, made: Date.now() });
    return { comments: await redis().lpush(`comments:${params.writer}:${params.title}`, comment) };
  }
}

export class Front extends Action {
  name = "front";
  description = "the newest posts, kept for ten seconds";
  async run() {
    try {
      return { posts: (await cache.load("front")).value as string[] };
    } catch (error) {
      const posts = await redis().zrevrange("newest", 0, 9);
      await cache.save("front", posts, 10000);
      return { posts };
    }
  }
}
