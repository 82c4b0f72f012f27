import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { untilAborted } from '../../../kube/abort.ts'
import type { ApiClient } from '../../../kube/client.ts'
import { resourcePath } from '../../../kube/paths.ts'
import { type Identity, kubeletIdentity, type KeptIdentity } from '../../api/certificates.ts'
import { errorText, type Log } from '../../log.ts'
import { type KubeletServer, startKubeletServer } from './index.ts'
import type { PodsOfNode } from './pods.ts'
import { reviewsBy } from './reviews.ts'

export interface ServingOptions {
  client: ApiClient
  nodeName: string
  nodeAddresses: readonly string[]
  /** What the lab's own API has made for this node. Absent with an API server that is not the lab's. */
  identityFile?: string | undefined
  pods: PodsOfNode
  log: Log
}

const retryMs = 500
/** In the node's own /run. */
const ownCertificates = '/run/weft/kubelet-tls'

/** Serves the kubelet's port until the signal aborts. What keeps it from that is logged and tried again; the node goes on without. */
export async function serveNode(options: ServingOptions, signal: AbortSignal): Promise<void> {
  const { client, nodeName, nodeAddresses, pods, log } = options
  const start = async (): Promise<KubeletServer> =>
    startKubeletServer({
      addresses: nodeAddresses,
      identity: await identityOf(options),
      reviews: reviewsBy(client, nodeName),
      pods,
      log,
    })
  while (!signal.aborted) {
    try {
      const server = await start()
      await untilAborted(signal)
      await server.close()
    } catch (error) {
      log('kubelet port not served', { error: errorText(error) })
      await sleep(retryMs, undefined, { signal }).catch(() => {})
    }
  }
}

async function identityOf({ identityFile, client, nodeName, nodeAddresses }: ServingOptions): Promise<Identity> {
  if (identityFile !== undefined) return (JSON.parse(readFileSync(identityFile, 'utf8')) as KeptIdentity).identity
  const own = await kubeletIdentity(ownCertificates, nodeName, nodeAddresses)
  return { ...own, ca: (await clientCa(client)) ?? own.ca }
}

/** Who signs the certificates of the API server's clients, which it tells everybody who may read its ConfigMaps. */
async function clientCa(client: ApiClient): Promise<string | undefined> {
  const place = { namespace: 'kube-system', name: 'extension-apiserver-authentication' }
  try {
    const path = resourcePath({ version: 'v1', resource: 'configmaps', ...place })
    return (await client.get<{ data?: Record<string, string> }>(path)).data?.['client-ca-file']
  } catch {
    return undefined
  }
}
