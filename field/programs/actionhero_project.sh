# A project as `actionhero generate` makes it, with the blog's actions and tasks, their routes, and workers for tasks.
mkdir -p blog && cd blog && actionhero generate
cp "$PROGRAMS/actionhero_blog.ts" src/actions/blog.ts
sed -i -e 's#{ path: "/swagger", action: "swagger" },#&\n        { path: "/people", action: "peopleList" }, { path: "/front", action: "front" },\n        { path: "/posts/:person", action: "postsList" }, { path: "/posts/:person/:title", action: "postView" },#' \
  -e 's#^      /\* -*$#      post: [\n        { path: "/people", action: "personAdd" }, { path: "/posts/:person", action: "postAdd" },\n        { path: "/comments/:writer/:title", action: "commentAdd" },\n      ],\n&#' src/config/routes.ts
sed -i -e 's/scheduler: false/scheduler: true/' -e 's/minTaskProcessors: 0/minTaskProcessors: 1/' -e 's/maxTaskProcessors: 0/maxTaskProcessors: 2/' src/config/tasks.ts
cp "$PROGRAMS/actionhero_tasks.ts" src/tasks/blog.ts
tsc --skipLibCheck --noImplicitAny false
