declare module 'prom-client/lib/registry.js' {
  import type { Registry } from 'prom-client'

  const registry: { new (): Registry }
  export default registry
}
