import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { connectTcp, listenTcp } from '../../kernel/sockets.ts'
import { familyOf } from '../../model/ip.ts'
import type { Dial } from '../api/proxy/dial.ts'
import { apiPort, type TopologyPlan } from '../topology/plan.ts'

type ApiPlace = Pick<TopologyPlan, 'api'>

/** Listening sockets on the API's addresses inside the lab, one a family. @throws KernelError, e.g. EADDRINUSE */
export function listenInLab({ api }: ApiPlace): { fd: number }[] {
  const namespace = NetworkNamespace.named(api.netns)
  try {
    return api.addresses.map((address) => ({ fd: listenTcp(namespace, address, apiPort) }))
  } finally {
    // The listening sockets keep the namespace alive by themselves.
    namespace.close()
  }
}

/** Where the nodes reach the API: its address of the primary family. */
export function apiUrl({ api }: ApiPlace): string {
  const address = api.addresses[0] ?? ''
  return `https://${familyOf(address) === 'IPv6' ? `[${address}]` : address}:${apiPort}`
}

/** Connections from the API's place in the lab, for as long as this process runs: to kubelets, pods and Services. @throws KernelError */
export function dialFromLab({ api }: ApiPlace): Dial {
  const namespace = NetworkNamespace.named(api.netns)
  return (target) => connectTcp(namespace, target)
}
