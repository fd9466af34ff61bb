module.exports = {
  attributes: {
    name: { type: 'string', required: true },
    town: { type: 'string' },
    recipes: { collection: 'recipe', via: 'cook' },
  },
};
