import { createHmac, randomBytes } from 'node:crypto'
import { type ApiClient, ApiError } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import { ConfigError } from './config-error.ts'
import type { Pod } from './pod.ts'

interface Token {
  text: string
  /** When it is to be replaced, in milliseconds since the epoch: after 80 % of its life, as a kubelet does. */
  renewAtMs: number
}

/** Kubelet's default for volumes that an admission plugin adds. */
const lifetimeSeconds = 3607

/**
 * Service account tokens of pods, asked of the API (TokenRequest). Where the API issues none a token is made here that says the same but that no server accepts: what reads the
 * file finds one, and a call with it is refused as any unknown token is.
 */
export class Tokens {
  readonly #client: ApiClient
  readonly #tokens = new Map<string, Token>()
  /** The API has told that it has no TokenRequest. */
  #unsupported = false
  readonly #key = randomBytes(32)

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
    if (this.#unsupported) return { text: this.#make(pod, audience), renewAtMs }
    const { name, namespace, uid } = pod.metadata
    const account = pod.spec.serviceAccountName ?? 'default'
    const path = resourcePath({
      version: 'v1',
      resource: 'serviceaccounts',
      namespace,
      name: account,
      subresource: 'token',
    })
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name, uid }
    const spec = {
      audiences: audience === undefined ? [] : [audience],
      expirationSeconds: lifetimeSeconds,
      boundObjectRef,
    }
    try {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec }
      const answer = await this.#client.create<{ metadata: object; status?: { token?: string } }>(path, body)
      if (answer.status?.token) return { text: answer.status.token, renewAtMs }
    } catch (error) {
      if (error instanceof ApiError && !isUnsupported(error)) throw tokenError(error)
      if (!isUnsupported(error)) throw error
    }
    this.#unsupported = true
    return { text: this.#make(pod, audience), renewAtMs }
  }

  /** A JSON Web Token (RFC 7519) with the claims of a service account's. */
  #make(pod: Pod, audience: string | undefined): string {
    const now = Math.floor(Date.now() / 1000)
    const { name, namespace, uid } = pod.metadata
    const account = pod.spec.serviceAccountName ?? 'default'
    const claims = {
      aud: [audience ?? 'https://kubernetes.default.svc'],
      exp: now + lifetimeSeconds,
      iat: now,
      iss: 'https://kubernetes.default.svc',
      'kubernetes.io': { namespace, pod: { name, uid }, serviceaccount: { name: account } },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${account}`,
    }
    const signed = [{ alg: 'HS256' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    return `${signed}.${createHmac('sha256', this.#key).update(signed).digest('base64url')}`
  }
}

const tokenError = ({ message }: ApiError): ConfigError => new ConfigError(`failed to fetch token: ${message}`)

/** A server without the subresource says that it does not serve it, or 404 without naming a service account. */
const isUnsupported = (error: unknown): boolean =>
  error instanceof ApiError &&
  ([400, 405, 501].includes(error.status) || (error.status === 404 && !error.message.includes('serviceaccounts "')))

const keyOf = ({ metadata }: Pod, audience = ''): string => `${metadata.uid}/${audience}`

const audiencesOf = (pod: Pod): (string | undefined)[] =>
  (pod.spec.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
      serviceAccountToken ? [serviceAccountToken.audience] : [],
    ),
  )
