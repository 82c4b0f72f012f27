import { type ApiClient, isNotFound } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import type { KubeObject } from '../../kube/types.ts'
import type { Pod } from './pod.ts'

interface ServiceAccount extends KubeObject {
  automountServiceAccountToken?: boolean
}

/** How long an answer counts. */
const keptMs = 60_000

/** What service accounts say about their tokens, asked once a minute at most. */
export class ServiceAccounts {
  readonly #client: ApiClient
  readonly #answers = new Map<string, { automount: Promise<boolean | undefined>; untilMs: number }>()

  constructor(client: ApiClient) {
    this.#client = client
  }

  /** `automountServiceAccountToken` of the pod's service account; undefined where it says nothing or does not exist. @throws ApiError */
  async automount(pod: Pod): Promise<boolean | undefined> {
    const name = pod.spec.serviceAccountName ?? 'default'
    const { namespace } = pod.metadata
    const key = `${namespace}/${name}`
    const known = this.#answers.get(key)
    if (known !== undefined && known.untilMs > performance.now()) return known.automount
    const automount = this.#ask(namespace, name)
    this.#answers.set(key, { automount, untilMs: performance.now() + keptMs })
    automount.catch(() => this.#answers.delete(key))
    return automount
  }

  async #ask(namespace: string, name: string): Promise<boolean | undefined> {
    try {
      const path = resourcePath({ version: 'v1', resource: 'serviceaccounts', namespace, name })
      return (await this.#client.get<ServiceAccount>(path)).automountServiceAccountToken
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
}
