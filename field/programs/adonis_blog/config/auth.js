import { defineConfig } from '@adonisjs/auth'
import { tokensGuard, tokensUserProvider } from '@adonisjs/auth/access_tokens'

export default defineConfig({
  default: 'api',
  guards: { api: tokensGuard({ provider: tokensUserProvider({ tokens: 'accessTokens', model: async () => ({ default: (await import('../models.js')).User }) }) }) },
})
