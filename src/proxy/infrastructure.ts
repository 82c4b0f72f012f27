import { type Infrastructure, type ManagementPort, managementPorts } from '../model/infrastructure.ts'
import type { CIDR } from '../model/ip.ts'
import { apiService, type Protocol, type Service } from '../model/services.ts'
import type { NodeFact } from './facts.ts'
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
        if (!known) own.push({ protocol: 'TCP', port, why: kind === 'sshd' ? 'sshd' : "the agent's API connection" })
      }
    }
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

  nodePortServices = (port: number, protocol: Protocol): readonly Service[] =>
    this.#view.services.byIndex(byNodePort, portText(port, protocol))

  externalServices = (port: number, protocol: Protocol): readonly Service[] =>
    this.#view.services.byIndex(byExternalPort, portText(port, protocol))

  #facts(address: string): readonly NodeFact[] {
    return this.#view.facts.byIndex(byAddress, address)
  }
}
