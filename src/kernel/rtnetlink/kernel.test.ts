import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../namespaces.ts'
import { conformance, conformanceSetup } from './conformance.ts'
import { KernelRouteNetlink } from './kernel.ts'

const root = process.getuid?.() === 0

describe.skipIf(!root)('kernel (needs root)', () => {
  const netns = `weft-t${process.pid}-rt`
  let namespace: NetworkNamespace

  beforeAll(async () => {
    await createNetns(netns)
    namespace = NetworkNamespace.named(netns)
    new KernelRouteNetlink(namespace).apply([{ object: 'link', op: 'set', value: { name: 'lo', up: true } }])
  })
  afterAll(async () => {
    namespace.close()
    await deleteNetns(netns)
  })
  afterEach(() => {
    const net = new KernelRouteNetlink(namespace)
    net.apply(
      net
        .links()
        .flatMap(({ name }) => (name === 'lo' ? [] : [{ object: 'link', op: 'delete', value: { name } } as const])),
    )
    net.apply(net.routes({ protocol: 99 }).map((value) => ({ object: 'route', op: 'delete', value }) as const))
  })

  conformance('kernel', () => {
    const net = new KernelRouteNetlink(namespace)
    const [failure] = net.apply(conformanceSetup)
    if (failure) throw failure.error
    return net
  })
})
