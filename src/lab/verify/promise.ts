import { choose, type NamedEndpoint } from './endpoints.ts'
import { triesOf } from './tries.ts'
import type { Claim, SourceRule } from './types.ts'

/** What decides who answers at one address of a Service, asked from one place. */
export interface Asking {
  /** All endpoints that the slices name. */
  endpoints: readonly NamedEndpoint[]
  /** Policy Local: only endpoints on this node count, and it is this node that looks. */
  onlyOn?: string | undefined
  /** The Service has session affinity: one client keeps one endpoint. */
  affinity: boolean
  /** The source address that an endpoint may see. */
  sourceFor(endpoint: NamedEndpoint): SourceRule
}

/** What should come back, and how often to try for it. */
export function promiseOf(asking: Asking): Pick<Claim, 'expectation' | 'tries'> {
  const { endpoints, onlyOn } = asking
  const here = onlyOn === undefined ? endpoints : endpoints.filter(({ node }) => node === onlyOn)
  const { chosen } = choose(here)
  if (chosen.length === 0) return nothing(choose(endpoints).chosen.length > 0 ? onlyOn : undefined)
  const because = whyNotAll(asking, chosen)
  const backends = chosen.map((endpoint) => ({
    address: endpoint.address,
    port: endpoint.port,
    pod: endpoint.pod ?? '',
    node: endpoint.node,
    sources: asking.sourceFor(endpoint),
  }))
  return {
    expectation:
      because === undefined
        ? { kind: 'answers', backends, spread: 'all' }
        : { kind: 'answers', backends, spread: 'any', because },
    tries: triesOf(chosen.length, endpoints.length - chosen.length),
  }
}

/** One try would do where there is a refusal; two also meet a translation that works every other time. */
function nothing(onlyOn: string | undefined): Pick<Claim, 'expectation' | 'tries'> {
  const tries = { most: 2, least: 2 }
  if (onlyOn === undefined) return { expectation: { kind: 'refused', because: 'no ready endpoint' }, tries }
  return { expectation: { kind: 'silence', because: `policy Local, and no endpoint on ${onlyOn}` }, tries }
}

function whyNotAll({ affinity, onlyOn }: Asking, chosen: readonly NamedEndpoint[]): string | undefined {
  if (affinity) return 'session affinity'
  return onlyOn === undefined && chosen.some(({ hinted }) => hinted) ? 'topology hints' : undefined
}
