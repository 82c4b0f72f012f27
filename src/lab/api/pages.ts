import { randomUUID } from 'node:crypto'
import type { ListMeta } from './encoding.ts'
import { badRequest, expired, type StatusError } from './status.ts'
import type { KubeObject } from './types.ts'

interface Snapshot {
  items: readonly KubeObject[]
  version: string
  expires: number
}

interface Token {
  v: 'meta.k8s.io/v1'
  /** -1: goes on with what there is now. */
  rv: number
  /** `namespace/name` of the last item that was given out. */
  start: string
  snapshot?: string
}

export interface Page {
  metadata: ListMeta
  items: readonly KubeObject[]
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

const encode = (token: Token): string => Buffer.from(JSON.stringify(token)).toString('base64url')

function decode(text: string): Token {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Token
    if (token.v === 'meta.k8s.io/v1' && typeof token.start === 'string') return token
  } catch {
    // Said below, in the words for any token that is not one of ours.
  }
  throw badRequest('invalid continue token: continue key is not valid')
}

const tooOld =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'

/** Lists in pages: the pages of one list show one state, which is kept for a while. */
export class Pages {
  readonly #snapshots = new Map<string, Snapshot>()
  readonly #lifetimeMs: number
  readonly #limit: number

  constructor(lifetimeMs = 5 * 60_000, limit = 64) {
    this.#lifetimeMs = lifetimeMs
    this.#limit = limit
  }

  /** `selected`: true if a selector was given (then nobody says how many remain). `items`: what there is now. */
  page(
    items: readonly KubeObject[],
    version: string,
    options: { limit: number; token: string | undefined; selected: boolean },
  ): Page {
    const { limit, selected } = options
    const token = options.token === undefined ? undefined : decode(options.token)
    const snapshot = token === undefined || token.rv < 0 ? undefined : this.#find(token)
    const all = snapshot?.items ?? items
    const from = token === undefined ? 0 : firstAfter(all, token.start)
    const shown = limit === 0 ? all.slice(from) : all.slice(from, from + limit)
    const remaining = all.length - from - shown.length
    const metadata: ListMeta = { resourceVersion: snapshot?.version ?? version }
    const last = shown.at(-1)
    if (remaining === 0 || last === undefined) return { metadata, items: shown }
    const id = snapshot === undefined ? this.#keep(all, version) : token?.snapshot
    const next: Token = { v: 'meta.k8s.io/v1', rv: Number(metadata.resourceVersion), start: keyOf(last) }
    metadata.continue = encode(id === undefined ? next : { ...next, snapshot: id })
    if (!selected) metadata.remainingItemCount = remaining
    return { metadata, items: shown }
  }

  #keep(items: readonly KubeObject[], version: string): string {
    const id = randomUUID()
    const oldest = this.#snapshots.keys().next().value
    if (this.#snapshots.size >= this.#limit && oldest !== undefined) this.#snapshots.delete(oldest)
    this.#snapshots.set(id, { items, version, expires: Date.now() + this.#lifetimeMs })
    return id
  }

  #find(token: Token): Snapshot {
    const snapshot = token.snapshot === undefined ? undefined : this.#snapshots.get(token.snapshot)
    if (snapshot !== undefined && snapshot.expires > Date.now()) return snapshot
    throw goOn(token)
  }
}

/** 410, with a token to go on with regardless. */
function goOn(token: Token): StatusError {
  const error = expired(tooOld)
  error.status.metadata = { continue: encode({ v: 'meta.k8s.io/v1', rv: -1, start: token.start }) }
  return error
}

function firstAfter(items: readonly KubeObject[], start: string): number {
  const at = items.findIndex((item) => keyOf(item) > start)
  return at < 0 ? items.length : at
}
