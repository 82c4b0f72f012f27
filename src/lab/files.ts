import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ManifestDocument } from './manifests.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { labDir } from './state.ts'
import type { NetworkOptions } from './topology/options.ts'

/** What `lab up` wants of the supervisor. */
export interface LabSpec {
  name: string
  nodes: number
  network: NetworkOptions
  /** The API server to use in place of one of the lab's own. */
  givenApi?: GivenApi
  /** Flags for the nodes' agents, e.g. `--masquerade-all=true`. */
  agentArguments: string[]
  manifests: ManifestDocument[]
  /** After this the lab counts as failed, with what is not ready. */
  timeoutSeconds: number
  /** Program and first arguments that start this command again, e.g. `[node, /usr/bin/weft]`. */
  program: string[]
  /** The process that started the lab. */
  starter: ProcessIdentity
}

/** An API server that was there before the lab. */
export interface GivenApi {
  /** The user's kubeconfig, absolute; `labFiles().kubeconfig` is a copy that needs no other file. */
  kubeconfig: string
  /** Value of the label by which this lab's Nodes are known there, other than that of any other lab. */
  registration: string
}

/** Processes of a lab, kept up to date by its supervisor. */
export interface LabProcesses {
  supervisor: ProcessIdentity
  /** The API with its controllers; with an API server that was given, what carries it into the lab. */
  api: ChildState
  /** `weft controller`, which gives Nodes their pod CIDRs. */
  controller?: ChildState
  nodes: Record<string, NodeProcesses>
}

export interface NodeProcesses {
  holderPid: number
  /** How often the node was made again. */
  restarts: number
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
    state: join(dir, 'state.json'),
    api: join(dir, 'api'),
    logs: join(dir, 'logs'),
    /** Status socket of `weft controller`. */
    controllerRunDir: join(dir, 'controller'),
    /** For the host: the API on loopback. */
    kubeconfig: join(dir, 'kubeconfig'),
    /** For nodes: the API on the underlay. */
    nodeKubeconfig: join(dir, 'node.kubeconfig'),
  }
}

/** Replaces a JSON file in one step, so that a reader never sees half of it. */
export const writeJson = (file: string, value: unknown): void =>
  replaceFile(file, `${JSON.stringify(value, null, 2)}\n`)

/** Replaces a file in one step; only its owner may read it. */
export function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
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
