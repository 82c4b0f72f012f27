import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { kubeletIdentity } from '../api/certificates.ts'
import { type EmbeddedApi, startApi } from '../api/server.ts'
import { startControllers } from '../controllers/index.ts'
import { labFiles, replaceFile } from '../files.ts'
import { jsonLog } from '../log.ts'
import { apiUrl, dialFromLab, listenInLab } from './api-place.ts'
import { apiPort, type TopologyPlan } from '../topology/plan.ts'
import { planOf, readSpec } from './spec.ts'

/**
 * Runs the API of a lab and its controllers until SIGTERM or SIGINT: inside the lab on the API's address, for the host on 127.0.0.1, on the port of
 * the first time. A process that takes the place of one that was killed goes on with all its objects.
 *
 * @throws WeftError LAB_NOT_FOUND, API_STATE_DAMAGED; KernelError
 */
export async function runApi(name: string): Promise<number> {
  const spec = readSpec(name)
  const log = jsonLog('api')
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  process.on('SIGHUP', () => {})
  const plan = planOf(spec)
  const startedMs = performance.now()
  const api = await start(plan, (error) => log('error', { error: String(error) }))
  await Promise.all(plan.nodes.map((node) => kubeletIdentity(labFiles(name).api, node.name, node.addresses)))
  const controllers = startControllers(api.store, { log: (line) => log(line), signal: stop.signal, rootCA: api.ca })
  writeKubeconfigs(name, api, apiUrl(plan))
  log('serving', { url: api.url, milliseconds: Math.round(performance.now() - startedMs) })
  if (!stop.signal.aborted)
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }))
  controllers.close()
  await api.close()
  return 0
}

async function start(plan: TopologyPlan, onError: (error: unknown) => void): Promise<EmbeddedApi> {
  const dir = labFiles(plan.lab).api
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const listeners = listenInLab(plan)
  const portFile = join(dir, 'port')
  const advertise = { address: plan.api.addresses[0] ?? '', port: apiPort }
  const serviceCIDR = plan.serviceCIDRs.join(',')
  const api = await startApi({
    dir,
    serviceCIDR,
    advertise,
    listeners,
    loopbackPort: portIn(portFile),
    dial: dialFromLab(plan),
    onError,
  })
  replaceFile(portFile, new URL(api.url).port)
  return api
}

/** 0, any port, when there is none yet. */
function portIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}

function writeKubeconfigs(lab: string, api: EmbeddedApi, underlay: string): void {
  const { kubeconfig, nodeKubeconfig } = labFiles(lab)
  replaceFile(nodeKubeconfig, api.kubeconfig(underlay))
  // The last one: whoever sees it finds all the others.
  replaceFile(kubeconfig, api.kubeconfig())
}
