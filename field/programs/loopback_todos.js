// The todo list of LoopBack's tutorial on PostgreSQL, its todos and lists exposed by the framework's own repositories and controllers.
//   loopback_todos.js DATABASE PORT
const modules = process.env.PLACE + '/node_modules/';
const load = (name) => require(modules + name);
const { inject } = load('@loopback/core');
const { RestApplication } = load('@loopback/rest');
const { RepositoryMixin, DefaultCrudRepository, Entity, belongsTo, hasMany, juggler, model, property } = load('@loopback/repository');
const { defineCrudRestController } = load('@loopback/rest-crud');
const [database, port] = process.argv.slice(2);

// The tutorial's decorators, called by hand since this is not TypeScript.
class Todo extends Entity {}
class TodoList extends Entity {}
function define(target, properties) {
  for (const [name, decorate] of Object.entries(properties)) decorate(target.prototype, name);
  model()(target);
}
define(TodoList, {
  id: property({ type: 'number', id: true, generated: true, useDefaultIdType: false }),
  title: property({ type: 'string', required: true }),
  color: property({ type: 'string' }),
  todos: hasMany(() => Todo),
});
define(Todo, {
  id: property({ type: 'number', id: true, generated: true, useDefaultIdType: false }),
  title: property({ type: 'string', required: true }),
  desc: property({ type: 'string' }),
  isComplete: property({ type: 'boolean' }),
  todoListId: belongsTo(() => TodoList, {}, { type: 'number' }),
});

// As the tutorial's repositories: a list includes its todos, a todo includes its list.
class TodoRepository extends DefaultCrudRepository {
  constructor(source, lists) {
    super(Todo, source);
    this.todoList = this.createBelongsToAccessorFor('todoList', lists);
    this.registerInclusionResolver('todoList', this.todoList.inclusionResolver);
  }
}
class TodoListRepository extends DefaultCrudRepository {
  constructor(source, todos) {
    super(TodoList, source);
    this.todos = this.createHasManyRepositoryFactoryFor('todos', todos);
    this.registerInclusionResolver('todos', this.todos.inclusionResolver);
  }
}

async function main() {
  const app = new (RepositoryMixin(RestApplication))({ rest: { host: '127.0.0.1', port: Number(port) } });
  const source = new juggler.DataSource({ name: 'db', connector: 'postgresql', url: database });
  app.dataSource(source, 'db');
  const todos = new TodoRepository(source, async () => lists);
  const lists = new TodoListRepository(source, async () => todos);
  for (const [entity, repository, basePath] of [[Todo, todos, '/todos'], [TodoList, lists, '/todo-lists']]) {
    app.bind(`repositories.${entity.name}Repository`).to(repository);
    const Controller = defineCrudRestController(entity, { basePath });
    inject(`repositories.${entity.name}Repository`)(Controller, undefined, 0);
    app.controller(Controller);
  }
  await source.automigrate();
  await app.start();
  process.on('SIGINT', async () => { await app.stop(); process.exit(0); });
}

main();
