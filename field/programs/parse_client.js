// An application for reviews of films that asks Parse Server with Parse's own client: parse_client.js URL
const Parse = require('parse/node');

Parse.initialize('films', 'unused', 'master');
Parse.serverURL = process.argv[2];

const Movie = Parse.Object.extend('Movie');
const Review = Parse.Object.extend('Review');
const People = ['ann', 'ben', 'cleo', 'dora', 'emil', 'fay', 'gus', 'hal'];

async function main() {
  await new Parse.Schema('Movie').addString('title').addNumber('year').addString('genre').addNumber('reviews').save();
  await new Parse.Schema('Review').addPointer('movie', 'Movie').addPointer('author', '_User').addNumber('stars').addString('comment').save();
  const users = [];
  for (const name of People) {
    const user = new Parse.User();
    await user.signUp({ username: name, password: 'secret', email: `${name}@example.com` });
    users.push(user);
  }
  const rights = new Parse.ACL();
  rights.setPublicReadAccess(true);
  const editors = new Parse.Role('editors', rights);
  editors.getUsers().add(users.slice(0, 2));
  await editors.save(null, { useMasterKey: true });

  const movies = Array.from({ length: 60 }, (_, n) => {
    const acl = new Parse.ACL();
    acl.setPublicReadAccess(true);
    acl.setRoleWriteAccess('editors', true);
    return new Movie({ title: `Film ${n}`, year: 1960 + n, genre: ['drama', 'comedy', 'crime', 'documentary'][n % 4], reviews: 0, ACL: acl });
  });
  await Parse.Object.saveAll(movies, { useMasterKey: true });

  // Each person's visit: the newest films, a page of one with its reviews, a review of one's own, films that one likes.
  for (const [index, name] of People.entries()) {
    const user = await Parse.User.logIn(name, 'secret');
    const session = { sessionToken: user.getSessionToken() };
    const newest = await new Parse.Query(Movie).descending('year').limit(20).find(session);
    await new Parse.Query(Movie).equalTo('genre', 'crime').ascending('title').limit(20).find(session);
    await new Parse.Query(Movie).startsWith('title', 'Film 1').count(session);
    const liked = user.relation('likes');
    for (let number = 0; number < 5; number++) {
      const movie = await new Parse.Query(Movie).get(newest[(index * 3 + number * 2) % newest.length].id, session);
      await new Parse.Query(Review).equalTo('movie', movie).include('author').descending('createdAt').limit(10).find(session);
      await Parse.Cloud.run('averageStars', { movie: movie.id }, session);
      const review = new Review({ movie, author: user, stars: 1 + (index + number) % 5, comment: `What ${name} thought of ${movie.get('title')}: ` + 'good '.repeat(index * 5) });
      const acl = new Parse.ACL(user);
      acl.setPublicReadAccess(true);
      review.setACL(acl);
      await review.save(null, session);
      if (number % 2) liked.add(movie);
      if (number === 3) await review.save({ stars: 5 }, session);
    }
    await user.save(null, session);
    await liked.query().find(session);
    const crime = new Parse.Query(Movie).equalTo('genre', 'crime');
    await new Parse.Query(Review).matchesQuery('movie', crime).include(['movie', 'author']).descending('createdAt').limit(10).find(session);
    const mine = await new Parse.Query(Review).equalTo('author', user).include('movie').find(session);
    if (index % 3 === 0) await mine[0].destroy(session);
    const wrong = new Review({ movie: newest[0], author: user, stars: 9 });
    await wrong.save(null, session).catch(error => console.log(error.message));
    await Parse.User.logOut().catch(() => {});
  }

  // An editor corrects titles, a report counts.
  const editor = await Parse.User.logIn('ann', 'secret');
  const session = { sessionToken: editor.getSessionToken() };
  const older = await new Parse.Query(Movie).lessThan('year', 1970).find(session);
  older.forEach(movie => movie.set('title', movie.get('title') + ' (restored)'));
  await Parse.Object.saveAll(older, session);
  await new Parse.Query(Review).aggregate([{ $group: { _id: '$stars', count: { $sum: 1 } } }]).catch(error => console.log(error.message));
  await new Parse.Query(Review).distinct('stars').catch(error => console.log(error.message));
  const both = Parse.Query.or(new Parse.Query(Movie).greaterThan('reviews', 2), new Parse.Query(Movie).equalTo('year', 2001));
  await both.find(session);
  let seen = 0;
  await new Parse.Query(Review).each(() => { seen++; }, session);
  console.log('reviews', seen);
}

Parse.User.enableUnsafeCurrentUser();
main().catch(error => { console.error(error); process.exitCode = 1; });
