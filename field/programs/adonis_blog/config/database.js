import { defineConfig } from '@adonisjs/lucid'

export default defineConfig({
  connection: 'postgres',
  connections: { postgres: { client: 'pg', connection: { host: '127.0.0.1', port: Number(process.env.DB_PORT), user: 'field', database: 'field' } } },
})
