import { type Infrastructure, isSpecial, type ManagementPort, managementPorts } from '../model/infrastructure.ts'
import type { CIDR } from '../model/ip.ts'
import { apiService, type Protocol, type Service } from '../model/services.ts'
import type { NodeFact } from './facts.ts'
import { isPodNetwork, type TunnelFact, tunnelText } from './tunnels.ts'
import {
  byAddress,
  byExternalPort,
  byKind,
  byNodePort,
  bySlicesService,
  ownNode,
  portText,
  type ServiceView,
  serviceCIDRsOf,
} from './view.ts'

/** The view, asked for whose addresses and ports are whose. Holds nothing: each answer is of this moment. */
export class ViewInfrastructure implements Infrastructure {
  readonly #view: ServiceView

  constructor(view: ServiceView) {
    this.#view = view
  }

  get serviceCIDRs(): readonly CIDR[] {
    return serviceCIDRsOf(this.#view)
  }

  get clusterCIDRs(): readonly CIDR[] {
    return this.#view.config.clusterCIDRs
  }

  get nodeAddresses(): readonly string[] {
    return ownNode(this.#view)?.addresses ?? []
  }

  get managementPorts(): readonly ManagementPort[] {
    const { facts } = this.#view
    if (facts.size === 0) return managementPorts
    const own: ManagementPort[] = []
    for (const kind of ['sshd', 'api-port'] as const) {
      for (const fact of facts.byIndex(byKind, kind)) {
        const port = 'port' in fact ? fact.port : 0
        const known = [...managementPorts, ...own].some((one) => one.port === port)
        const why = kind === 'sshd' ? 'sshd' : "the agent's API connection"
        if (!known) own.push({ protocol: 'TCP', port, why, ofNode: true })
      }
    }
    own.push(...tunnelPorts(facts.byIndex(byKind, 'tunnel')))
    return own.length === 0 ? managementPorts : [...managementPorts, ...own]
  }

  nodeWith(address: string): string | undefined {
    return this.#view.nodes.byIndex(byAddress, address)[0]?.name
  }

  deviceWith(address: string): string | undefined {
    const fact = this.#facts(address).find(({ kind }) => kind === 'address')
    return fact?.kind === 'address' ? fact.device : undefined
  }

  isGateway(address: string): boolean {
    return this.#facts(address).some(({ kind }) => kind === 'gateway')
  }

  isBroadcast(address: string): boolean {
    return this.#facts(address).some(({ kind }) => kind === 'broadcast')
  }

  isNameServer(address: string): boolean {
    return this.#facts(address).some(({ kind }) => kind === 'name-server')
  }

  /** In a pod the connection goes to a ClusterIP: there the endpoints of default/kubernetes are the API. */
  apiPortsAt(address: string): readonly number[] {
    const { services, slices } = this.#view
    if (services.get(apiService)?.clusterIPs.includes(address)) return []
    const ports = this.#facts(address).flatMap((fact) => (fact.kind === 'api' ? [fact.port] : []))
    for (const slice of slices.byIndex(bySlicesService, apiService)) {
      if (slice.endpoints.some((one) => one.address === address)) ports.push(...slice.ports.map(({ port }) => port))
    }
    return ports
  }

  get ownApiPorts(): readonly number[] {
    const { facts, slices } = this.#view
    const ports = facts
      .byIndex(byKind, 'api')
      .flatMap((one) => (one.kind === 'api' && this.#isOwn(one.address) ? [one.port] : []))
    for (const slice of slices.byIndex(bySlicesService, apiService)) {
      if (slice.endpoints.some(({ address }) => this.#isOwn(address)))
        ports.push(...slice.ports.map(({ port }) => port))
    }
    return ports
  }

  get isOwnNameServer(): boolean {
    return this.#view.facts.byIndex(byKind, 'name-server').some((one) => 'address' in one && this.#isOwn(one.address))
  }

  nodePortServices = (port: number, protocol: Protocol): readonly Service[] =>
    this.#view.services.byIndex(byNodePort, portText(port, protocol))

  externalServices = (port: number, protocol: Protocol): readonly Service[] =>
    this.#view.services.byIndex(byExternalPort, portText(port, protocol))

  #isOwn(address: string): boolean {
    if (isSpecial(address)) return false
    return this.nodeAddresses.includes(address) || this.deviceWith(address) !== undefined
  }

  #facts(address: string): readonly NodeFact[] {
    return this.#view.facts.byIndex(byAddress, address)
  }
}

/** Each port once, by the device whose name comes first. A tunnel that all nodes have in the same way is not known of this node only. */
function tunnelPorts(facts: readonly NodeFact[]): ManagementPort[] {
  const byPort = new Map<number, TunnelFact>()
  for (const fact of facts) {
    if (fact.kind === 'tunnel' && fact.device < (byPort.get(fact.port)?.device ?? '\uffff')) byPort.set(fact.port, fact)
  }
  return Array.from(byPort, ([port, fact]) => ({
    protocol: 'UDP',
    port,
    why: tunnelText(fact),
    ...(!isPodNetwork(fact) && { ofNode: true }),
  }))
}
