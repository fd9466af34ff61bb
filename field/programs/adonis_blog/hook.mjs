// AdonisJS is made of ECMAScript modules, which are instrumented by OpenTelemetry's hook for them.
import { register } from 'node:module'

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)
