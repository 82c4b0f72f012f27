import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'
import { resourcePath } from '../kube/paths.ts'
import type { KubeObject } from '../kube/types.ts'
import { WeftError } from '../model/error.ts'
import type { Log } from './log.ts'

/** The credentials are not good enough: somebody has to do something about it. */
export const isRefused = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 401 || error.status === 403)

/**
 * The uid of kube-system, which stands for the cluster. The API may be away, and rights may be granted later: asks until it answers.
 *
 * @param isFinal says which errors are thrown all the same
 */
export async function clusterUidOf(
  client: Pick<ApiClient, 'get'>,
  log: Log,
  signal: AbortSignal,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      const path = resourcePath({ version: 'v1', resource: 'namespaces', name: 'kube-system' })
      const namespace = await client.get<KubeObject>(path, {}, { signal })
      return namespace.metadata.uid ?? ''
    } catch (error) {
      if (signal.aborted || isFinal(error)) throw error
      const remedy = error instanceof WeftError ? error.remedy : undefined
      const message = error instanceof Error ? error.message : String(error)
      const what =
        error instanceof ApiError ? 'the API does not tell which cluster it is' : 'the API does not answer yet'
      log('warn', what, { error: message, remedy })
      await delay(Math.min(10_000, 250 * 2 ** attempt), undefined, { signal })
    }
  }
}
