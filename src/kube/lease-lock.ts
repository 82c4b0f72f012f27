import { isDeepStrictEqual } from 'node:util'
import type { ApiClient } from './client.ts'
import { isNotFound } from './errors.ts'
import { resourcePath } from './paths.ts'
import type { ReflectorTimers } from './timers.ts'
import { apiMicroTime } from './times.ts'
import type { KubeObject } from './types.ts'

/** coordination.k8s.io/v1 Lease, as far as elections use it. */
export interface Lease extends KubeObject {
  spec?: LeaseSpec | null
}

export interface LeaseSpec {
  /** Absent: nobody holds it. */
  holderIdentity?: string | null
  leaseDurationSeconds?: number | null
  acquireTime?: string | null
  renewTime?: string | null
  /** How often it has passed from one holder to another. */
  leaseTransitions?: number | null
}

/** The machine's clock and one that nobody sets. */
export interface LeaseTimers extends ReflectorTimers {
  /** Milliseconds since any moment; never goes back. */
  monotonic(): number
}

export interface LeaseLockOptions {
  client: Pick<ApiClient, 'get' | 'create' | 'replace'>
  namespace: string
  name: string
  /** Differs from every other candidate's, also from that of an earlier process on the same node. */
  identity: string
  leaseDurationSeconds: number
}

/**
 * A Lease as a lock. Whether another's hold has run out is judged by how long *we* have seen its record unchanged, on a clock that
 * nobody sets: the times that it wrote are never compared with ours.
 */
export class LeaseLock {
  readonly #options: LeaseLockOptions
  readonly #timers: LeaseTimers
  #lease: Lease | undefined
  #observedAtMs = 0

  constructor(options: LeaseLockOptions, timers: LeaseTimers) {
    this.#options = options
    this.#timers = timers
  }

  /** Who held the lock when we looked last; `''`: nobody. */
  get holder(): string {
    return this.#lease?.spec?.holderIdentity ?? ''
  }

  get isOurs(): boolean {
    return this.holder === this.#options.identity
  }

  /** Renews our hold, or takes the lock if it is free or run out. False: another's. Throws what the API throws; a conflict means that another was faster. */
  async acquireOrRenew(signal: AbortSignal): Promise<boolean> {
    if (this.isOurs && this.#isValid() && (await this.#renewUnread(signal))) return true
    const lease = await this.#read(signal)
    if (!lease) return this.#create(signal)
    this.#observe(lease)
    if (this.holder && !this.isOurs && this.#isValid()) return false
    await this.#write(lease, signal)
    return true
  }

  /** Gives the lock back, so that others need not wait for it to run out. Nothing happens if it is not ours. */
  async release(signal: AbortSignal): Promise<void> {
    const lease = await this.#read(signal)
    if (!lease || lease.spec?.holderIdentity !== this.#options.identity) return
    const now = apiMicroTime(this.#timers.now())
    const { holderIdentity: _, ...spec } = lease.spec
    const released = { ...spec, leaseDurationSeconds: 1, acquireTime: now, renewTime: now }
    this.#observe(await this.#replace({ ...lease, spec: released }, signal))
  }

  /** Over the version that we wrote last, without reading first; false if somebody has touched the Lease since. */
  async #renewUnread(signal: AbortSignal): Promise<boolean> {
    try {
      if (this.#lease) await this.#write(this.#lease, signal)
      return true
    } catch (error) {
      if (signal.aborted) throw error
      return false
    }
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#options.client.get<Lease>(this.#path(this.#options.name), undefined, { signal })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    const { namespace, name } = this.#options
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace },
      spec: this.#nextSpec(undefined),
    }
    this.#observe(await this.#options.client.create<Lease>(this.#path(), lease, { signal }))
    return true
  }

  async #write(lease: Lease, signal: AbortSignal): Promise<void> {
    this.#observe(await this.#replace({ ...lease, spec: this.#nextSpec(lease.spec ?? {}) }, signal))
  }

  #replace(lease: Lease, signal: AbortSignal): Promise<Lease> {
    return this.#options.client.replace<Lease>(this.#path(this.#options.name), lease, { signal })
  }

  #nextSpec(old: LeaseSpec | undefined): LeaseSpec {
    const { identity, leaseDurationSeconds } = this.#options
    const now = apiMicroTime(this.#timers.now())
    const ours = old?.holderIdentity === identity
    const transitions = old?.leaseTransitions ?? 0
    return {
      ...old,
      holderIdentity: identity,
      leaseDurationSeconds,
      renewTime: now,
      acquireTime: ours ? (old.acquireTime ?? now) : now,
      leaseTransitions: ours || !old ? transitions : transitions + 1,
    }
  }

  /** The clock of a record starts when we see it for the first time. */
  #observe(lease: Lease): void {
    if (!this.#lease || !isDeepStrictEqual(this.#lease.spec, lease.spec)) this.#observedAtMs = this.#timers.monotonic()
    this.#lease = lease
  }

  #isValid(): boolean {
    const seconds = this.#lease?.spec?.leaseDurationSeconds ?? this.#options.leaseDurationSeconds
    return this.#timers.monotonic() < this.#observedAtMs + seconds * 1000
  }

  #path(name?: string): string {
    const { namespace } = this.#options
    return resourcePath({
      group: 'coordination.k8s.io',
      version: 'v1',
      resource: 'leases',
      namespace,
      ...(name && { name }),
    })
  }
}
