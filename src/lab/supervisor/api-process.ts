import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { listenTcp } from '../../kernel/sockets.ts'
import { type EmbeddedApi, startApi } from '../api/server.ts'
import { startControllers } from '../controllers/index.ts'
import { labFiles } from '../files.ts'
import { jsonLog } from '../log.ts'
import { apiPort, planTopology, serviceCIDR } from '../topology/plan.ts'
import { readSpec } from './spec.ts'

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
  const { api: place } = planTopology(spec.name, spec.nodes)
  const startedMs = performance.now()
  const api = await start(name, place, (error) => log('error', { error: String(error) }))
  const controllers = startControllers(api.store, { log: (line) => log(line), signal: stop.signal, rootCA: api.ca })
  writeKubeconfigs(name, api, `https://${place.address}:${apiPort}`)
  log('serving', { url: api.url, milliseconds: Math.round(performance.now() - startedMs) })
  if (!stop.signal.aborted)
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }))
  controllers.close()
  await api.close()
  return 0
}

async function start(
  lab: string,
  { netns, address }: { netns: string; address: string },
  onError: (error: unknown) => void,
): Promise<EmbeddedApi> {
  const dir = labFiles(lab).api
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const namespace = NetworkNamespace.named(netns)
  const fd = listenTcp(namespace, address, apiPort)
  // The listening socket keeps the namespace alive by itself.
  namespace.close()
  const portFile = join(dir, 'port')
  const advertise = { address, port: apiPort }
  const listeners = [{ fd }]
  const api = await startApi({ dir, serviceCIDR, advertise, listeners, loopbackPort: portIn(portFile), onError })
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

function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
