import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { families, type Family } from '../../src/model/ip.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { addService, sampleService, sampleView, setEndpoints, targetOf } from './service-cases.ts'
import { noRoot, World } from './world.ts'

/** The same rules, with room for two pins. */
vi.mock(import('../../src/proxy/nftables/constants.ts'), async (importOriginal) => {
  const original = await importOriginal()
  return {
    ...original,
    constantRules: (family) => {
      const rules = original.constantRules(family)
      return { ...rules, text: (...names) => rules.text(...names).replace('size 1048576', 'size 2') }
    },
  }
})

/** With so many tries one of two endpoints is missed less often than once in 10^7 cases. */
const tries = 24

describe.skipIf(noRoot)(`pins of clients to endpoints${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('pins')
  beforeAll(() => world.up())
  afterAll(() => world.down())

  async function answerers(family: Family, n: number): Promise<string[]> {
    const { address, port } = targetOf(family, 'ClusterIP', n)
    const seen = new Set<string>()
    for (let round = 0; round < tries; round++) {
      seen.add((await world.tcp('outside', address, port)).split(' ')[0] ?? '')
    }
    return [...seen].toSorted()
  }

  /** How long each pin lasts from now on, in seconds. */
  function lifetimes(family: Family): number[] {
    const list = world.nft('list', 'map', family === 'IPv4' ? 'ip' : 'ip6', 'weft', 'affinity')
    return [...list.matchAll(/ expires (?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?/g)]
      .map(([, ...parts]) => parts.map((part) => Number(part ?? 0)))
      .map(([days = 0, hours = 0, minutes = 0, seconds = 0]) => ((days * 24 + hours) * 60 + minutes) * 60 + seconds)
      .toSorted((a, b) => a - b)
  }

  it.each(families)(
    '%s: last as long as the Service says; where there is no room for more, clients are spread without',
    async (family) => {
      const view = sampleView(family)
      const services = [
        [51, 600],
        [52, 86_400],
        [53, 10_800],
      ] as const
      for (const [n, affinitySeconds] of services) {
        addService(view, sampleService(family, `sticky${n}`, { n, pods: [], affinitySeconds }))
        setEndpoints(view, family, `sticky${n}`, ['pod1', 'pod2'])
      }
      const part = nftablesProxy({ view, family, clusterUid: 'pins', namespace: world.namespace('node') })
      await part.start()
      const found: string[][] = []
      for (const [n] of services) found.push(await answerers(family, n))
      part.close()
      expect(found).toEqual([[expect.stringMatching(/^pod/)], [expect.stringMatching(/^pod/)], ['pod1', 'pod2']])
      const [minutes = 0, day = 0, ...others] = lifetimes(family)
      expect(others).toEqual([])
      expect(minutes).toBeGreaterThan(0)
      expect(minutes).toBeLessThanOrEqual(600)
      // Longer than the three hours that a pin begins with.
      expect(day).toBeGreaterThan(10_800)
      expect(day).toBeLessThanOrEqual(86_400)
    },
  )
})
