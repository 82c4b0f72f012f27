import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import type { Family } from '../../model/ip.ts'
import type { FamilyList } from '../families.ts'
import { ViewInfrastructure } from '../infrastructure.ts'
import { nodeEntry } from '../node-entry.ts'
import type { ServiceView } from '../view.ts'
import { HealthCheckServers } from './servers.ts'
import type { HealthCheckFailure } from './types.ts'
import { healthCheckPorts } from './view.ts'

export type { HealthCheckFailure } from './types.ts'

export interface HealthChecksOptions {
  view: ServiceView
  families: FamilyList
  /** Whether the proxy keeps up: asked at each request. */
  isHealthy: () => boolean
  namespace?: NetworkNamespace
}

export interface HealthChecks {
  /** What is not served, and why: each is an Event on its Service. */
  failures(): HealthCheckFailure[]
  close(): void
}

/** Serves health-check node ports, and follows the view. Call when its stores are synced. An address of a family answers for that family's endpoints. */
export function serveHealthChecks({ view, families, isHealthy, namespace }: HealthChecksOptions): HealthChecks {
  const isManagementPort = (port: number): boolean =>
    new ViewInfrastructure(view).managementPorts.some((one) => one.protocol === 'TCP' && one.port === port)
  const serversOf = (family: Family) => {
    const options = { isHealthy, isManagementPort, ...(namespace !== undefined && { namespace }) }
    return { family, servers: new HealthCheckServers(options) }
  }
  const servers = families.served.map(serversOf)
  const update = (): void => {
    for (const { family, servers: one } of servers) {
      one.update(healthCheckPorts(view, family), nodeEntry(view, family).nodePortAddresses)
    }
  }
  const stops = [
    view.services.onChange((changes) => {
      for (const { old, now } of changes.values())
        if (old?.healthCheckNodePort || now?.healthCheckNodePort) return update()
    }),
    view.slices.onChange((changes) => {
      for (const { old, now } of changes.values()) {
        const slice = now ?? old
        const service = slice && view.services.get(`${slice.namespace}/${slice.service}`)
        if (service?.healthCheckNodePort) return update()
      }
    }),
    view.nodes.onChange((changes) => changes.has(view.config.nodeName) && update()),
    view.facts.onChange(update),
    families.onAdded((family) => {
      servers.push(serversOf(family))
      update()
    }),
  ]
  update()
  return {
    failures: () => servers.flatMap(({ servers: one }) => one.failures),
    close: () => {
      for (const stop of stops) stop()
      for (const { servers: one } of servers) one.close()
    },
  }
}
