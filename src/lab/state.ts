import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../model/error.ts'

/** Where labs keep their files: one folder a lab, gone after `weft lab down`. Visible in every node's mount namespace. */
export const labsRoot = '/var/lib/weft/labs'

/** One node of a lab, as its supervisor wrote it down. */
export interface LabNode {
  name: string
  /** The node's address on the underlay, e.g. `172.30.0.11`. */
  address: string
  /** Node.spec.podCIDR, e.g. `10.42.0.0/24`. */
  podCIDR: string
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
  serviceCIDR: string
  clusterCIDR: string
  /** The API's address and port inside the lab, the endpoint of default/kubernetes. */
  apiAddress: string
  apiPort: number
  nodes: LabNode[]
  /** The client outside of the cluster: its namespace and address. It reaches the underlay, and the service CIDR, through the router. */
  client: { netns: string; address: string }
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

/** @throws WeftError LAB_NOT_FOUND */
export function readLabState(name: string): LabState {
  try {
    return JSON.parse(readFileSync(join(labDir(name), 'state.json'), 'utf8')) as LabState
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EACCES') {
      throw new WeftError(`the lab's files belong to root: they cannot be read by this user`, {
        code: 'LAB_NOT_READABLE',
        fault: 'user',
        where: labDir(name),
        remedy: 'run it as root, e.g. with sudo',
        exitCode: 5,
        cause,
      })
    }
    throw new WeftError(`there is no lab named "${name}"`, {
      code: 'LAB_NOT_FOUND',
      fault: 'user',
      where: '--name',
      remedy: `start it with 'weft lab up --name ${name}'`,
      exitCode: 4,
      cause,
    })
  }
}

/** Names of the labs that left a folder, running or not. */
export function listLabs(): string[] {
  try {
    return readdirSync(labsRoot)
  } catch {
    return []
  }
}

/**
 * Path, in the node's mount namespace, of a pod's network namespace. By the pod's uid, so that everyone finds it
 * without asking; seen from the host it lies below `/proc/<holderPid>/root`.
 */
export const podNetnsPath = (podUid: string): string => `/run/netns/cni-${podUid}`

/** The status socket of the agent, in the node's mount namespace. */
export const agentSocketPath = '/run/weft/agent.sock'
