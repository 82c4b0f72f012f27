import type { ApiClient } from '../../src/kube/client.ts'
import { resourcePath } from '../../src/kube/paths.ts'
import type { KubeObject } from '../../src/kube/types.ts'
import { formatIPv4 } from '../../src/model/ip.ts'

/** The node that contenders believe to be on. */
export const nodeName = 'weft-bench'
export const podCIDR = '10.42.0.0/16'
export const targetPort = 8080

const pods = 0x0a2a0000
/** Addresses of changed endpoints come from the last part of the pod CIDR, those of unchanged ones from the rest. */
const firstSpare = 0xf000
const spare = 0xfff
/** Endpoints in a slice, as the EndpointSlice controller fills it (kube-controller-manager --max-endpoints-per-slice). */
const sliceLength = 100

/** Objects of the bench: Services without selector, each with its slices, in a namespace of its own. */
export class Objects {
  readonly namespace: string
  readonly #client: ApiClient
  #count = 0

  constructor(client: ApiClient, namespace: string) {
    this.#client = client
    this.namespace = namespace
  }

  async prepare(nodeAddress: string): Promise<void> {
    await this.#client.create('/api/v1/namespaces', object('v1', 'Namespace', { name: this.namespace }))
    const nodes = resourcePath({ version: 'v1', resource: 'nodes' })
    const node = await this.#client.create<KubeObject>(nodes, {
      ...object('v1', 'Node', { name: nodeName }),
      spec: { podCIDR, podCIDRs: [podCIDR] },
    })
    const status = { addresses: [{ type: 'InternalIP', address: nodeAddress }] }
    await this.#client.patch(`${nodes}/${node.metadata.name}/status`, { status })
  }

  /** Removes all that `prepare` and `grow` made. */
  async remove(): Promise<void> {
    await this.#client.remove(`/api/v1/namespaces/${this.namespace}`).catch(() => {})
    await this.#client.remove(`/api/v1/nodes/${nodeName}`).catch(() => {})
  }

  /** Makes Services until there are `services`, each with `endpoints`. @returns the addresses of all, in order */
  async grow(services: number, endpoints: number, clients: number): Promise<void> {
    const work = async (): Promise<void> => {
      while (this.#count < services) {
        const index = this.#count++
        await this.#client.create(this.#path('services', ''), service(index))
        for (let part = 0; part * sliceLength < endpoints; part++) {
          await this.#client.create(this.#path('endpointslices', 'discovery.k8s.io'), slice(index, endpoints, part, 0))
        }
      }
    }
    await Promise.all(Array.from({ length: clients }, work))
  }

  async clusterIPs(): Promise<string[]> {
    const { items } = await this.#client.list<{ spec: { clusterIP: string } }>(this.#path('services', ''))
    return items.map(({ spec }) => spec.clusterIP)
  }

  /** Replaces one endpoint of one Service; the API has it when this resolves. */
  async change(index: number, endpoints: number, version: number): Promise<void> {
    const part = version % Math.ceil(endpoints / sliceLength)
    const path = `${this.#path('endpointslices', 'discovery.k8s.io')}/${sliceName(index, part)}`
    await this.#client.patch(path, { endpoints: slice(index, endpoints, part, version).endpoints })
  }

  #path(resource: string, group: string): string {
    return resourcePath({ ...(group === '' ? {} : { group }), version: 'v1', resource, namespace: this.namespace })
  }
}

const object = (apiVersion: string, kind: string, metadata: object) => ({ apiVersion, kind, metadata })

const service = (index: number) => ({
  ...object('v1', 'Service', { name: `s${index}` }),
  spec: { ports: [{ name: 'http', port: 80, targetPort }] },
})

const sliceName = (index: number, part: number): string => `s${index}-${part}`

/** The slice number `part` of one Service; another `version` has another first endpoint. */
const slice = (index: number, endpoints: number, part: number, version: number) => ({
  ...object('discovery.k8s.io/v1', 'EndpointSlice', {
    name: sliceName(index, part),
    labels: { 'kubernetes.io/service-name': `s${index}`, 'endpointslice.kubernetes.io/managed-by': 'bench' },
  }),
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: targetPort }],
  endpoints: Array.from({ length: Math.min(sliceLength, endpoints - part * sliceLength) }, (_, n) => {
    const number = part * sliceLength + n
    return {
      addresses: [formatIPv4(pods + offsetOf(index * endpoints + number, n === 0 ? version : 0))],
      conditions: { ready: true, serving: true, terminating: false },
    }
  }),
})

const offsetOf = (number: number, version: number): number =>
  version === 0 ? 1 + (number % (firstSpare - 1)) : firstSpare + (version % spare)
