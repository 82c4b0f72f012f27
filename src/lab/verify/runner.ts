import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { type LabState, podNetnsPath } from '../state.ts'
import { isSettled } from './judge.ts'
import { type Patience, probe, usualPatience } from './probe.ts'
import type { Claim, Observation, Origin } from './types.ts'

/** What the tries of one claim came to. */
export interface Trial {
  claim: Claim
  observations: readonly Observation[]
}

/** How many sockets may be open at once. */
const mostSockets = 64

/**
 * Path of the network namespace that an origin stands for.
 *
 * @returns undefined where the lab has no such node
 */
export function netnsPathOf(origin: Origin, lab: LabState): string | undefined {
  if (origin.kind === 'outside') return `/run/netns/${lab.client.netns}`
  const node = lab.nodes.find(({ name }) => name === origin.node)
  if (node === undefined) return undefined
  if (origin.kind === 'node') return `/run/netns/${node.netns}`
  return `/proc/${node.holderPid}/root${podNetnsPath(origin.uid)}`
}

/** The namespaces of one run, each opened once. */
class OpenNamespaces {
  readonly #open = new Map<string, NetworkNamespace>()

  /** @throws KernelError, e.g. ENOENT where a pod has gone */
  get(path: string): NetworkNamespace {
    const open = this.#open.get(path) ?? NetworkNamespace.open(path)
    this.#open.set(path, open)
    return open
  }

  close(): void {
    for (const namespace of this.#open.values()) namespace.close()
  }
}

/** Tries all claims, many at once, each until it is settled. Results in the order of the claims. */
export async function tryAll(
  claims: readonly Claim[],
  lab: LabState,
  patience: Patience = usualPatience,
): Promise<Trial[]> {
  const namespaces = new OpenNamespaces()
  const trials: Trial[] = []
  const waiting = claims.entries()
  const work = async (): Promise<void> => {
    for (const [index, claim] of waiting) trials[index] = await tryOne(claim, lab, namespaces, patience)
  }
  try {
    await Promise.all(Array.from({ length: Math.min(mostSockets, claims.length) }, work))
  } finally {
    namespaces.close()
  }
  return trials
}

async function tryOne(claim: Claim, lab: LabState, namespaces: OpenNamespaces, patience: Patience): Promise<Trial> {
  const observations: Observation[] = []
  const path = netnsPathOf(claim.origin, lab)
  while (!isSettled(claim, observations)) observations.push(await observe(claim, path, namespaces, patience))
  return { claim, observations }
}

/** A namespace that cannot be entered (a pod that has just gone) fails its own claims only. */
async function observe(
  claim: Claim,
  path: string | undefined,
  namespaces: OpenNamespaces,
  patience: Patience,
): Promise<Observation> {
  if (path === undefined) return { outcome: 'error', detail: `the lab has no node of ${claim.origin.name}` }
  try {
    return await probe(claim, namespaces.get(path), patience)
  } catch (error) {
    return { outcome: 'error', detail: error instanceof Error ? error.message : String(error) }
  }
}
