import { randomUUID } from 'node:crypto'
import { apiTime } from '../../../kube/times.ts'
import { isMap, type Json, mapOf, textOf, textsOf } from '../access.ts'
import type { User } from '../authorization.ts'
import { type FieldError, invalidValue } from '../field-errors.ts'
import { invalid, notFound } from '../status.ts'
import type { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'
import { type Bound, boundObject, isAlive } from './bound.ts'
import { algorithm, SigningKey } from './jwt.ts'

/** Who signs, and for whom tokens are that name nobody else: the API itself. */
export const issuer = 'https://kubernetes.default.svc'

export const tokenRequestKind = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' } as const

/** Whom a token stands for and for whom it is, or why it is no good. */
export type Authentication = { user: User; audiences: string[] } | { error: string }

const defaultSeconds = 3600
const leastSeconds = 600
const mostSeconds = 2 ** 32

/** Issues and recognises the tokens of service accounts (serviceaccounts/token; Kubernetes, "Managing Service Accounts"). */
export class ServiceAccountTokens {
  readonly #store: MemoryStore
  readonly #key: SigningKey

  constructor(store: MemoryStore, dir: string) {
    this.#store = store
    this.#key = new SigningKey(dir)
  }

  /** The answer to a TokenRequest. @throws StatusError 400, 404, 409, 422 */
  issue(namespace: string, name: string, request: Json, now: Date): Json {
    checkPlace(request, namespace, name)
    const account = this.#account(namespace, name)
    if (account === undefined) throw notFound({ group: '', kind: 'ServiceAccount', plural: 'serviceaccounts' }, name)
    const spec = specOf(request)
    const reference: unknown = spec['boundObjectRef']
    const bound = isMap(reference) ? boundObject(this.#store, account, reference) : undefined
    const issuedAt = Math.floor(now.getTime() / 1000)
    const token = this.#key.sign(claimsOf(account, spec, issuedAt, this.#places(bound)))
    const creationTimestamp = apiTime(issuedAt * 1000)
    return {
      kind: tokenRequestKind.kind,
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { ...request['metadata'], name, namespace, creationTimestamp },
      spec,
      status: { token, expirationTimestamp: apiTime((issuedAt + Number(spec['expirationSeconds'])) * 1000) },
    }
  }

  /** Undefined: it is no token of a service account. `audiences`: one of these has to be named in it. */
  authenticate(token: string, audiences: readonly string[], now: Date): Authentication | undefined {
    if (!token.startsWith('ey')) return undefined
    const claims = this.#key.claimsOf(token)
    if (claims === undefined) return undefined
    const error = this.#fault(claims, now)
    if (error !== undefined) return { error }
    const given = textsOf(claims['aud'])
    const common = given.filter((audience) => audiences.includes(audience))
    if (common.length > 0) return { user: userOf(claims), audiences: common }
    return { error: `token audiences ${goStrings(given)} is invalid for the target audiences ${goStrings(audiences)}` }
  }

  /** OpenID Connect Discovery 1.0 §3, as far as a real API server says it. */
  discovery(serverAddress: string): Json {
    return {
      issuer,
      jwks_uri: `https://${serverAddress}${keysPath}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [algorithm],
    }
  }

  /** The keys that tokens are signed with (RFC 7517 §5). */
  keys(): Json {
    return { keys: [this.#key.jwk] }
  }

  #account(namespace: string, name: string): KubeObject | undefined {
    return this.#store.get('serviceaccounts', namespace, name)
  }

  /** A pod's token tells its node too. */
  #places(bound: Bound | undefined): Bound[] {
    if (bound === undefined) return []
    const nodeName = bound.claim === 'pod' ? textOf(bound.object['spec']?.nodeName) : ''
    const node = nodeName === '' ? undefined : this.#store.get('nodes', undefined, nodeName)
    return node === undefined ? [bound] : [{ claim: 'node', object: node }, bound]
  }

  /** Why a token of ours is no good any more; the words are those of kube-apiserver. */
  #fault(claims: Json, now: Date): string | undefined {
    const seconds = now.getTime() / 1000
    if (Number(claims['exp']) <= seconds) return 'service account token has expired'
    const own = mapOf(claims['kubernetes.io'])
    const namespace = textOf(own['namespace'])
    const { name, uid } = mapOf(own['serviceaccount'])
    const account = this.#account(namespace, textOf(name))
    if (account === undefined) return `serviceaccounts "${name}" not found`
    if (account.metadata.uid !== uid)
      return `service account UID (${account.metadata.uid}) does not match claim (${uid})`
    if (!isAlive(account, uid, now)) return invalidated
    // The node of a pod's token is only told: the pod is what it hangs on.
    const claim = (['pod', 'secret', 'node'] as const).find((one) => own[one] !== undefined)
    if (claim === undefined) return undefined
    const object = mapOf(own[claim])
    const stored = this.#store.get(`${claim}s`, claim === 'node' ? undefined : namespace, textOf(object['name']))
    return isAlive(stored, object['uid'], now) ? undefined : invalidated
  }
}

const invalidated = 'service account token has been invalidated'

/** Where the keys are read, and where it says so. */
export const keysPath = '/openid/v1/jwks'
export const discoveryPath = '/.well-known/openid-configuration'

/** As Go's %q writes a list. */
const goStrings = (texts: readonly string[]): string => `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`

/** @throws StatusError 422 */
function checkPlace(request: Json, namespace: string, name: string): void {
  const given = mapOf(request['metadata'])
  const errors = Object.entries({ name, namespace }).flatMap(([field, wanted]) =>
    !given[field] || given[field] === wanted
      ? []
      : [invalidValue(`metadata.${field}`, given[field], `must match the service account ${field} if specified`)],
  )
  if (errors.length > 0) throw invalid(tokenRequestKind, name, errors.slice(0, 1))
}

/** The spec with its defaults. @throws StatusError 422 */
function specOf(request: Json): Json {
  const given = mapOf(request['spec'])
  const { audiences, expirationSeconds = defaultSeconds, boundObjectRef } = given
  const errors = durationErrors(Number(expirationSeconds))
  if (errors.length > 0) throw invalid(tokenRequestKind, '', errors)
  return {
    audiences: Array.isArray(audiences) && audiences.length > 0 ? audiences : [issuer],
    expirationSeconds: Number(expirationSeconds),
    boundObjectRef: boundObjectRef ?? null,
  }
}

function durationErrors(seconds: number): FieldError[] {
  const wrong = (words: string): FieldError[] => [invalidValue('spec.expirationSeconds', seconds, words)]
  if (seconds < leastSeconds) return wrong('may not specify a duration less than 10 minutes')
  return seconds > mostSeconds ? wrong('may not specify a duration larger than 2^32 seconds') : []
}

function claimsOf(account: KubeObject, spec: Json, issuedAt: number, places: readonly Bound[]): Json {
  const { namespace, name, uid } = account.metadata
  const bound = places.map(({ claim, object: { metadata } }) => [claim, { name: metadata.name, uid: metadata.uid }])
  return {
    aud: spec['audiences'],
    exp: issuedAt + Number(spec['expirationSeconds']),
    iat: issuedAt,
    iss: issuer,
    jti: randomUUID(),
    'kubernetes.io': { namespace, ...Object.fromEntries(bound), serviceaccount: { name, uid } },
    nbf: issuedAt,
    sub: `system:serviceaccount:${namespace}:${name}`,
  }
}

function userOf(claims: Json): User {
  const own = mapOf(claims['kubernetes.io'])
  const extra: Record<string, string[]> = {
    'authentication.kubernetes.io/credential-id': [`JTI=${textOf(claims['jti'])}`],
  }
  for (const claim of ['node', 'pod'] as const) {
    if (own[claim] === undefined) continue
    const { name, uid } = mapOf(own[claim])
    extra[`authentication.kubernetes.io/${claim}-name`] = [textOf(name)]
    extra[`authentication.kubernetes.io/${claim}-uid`] = [textOf(uid)]
  }
  return {
    name: textOf(claims['sub']),
    uid: textOf(mapOf(own['serviceaccount'])['uid']),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${textOf(own['namespace'])}`, 'system:authenticated'],
    extra,
  }
}
