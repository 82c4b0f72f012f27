import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ManifestDocument } from './manifests.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { labDir } from './state.ts'

/** What `lab up` wants of the supervisor. */
export interface LabSpec {
  name: string
  nodes: number
  manifests: ManifestDocument[]
  /** After this the lab counts as failed, with what is not ready. */
  timeoutSeconds: number
  /** Program and first arguments that start this command again, e.g. `[node, /usr/bin/weft]`. */
  program: string[]
  /** The process that started the lab. */
  starter: ProcessIdentity
}

/** Processes of a lab, kept up to date by its supervisor. */
export interface LabProcesses {
  supervisor: ProcessIdentity
  /** The API with its controllers. */
  api: ChildState
  nodes: Record<string, NodeProcesses>
}

export interface NodeProcesses {
  holderPid: number
  kubelet: ChildState
  agent: ChildState
}

export interface ChildState {
  /** Absent while it is not running. */
  pid?: number
  restarts: number
  /** How it ended last, e.g. `signal SIGKILL`. */
  lastExit?: string
}

/** The paths below a lab's folder. */
export const labFiles = (name: string) => {
  const dir = labDir(name)
  return {
    dir,
    spec: join(dir, 'spec.json'),
    processes: join(dir, 'processes.json'),
    api: join(dir, 'api'),
    logs: join(dir, 'logs'),
    /** For the host: the API on loopback. */
    kubeconfig: join(dir, 'kubeconfig'),
    /** For nodes: the API on the underlay. */
    nodeKubeconfig: join(dir, 'node.kubeconfig'),
  }
}

/** Replaces a JSON file in one step, so that a reader never sees half of it. */
export function writeJson(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** @returns undefined if the file is not there or not JSON */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
