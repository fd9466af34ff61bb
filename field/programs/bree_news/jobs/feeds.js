// Fetches all feeds, a few at a time, and keeps what is new.
require('../job')(async (client, axios, pages) => {
  const { rows: feeds } = await client.query('SELECT id, path FROM feeds ORDER BY id');
  for (let n = 0; n < feeds.length; n += 4) {
    const answers = await Promise.all(feeds.slice(n, n + 4).map((feed) => axios.get(pages + feed.path, { proxy: false })));
    for (const [at, answer] of answers.entries()) {
      const items = answer.data.items;
      await client.query(
        'INSERT INTO items (feed_id, title) SELECT $1, unnest($2::text[]) ON CONFLICT (feed_id, title) DO NOTHING',
        [feeds[n + at].id, items.map((item) => item.title)],
      );
      await client.query('UPDATE feeds SET fetched = now() WHERE id = $1', [feeds[n + at].id]);
    }
  }
});
