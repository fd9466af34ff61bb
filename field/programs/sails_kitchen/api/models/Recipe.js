module.exports = {
  attributes: {
    title: { type: 'string', required: true },
    minutes: { type: 'number' },
    steps: { type: 'string', columnType: 'text' },
    cook: { model: 'cook' },
    ingredients: { collection: 'ingredient', via: 'recipes' },
  },
};
