// What Kanel is to read and where its types go, as its readme has it.
module.exports = {
  connection: 'postgres://field@127.0.0.1:26040/field',
  schemaNames: ['public'],
  outputPath: './models',
};
