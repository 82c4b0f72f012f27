import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../model/error.ts'
import type { Family } from '../model/ip.ts'
import { isLabName } from './name.ts'

/** Where labs keep their files: one folder a lab, gone after `weft lab down`. Visible in every node's mount namespace. */
export const labsRoot = '/var/lib/weft/labs'

/** One node of a lab, as its supervisor wrote it down. */
export interface LabNode {
  name: string
  /** The node's addresses on the underlay, one a family, primary family first, e.g. `172.30.0.11`. */
  addresses: string[]
  /** Node.spec.podCIDRs, one a family, primary family first, e.g. `10.42.0.0/24`. */
  podCIDRs: string[]
  /** Value of `topology.kubernetes.io/zone`. */
  zone: string
  /** Name of the node's network namespace under /run/netns of the host. */
  netns: string
  /** Process that holds the node's mount namespace; `/proc/<pid>/root` is the node's view of the file system. */
  holderPid: number
}

/** What there is in a lab besides the API's objects: enough for `verify`, `exec`, `status` and `down`. */
export interface LabState {
  name: string
  supervisorPid: number
  /** kubeconfig for the host (API on loopback). */
  kubeconfig: string
  /** Address families of the lab, primary family first; every list of addresses and ranges is in this order. */
  families: Family[]
  serviceCIDRs: string[]
  clusterCIDRs: string[]
  /** The API's address and port inside the lab, the endpoint of default/kubernetes. */
  apiAddress: string
  apiPort: number
  nodes: LabNode[]
  /** The client outside of the cluster: its namespace and addresses. It reaches the underlay, and the service CIDRs, through the router. */
  client: { netns: string; addresses: string[] }
  /** The router between underlay and outside: its addresses on the underlay, the nodes' default gateways. */
  router: { netns: string; addresses: string[] }
  /** True once every node was Ready and the given manifests were applied and rolled out. */
  ready: boolean
}

export const labDir = (name: string): string => join(labsRoot, name)

export function writeLabState(state: LabState): void {
  const dir = labDir(state.name)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, 'state.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/** @throws WeftError LAB_NOT_FOUND, LAB_NOT_READABLE */
export function readLabState(name: string): LabState {
  try {
    return JSON.parse(readFileSync(join(labDir(name), 'state.json'), 'utf8')) as LabState
  } catch (cause) {
    if (isDenied(cause)) throw notReadable(cause)
    const others = listLabs().filter((other) => other !== name)
    const ways = [
      ...(others.length > 0 ? [`there is: ${others.join(', ')}`] : []),
      isLabName(name) ? `start it with 'weft lab up --name ${name}'` : 'names have lower-case letters and digits alone',
    ]
    throw new WeftError(`there is no lab named "${name}"`, {
      code: 'LAB_NOT_FOUND',
      fault: 'user',
      where: '--name',
      remedy: ways.join('; or '),
      exitCode: 4,
    })
  }
}

/** Names of the labs that left a folder, running or not. @throws WeftError LAB_NOT_READABLE */
export function listLabs(): string[] {
  try {
    return readdirSync(labsRoot)
  } catch (cause) {
    if (isDenied(cause)) throw notReadable(cause)
    return []
  }
}

const isDenied = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EACCES'

const notReadable = (cause: unknown): WeftError =>
  new WeftError('the files of labs belong to root: they cannot be read by this user', {
    code: 'LAB_NOT_READABLE',
    fault: 'user',
    where: labsRoot,
    remedy: 'run it as root, e.g. with sudo',
    exitCode: 5,
    cause,
  })

/**
 * Path, in the node's mount namespace, of a pod's network namespace. By the pod's uid, so that everyone finds it
 * without asking; seen from the host it lies below `/proc/<holderPid>/root`.
 */
export const podNetnsPath = (podUid: string): string => `/run/netns/cni-${podUid}`

/** The status socket of the agent, in the node's mount namespace. */
export const agentSocketPath = '/run/weft/agent.sock'
