import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../kube/client.ts'
import { resourcePath } from '../kube/paths.ts'
import type { KubeObject } from '../kube/types.ts'
import { WeftError } from '../model/error.ts'
import type { Log } from './log.ts'

/** The uid of kube-system, which stands for the cluster. The API may be away: asks until it answers. */
export async function clusterUidOf(client: ApiClient, log: Log, signal: AbortSignal): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      const path = resourcePath({ version: 'v1', resource: 'namespaces', name: 'kube-system' })
      const namespace = await client.get<KubeObject>(path, {}, { signal })
      return namespace.metadata.uid ?? ''
    } catch (error) {
      if (signal.aborted) throw error
      const remedy = error instanceof WeftError ? error.remedy : undefined
      const message = error instanceof Error ? error.message : String(error)
      log('warn', 'the API does not answer yet', { error: message, remedy })
      await delay(Math.min(10_000, 250 * 2 ** attempt), undefined, { signal })
    }
  }
}
