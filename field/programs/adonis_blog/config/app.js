import { defineConfig } from '@adonisjs/core/http'

export const appKey = 'a key of thirty-two letters for it'
export const http = defineConfig({ generateRequestId: true })
