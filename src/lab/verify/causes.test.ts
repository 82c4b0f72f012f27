import { describe, expect, it } from 'vitest'
import { causesOf } from './causes.ts'
import type { Trial } from './runner.ts'
import { endpoint, expectAll, lab, objects, pod, reply, service, slice } from './testing.ts'
import type { Claim, Observation } from './types.ts'

const pods = ['10.42.0.5', '10.42.0.6', '10.42.1.5', '10.42.1.6'].map((ip, index) => pod(`p${index}`, ip))
const [p0, p1, p2, p3] = pods as [(typeof pods)[0], (typeof pods)[0], (typeof pods)[0], (typeof pods)[0]]
const named = (name: string) => ({ name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } })
const { claims } = expectAll(
  objects({
    pods,
    services: [service(), service({ clusterIP: '10.43.0.11', clusterIPs: ['10.43.0.11'] }, 'cart')],
    slices: [slice([endpoint(p0), endpoint(p2)]), slice([endpoint(p1), endpoint(p3)], { metadata: named('cart') })],
  }),
  { ...lab, families: ['IPv4'] },
)

/** A world in which all is well but for what `broken` says: what comes of one try of a claim that should reach a pod. */
type Broken = (claim: Claim, to: string | undefined, node: string | undefined) => boolean

function trialOf(claim: Claim, broken: Broken): Trial {
  const { expectation } = claim
  if (expectation.kind !== 'answers') {
    const outcome = broken(claim, undefined, undefined) ? 'timeout' : 'refused'
    return { claim, observations: [{ outcome }] }
  }
  const observations = expectation.backends.flatMap(({ pod: name, node, sources }): Observation[] => {
    const found = pods.find(({ metadata }) => `default/${metadata.name}` === name)
    if (found === undefined || broken(claim, name, node)) return [{ outcome: 'timeout' }]
    return [reply(found, sources.allowed[0] ?? '')]
  })
  return { claim, observations: Array.from({ length: claim.tries.most }, () => observations).flat() }
}

const causes = (broken: Broken) => {
  const trials = claims.map((claim) => trialOf(claim, broken))
  const found = causesOf(trials)
  const failed = trials.filter(({ claim }) =>
    trialOf(claim, broken).observations.some(({ outcome }) => outcome === 'timeout'),
  )
  expect(failed.every((trial) => found.of.has(trial))).toBe(true)
  return found.causes.map(({ what, failed, of }) => `${what}: ${failed}/${of}`)
}

const placeOf = ({ origin }: Claim): string => (origin.kind === 'outside' ? '' : origin.node)

describe('causesOf', () => {
  it('has nothing to say where all is well', () => {
    expect(causes(() => false)).toEqual([])
  })

  it.each<[string, Broken, RegExp]>([
    [
      'a Service that one node lost',
      ({ service, via }) => service === 'default/cart' && via === 'node-2',
      /^Service default\/cart on node-2: \d+\/\d+$/,
    ],
    [
      'a Service that is broken everywhere',
      ({ service }) => service === 'default/cart',
      /^Service default\/cart: (\d+)\/\1$/,
    ],
    [
      'all Services of a node',
      ({ service, via }) => service !== undefined && via === 'node-1',
      /^Services on node-1: (\d+)\/\1$/,
    ],
    ['a pod that does not answer', (_, to) => to === 'default/p3', /^pod default\/p3: 13\/17$/],
    [
      'a path between nodes',
      (claim, to, node) => to !== undefined && placeOf(claim) !== '' && placeOf(claim) !== node,
      /^between node-1 and node-2: \d+\/\d+$/,
    ],
    [
      'the way from outside to the pods of a node',
      ({ origin, via }, to, node) =>
        origin.kind === 'outside' && via === undefined && node === 'node-2' && to !== undefined,
      /^between node-2 and outside: (\d+)\/\1$/,
    ],
    ['the outside', ({ origin }) => origin.kind === 'outside', /^the outside: (\d+)\/\1$/],
    ['refusals of unserved ports', ({ check }) => check === 'unserved port', /^all of "unserved port": (\d+)\/\1$/],
  ])('%s is one cause', (_, broken, cause) => {
    const found = causes(broken)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(cause)
  })

  it('tells two faults apart', () => {
    const found = causes(
      ({ service, via }, to) => (service === 'default/cart' && via === 'node-1') || to === 'default/p2',
    )
    expect(found.map((text) => text.replace(/:.*/, '')).sort()).toEqual([
      'Service default/cart on node-1',
      'pod default/p2',
    ])
  })
})
