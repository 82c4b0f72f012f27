import { type ApiClient, ApiError } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import { ConfigError } from './config-error.ts'
import type { Pod } from './pod.ts'

interface Token {
  text: string
  /** When it is to be replaced, in milliseconds since the epoch: after 80 % of its life, as a kubelet does. */
  renewAtMs: number
}

interface TokenRequest {
  metadata: object
  status?: { token?: string }
}

/** Kubelet's default for volumes that an admission plugin adds. */
const lifetimeSeconds = 3607

/** Service account tokens of pods, asked of the API (TokenRequest) and kept for most of their life. */
export class Tokens {
  readonly #client: ApiClient
  readonly #tokens = new Map<string, Token>()

  constructor(client: ApiClient) {
    this.#client = client
  }

  /** Gets or renews the tokens that the pod's volumes hold. @throws ConfigError in a kubelet's words, e.g. for a service account that does not exist */
  async prepare(pod: Pod): Promise<void> {
    for (const audience of audiencesOf(pod)) {
      const key = keyOf(pod, audience)
      const known = this.#tokens.get(key)
      if (known === undefined || known.renewAtMs < Date.now()) this.#tokens.set(key, await this.#request(pod, audience))
    }
  }

  /** A token that `prepare` has got. */
  token(pod: Pod, audience: string | undefined): string {
    return this.#tokens.get(keyOf(pod, audience))?.text ?? ''
  }

  forget(pod: Pod): void {
    for (const key of this.#tokens.keys()) if (key.startsWith(`${pod.metadata.uid}/`)) this.#tokens.delete(key)
  }

  async #request(pod: Pod, audience: string | undefined): Promise<Token> {
    const renewAtMs = Date.now() + lifetimeSeconds * 800
    const { name, namespace, uid } = pod.metadata
    const account = pod.spec.serviceAccountName ?? 'default'
    const collection = { version: 'v1', resource: 'serviceaccounts', namespace }
    const path = resourcePath({ ...collection, name: account, subresource: 'token' })
    const spec = {
      audiences: audience === undefined ? [] : [audience],
      expirationSeconds: lifetimeSeconds,
      boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
    }
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec }
    try {
      const { status } = await this.#client.create<TokenRequest>(path, body)
      return { text: status?.token ?? '', renewAtMs }
    } catch (error) {
      throw error instanceof ApiError ? new ConfigError(`failed to fetch token: ${error.message}`) : error
    }
  }
}

const keyOf = ({ metadata }: Pod, audience = ''): string => `${metadata.uid}/${audience}`

const audiencesOf = (pod: Pod): (string | undefined)[] =>
  (pod.spec.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
      serviceAccountToken ? [serviceAccountToken.audience] : [],
    ),
  )
