import { readFileSync } from 'node:fs'
import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { type LabState, podNetnsPath } from '../state.ts'
import { isSettled } from './judge.ts'
import { type Patience, probe, usualPatience } from './probe.ts'
import { Turns } from './turns.ts'
import type { Claim, Observation, Origin } from './types.ts'

/** What the tries of one claim came to. */
export interface Trial {
  claim: Claim
  observations: readonly Observation[]
}

/** How many tries are made at once, and how many of one claim. */
const mostBusy = 64
const mostTries = 4
/** How many more claims may wait for an answer: a fault that shows by silence shall not add up. */
const mostWaiting = 512
/** Open files that a process has besides the tries, of which each holds one. */
const otherFiles = 64

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
export class OpenNamespaces {
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

/** What a run takes besides the claims. */
export interface Run {
  lab: LabState
  namespaces: OpenNamespaces
  patienceFor?: (claim: Claim) => Patience
  /** Waits until the kernel has room for more neighbours. */
  room?: () => Promise<void>
  /** Told after each claim how many are done. */
  done?: (count: number) => void
}

/** Tries all claims, many at once, each until it is settled. Results in the order of the claims. */
export async function tryAll(claims: readonly Claim[], run: Run): Promise<Trial[]> {
  const trials: Trial[] = []
  const waiting = claims.entries()
  const turns = new Turns(mostBusy)
  let count = 0
  const work = async (): Promise<void> => {
    for (const [index, claim] of waiting) {
      trials[index] = await tryOne(claim, run, turns)
      run.done?.(++count)
    }
  }
  await Promise.all(Array.from({ length: Math.min(mostAtOnce(), claims.length) }, work))
  return trials
}

/** Node has raised its limit of open files to the hard one. */
function mostAtOnce(): number {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
  const fitting = Math.floor((limit - otherFiles) / mostTries)
  return Math.max(1, Math.min(mostBusy + mostWaiting, fitting))
}

async function tryOne(claim: Claim, run: Run, turns: Turns): Promise<Trial> {
  const observations: Observation[] = []
  const path = netnsPathOf(claim.origin, run.lab)
  while (!isSettled(claim, observations)) {
    const left = claim.tries.most - observations.length
    const isFirst = observations.length === 0
    const count = isFirst && isBoundByFirst(claim) ? 1 : Math.min(mostTries, left)
    observations.push(...(await Promise.all(Array.from({ length: count }, () => observe(claim, path, run, turns)))))
  }
  return { claim, observations }
}

/** Session affinity goes by the first try: it is alone. */
const isBoundByFirst = ({ expectation }: Claim): boolean =>
  expectation.kind === 'answers' && expectation.spread === 'same'

/** A namespace that cannot be entered (a pod that has just gone) fails its own claims only. */
async function observe(claim: Claim, path: string | undefined, run: Run, turns: Turns): Promise<Observation> {
  const { namespaces, patienceFor = () => usualPatience, room } = run
  if (path === undefined) return { outcome: 'error', detail: `the lab has no node of ${claim.origin.name}` }
  const endTurn = await turns.take()
  try {
    await room?.()
    // What is left of it then is waiting.
    return await probe(claim, namespaces.get(path), patienceFor(claim), endTurn)
  } catch (error) {
    return { outcome: 'error', detail: error instanceof Error ? error.message : String(error) }
  } finally {
    endTurn()
  }
}
