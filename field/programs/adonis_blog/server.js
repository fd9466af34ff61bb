// Serves the blog (HOST, PORT and DB_PORT are of the environment).
import 'reflect-metadata'
import { Ignitor } from '@adonisjs/core'

const root = new URL('./', import.meta.url)
const importer = (path) => (path.startsWith('./') || path.startsWith('../') ? import(new URL(path, root).href) : import(path))

new Ignitor(root, { importer })
  .tap((app) => {
    app.listen('SIGTERM', () => app.terminate())
    app.listen('SIGINT', () => app.terminate())
  })
  .httpServer()
  .start()
