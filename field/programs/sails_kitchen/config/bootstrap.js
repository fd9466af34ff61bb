// Data for a new database, as this file is meant for.
module.exports.bootstrap = async function () {
  const cooks = await Cook.createEach(Array.from({ length: 20 }, (_, n) => ({ name: `Cook ${n}`, town: `Town ${n % 5}` }))).fetch();
  const ingredients = await Ingredient.createEach(Array.from({ length: 50 }, (_, n) => ({ name: `Ingredient ${n}` }))).fetch();
  await Recipe.createEach(Array.from({ length: 150 }, (_, n) => ({
    title: `Recipe ${n}`, minutes: 10 + n % 60, steps: 'Cut, cook and serve. '.repeat(6), cook: cooks[n % 20].id,
    ingredients: [0, 7, 21, 33].map((step) => ingredients[(n + step) % 50].id),
  })));
};
