import { choose, isHinted, type Looker, type NamedEndpoint } from './endpoints.ts'
import { type Effort, triesOf } from './tries.ts'
import type { Backend, Claim, SourceRule } from './types.ts'

/** What decides who answers at one address of a Service, asked from one place. */
export interface Asking {
  /** All endpoints that the slices name. */
  endpoints: readonly NamedEndpoint[]
  /** Policy Local: only endpoints on this node count, and it is this node that looks. */
  onlyOn?: string | undefined
  /** The node that looks at all endpoints, where it is known. */
  looker?: Looker | undefined
  /** The Service has session affinity, and it is judged: one client keeps one endpoint. */
  affinity: boolean
  effort?: Effort | undefined
  /** The source address that an endpoint may see. */
  sourceFor(endpoint: NamedEndpoint): SourceRule
}

type Promised = Pick<Claim, 'expectation' | 'tries'>

/** What should come back, and how often to try for it. */
export function promiseOf(asking: Asking): Promised {
  const { endpoints, onlyOn } = asking
  const here = onlyOn === undefined ? endpoints : endpoints.filter(({ node }) => node === onlyOn)
  const { chosen } = choose(here, onlyOn === undefined ? asking.looker : undefined)
  if (chosen.length === 0) return nothing(choose(endpoints).chosen.length > 0 ? onlyOn : undefined)
  return answers(asking, chosen)
}

function answers(asking: Asking, chosen: readonly NamedEndpoint[]): Promised {
  const backends = chosen.map((endpoint) => backendOf(endpoint, asking.sourceFor(endpoint)))
  const { tries, spread } = triesOf(chosen.length, asking.endpoints.length - chosen.length, asking.effort)
  if (asking.affinity) {
    const most = Math.min(tries.most, 6)
    return {
      expectation: { kind: 'answers', backends, spread: 'same', because: 'session affinity' },
      tries: { most, least: most },
    }
  }
  if (asking.onlyOn === undefined && asking.looker === undefined && isHinted(chosen)) {
    const because = 'topology hints, and the router chooses the node'
    return { expectation: { kind: 'answers', backends, spread: 'any', because }, tries }
  }
  return { expectation: { kind: 'answers', backends, spread }, tries }
}

export const backendOf = (endpoint: NamedEndpoint, sources: SourceRule): Backend => ({
  address: endpoint.address,
  port: endpoint.port,
  pod: endpoint.pod ?? '',
  node: endpoint.node,
  sources,
})

/** One try would do where there is a refusal; two also meet a translation that works every other time. */
function nothing(onlyOn: string | undefined): Promised {
  const tries = { most: 2, least: 2 }
  if (onlyOn === undefined) return { expectation: { kind: 'refused', because: 'no ready endpoint' }, tries }
  return { expectation: { kind: 'silence', because: `policy Local, and no endpoint on ${onlyOn}` }, tries }
}
