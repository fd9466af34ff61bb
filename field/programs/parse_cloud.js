// Cloud code for the reviews of films, after the examples of Parse's guide.
Parse.Cloud.define('averageStars', async request => {
  const query = new Parse.Query('Review');
  query.equalTo('movie', Parse.Object.extend('Movie').createWithoutData(request.params.movie));
  const results = await query.find({ sessionToken: request.user && request.user.getSessionToken() });
  return results.length ? results.reduce((sum, review) => sum + review.get('stars'), 0) / results.length : null;
});

Parse.Cloud.beforeSave('Review', request => {
  const stars = request.object.get('stars');
  if (stars < 1 || stars > 5) throw new Parse.Error(Parse.Error.VALIDATION_ERROR, 'stars must be between 1 and 5');
  const comment = request.object.get('comment') || '';
  if (comment.length > 140) request.object.set('comment', comment.substring(0, 137) + '...');
});

Parse.Cloud.afterSave('Review', async request => {
  if (request.original) return;
  const movie = await new Parse.Query('Movie').get(request.object.get('movie').id, { useMasterKey: true });
  movie.increment('reviews');
  await movie.save(null, { useMasterKey: true });
});

Parse.Cloud.afterDelete('Review', async request => {
  const movie = await new Parse.Query('Movie').get(request.object.get('movie').id, { useMasterKey: true });
  movie.increment('reviews', -1);
  await movie.save(null, { useMasterKey: true });
});
