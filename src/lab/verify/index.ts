import { setTimeout as delay } from 'node:timers/promises'
import { neighbourTable } from '../../kernel/neighbour-table.ts'
import { agentStatus } from '../agent-status.ts'
import type { LabState } from '../state.ts'
import type { Facts } from './claim-source.ts'
import { claimsOf, needed } from './claim-sources.ts'
import { crosses, cutOff } from './cut-off.ts'
import { factsOf, type Given } from './facts.ts'
import { judge } from './judge.ts'
import { listenAt, type Listening, type Place } from './listeners.ts'
import { NeighbourGate } from './neighbours.ts'
import { type Lister, listObjects, versionOf } from './objects.ts'
import { originsOf } from './origins.ts'
import type { RefusedPort } from './refusals.ts'
import { littlePatience, morePatience, type Patience, usualPatience } from './probe.ts'
import { type Report, reportOf, type Sample } from './report.ts'
import { planRetries } from './retries.ts'
import { addRoutes, type ExternalRoute, removeRoutes, routesFor } from './routes.ts'
import { netnsPathOf, OpenNamespaces, type Run, type Trial, tryAll } from './runner.ts'
import { isSample } from './sample.ts'
import { type Claim, type ClusterObjects, keyOf } from './types.ts'

export { byCause, notTried, type Report, summarize } from './report.ts'
export type { Cause } from './causes.ts'
export type { Row } from './types.ts'

export interface VerifyOptions {
  /** Told what happens, for a reader who waits. */
  progress?: (text: string) => void
  /** Told how many checks are done, of how many. */
  count?: (done: number, total: number) => void
  /** Decides the sample of pods that ask each other in a large lab; random where absent. */
  seed?: number
}

/** How long to wait for the objects to stop changing before a failed claim is tried again. */
const settleMs = 3_000
const pollMs = 250
/** A stopped agent takes connections and says nothing. */
const agentMs = 1_500

/**
 * Sends real traffic for all that the lab's API objects claim. What fails is tried once more against fresh objects, after these have come
 * to rest: a change that is on its way to the kernel is no mismatch.
 *
 * For the time of the run verify listens on nodes and outside, and the router leads external addresses of Services to nodes.
 *
 * @throws ApiError or WeftError where the API does not answer, KernelError where namespaces cannot be entered at all
 */
export async function verify(lab: LabState, api: Lister, options: VerifyOptions = {}): Promise<Report> {
  const started = performance.now()
  for (const { name, why } of cutOff(lab)) options.progress?.(`${name} is cut off: ${why}`)
  const objects = await listObjects(api)
  const namespaces = new OpenNamespaces()
  const scene = await setScene(lab, objects, namespaces, options)
  try {
    return await perform({ lab, api, objects, namespaces, scene, options, started })
  } finally {
    await scene.clear()
    namespaces.close()
  }
}

/** What is set up for a run, and taken away after it. */
interface Scene {
  given: Given
  clear(): Promise<void>
}

async function setScene(
  lab: LabState,
  objects: ClusterObjects,
  namespaces: OpenNamespaces,
  { seed = 1 + Math.floor(Math.random() * 999_999), progress = () => {} }: VerifyOptions,
): Promise<Scene> {
  const refusals = needed('refusals') ? await refusalsIn(lab, progress) : []
  const open = (path: string) => namespaces.get(path)
  const listening = needed('listeners') ? await listenAt(placesOf(lab, objects), open) : { listeners: [], close() {} }
  const routes = await routesOf(lab, objects, progress)
  return {
    given: { seed, refusals, listeners: listening.listeners, routed: routes },
    clear: () => clearScene(lab, listening, routes),
  }
}

async function clearScene(lab: LabState, listening: Pick<Listening, 'close'>, routes: ExternalRoute[]): Promise<void> {
  listening.close()
  // A lab that was taken down meanwhile has no router any more.
  await removeRoutes(routes, lab).catch(() => {})
}

/** Nodes by what the API says of their addresses, and the client. */
function placesOf(lab: LabState, objects: ClusterObjects): Place[] {
  const { nodes, outside } = originsOf(objects, lab)
  return [
    ...nodes.map((node) => ({ name: node.name, kind: 'node' as const, addresses: node.nodeIPs, origin: node })),
    { name: outside.name, kind: 'outside' as const, addresses: outside.addresses, origin: outside },
  ].flatMap(({ origin, ...place }) => {
    const netnsPath = netnsPathOf(origin, lab)
    return netnsPath === undefined ? [] : [{ ...place, netnsPath }]
  })
}

async function routesOf(
  lab: LabState,
  objects: ClusterObjects,
  progress: (text: string) => void,
): Promise<ExternalRoute[]> {
  const taken = [lab.apiAddress, ...lab.router.addresses, ...lab.client.addresses]
  const routes = routesFor(objects, originsOf(objects, lab), taken)
  try {
    await addRoutes(routes, lab)
    return routes
  } catch (error) {
    await removeRoutes(routes, lab).catch(() => {})
    progress(`external addresses are not tried from outside: ${(error as Error).message}`)
    return []
  }
}

/** What the agents say that they do not do, each thing once. An agent that does not answer has refused nothing. */
async function refusalsIn(lab: LabState, progress: (text: string) => void): Promise<RefusedPort[]> {
  const found = new Map<string, RefusedPort>()
  const ask = async (node: LabState['nodes'][number]): Promise<void> => {
    const status = await Promise.race([agentStatus(node), delay(agentMs, undefined, { ref: false })])
    if (status === undefined) progress(`the agent of ${node.name} does not answer: all is tried there`)
    for (const { refusals } of status?.parts ?? [])
      for (const refusal of refusals) found.set(`${refusal.subject}|${refusal.reason}|${refusal.message}`, refusal)
  }
  await Promise.all(lab.nodes.map(ask))
  return [...found.values()]
}

interface Performance {
  lab: LabState
  api: Lister
  objects: ClusterObjects
  namespaces: OpenNamespaces
  scene: Scene
  options: VerifyOptions
  started: number
}

async function perform(given: Performance): Promise<Report> {
  const { lab, api, objects, scene, options, started } = given
  const { progress = () => {} } = options
  const fullBefore = neighbourTable().fulls
  const facts = factsOf(objects, lab, scene.given)
  const expected = claimsOf(facts)
  const sample = sampleOf(facts, expected.claims.length)
  progress(`trying ${expected.claims.length} claims${sampleText(sample)}`)
  const trials = await tryAll(expected.claims, runOf(given, expected.claims.length, usualPatience))
  const failed = trials.filter(isMismatch)
  if (failed.length === 0) return reportOf({ lab: lab.name, sample, trials, omissions: expected.omissions, started })
  progress(`${failed.length} did not hold: once more, against fresh objects`)
  const settled = await settledObjects(api, objects)
  const refusals = needed('refusals') ? await refusalsIn(lab, () => {}) : []
  const fresh = claimsOf(factsOf(settled, lab, { ...scene.given, refusals }))
  const retries = planRetries(failed, fresh)
  const again = await tryAll(retries.claims, runOf(given, retries.claims.length, morePatience))
  tellOfFullTable(fullBefore, progress)
  return reportOf({
    lab: lab.name,
    sample,
    trials: [...trials.filter((trial) => !isMismatch(trial)), ...again],
    omissions: [...fresh.omissions, ...retries.omissions],
    failedBefore: new Map(failed.map((trial) => [keyOf(trial.claim), judge(trial.claim, trial.observations).cameBack])),
    started,
  })
}

function runOf({ lab, namespaces, options }: Performance, total: number, patience: Patience): Run {
  const gate = new NeighbourGate()
  const away = new Set(cutOff(lab).map(({ name }) => name))
  const patienceFor = (claim: Claim) => (crosses(claim, away) ? littlePatience : patience)
  const { count = () => {} } = options
  return { lab, namespaces, patienceFor, room: () => gate.pass(), done: (done) => count(done, total) }
}

const sampleOf = ({ origins, seed }: Facts, checks: number): Sample | undefined =>
  isSample(origins) ? { seed, pods: origins.pods.length, checks } : undefined

const sampleText = (sample: Sample | undefined): string =>
  sample === undefined ? '' : ` (a sample, as there are ${sample.pods} pods; --seed ${sample.seed} repeats it)`

function tellOfFullTable(fullBefore: number, progress: (text: string) => void): void {
  const { fulls, limit } = neighbourTable()
  if (fulls <= fullBefore) return
  progress(
    `the kernel's neighbour table was full (${limit} entries for all namespaces of this machine), so packets were lost`,
  )
  progress('remedy: sysctl -w net.ipv4.neigh.default.gc_thresh3=16384 net.ipv4.neigh.default.gc_thresh2=8192')
}

const isMismatch = ({ claim, observations }: Trial): boolean => judge(claim, observations).result === 'MISMATCH'

/** Waits until two listings in a row are the same, three seconds at most. */
async function settledObjects(api: Lister, before: ClusterObjects): Promise<ClusterObjects> {
  const deadline = performance.now() + settleMs
  let last = before
  for (;;) {
    await delay(pollMs)
    const now = await listObjects(api)
    if (versionOf(now) === versionOf(last) || performance.now() > deadline) return now
    last = now
  }
}
