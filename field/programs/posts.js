const range = (count) => [...Array(count).keys()];
module.exports = {
  users: range(8).map((id) => ({ id, name: `User ${id}` })),
  posts: range(30).map((id) => ({ id, title: `Post ${id}`, views: id * 7, user_id: id % 8 })),
  comments: range(90).map((id) => ({ id, post_id: id % 30, body: `Comment ${id}`, date: '2017-07-03' })),
};
