import type { Log } from '../daemon/log.ts'
import type { RunnablePart } from '../daemon/run-part.ts'
import { hostGateway } from '../fabric/host-gw/index.ts'
import type { Family } from '../model/ip.ts'
import type { FamilyList } from '../proxy/families.ts'
import { proxyHost } from '../proxy/host/index.ts'
import { nftablesProxy } from '../proxy/nftables/index.ts'
import type { AgentConfig } from './config.ts'
import type { Sources } from './sources.ts'
import { networkProgramming } from './trigger-times.ts'

/** What parts are made of. */
export interface PartContext {
  config: AgentConfig
  sources: Sources
  /** In which Services are served. */
  families: FamilyList
  /** uid of the namespace kube-system. */
  clusterUid: string
  /** Absent in a dry run, which has nothing to tell. */
  log?: Log
}

/** The parts of an agent, as of now; one line each. */
export function makeParts(context: PartContext): RunnablePart[] {
  const { config, sources, families, log } = context
  const { fabric } = sources
  const logging = log === undefined ? {} : { log }
  const network = fabric === undefined ? [] : [hostGateway({ view: fabric, ...logging })]
  if (config.disableKubeProxy) return network
  const { clusterCIDRs, conntrackSysctls: sysctls } = config
  const host = proxyHost({ families, clusterCIDRs, sysctls, ...logging })
  return [...network, host, ...families.served.map((family) => makeProxy(context, family))]
}

/** The part that serves one family. */
export function makeProxy({ config, sources, clusterUid, log }: PartContext, family: Family): RunnablePart {
  const { view, triggers } = sources
  const logging = log === undefined ? {} : { log }
  const part = nftablesProxy({ view, family, clusterUid, tableOwner: config.tableOwner, ...logging })
  const measured = networkProgramming(part.reconciler, view, family, triggers)
  return {
    ...part,
    proxyFamily: family,
    networkProgramming: measured.value,
    minIntervalMs: config.minSyncPeriodMs,
    close: () => {
      measured.stop()
      part.close()
    },
  }
}
