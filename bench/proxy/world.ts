import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { createNetns, deleteNetns, listNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { ipBatch } from '../../src/kernel/ip.ts'
import { insidePort } from '../api-worker.ts'
import { next, startWorker } from '../child.ts'
import { podCIDR } from './objects.ts'

export const nodeAddress = '172.31.255.1'
const podsAddress = '172.31.255.2'
const prefix = 'weft-bench-'

/** Two namespaces: a node, in which a contender runs and clients connect, and behind it the pods. */
export class World {
  readonly netns: string
  readonly namespace: NetworkNamespace
  /** For whoever runs inside; empty before `open`. */
  kubeconfig = ''
  readonly #name: string
  readonly #pods: string
  readonly #children: ChildProcess[] = []
  #clients: ChildProcess | undefined

  private constructor(name: string) {
    this.#name = name
    this.netns = `${prefix}${process.pid}-${name}`
    this.#pods = `${this.netns}-pods`
    this.namespace = NetworkNamespace.named(this.netns)
  }

  /** The namespaces, before there is an API: one that is started after can listen in them. */
  static async make(name: string): Promise<World> {
    const netns = `${prefix}${process.pid}-${name}`
    await createNetns(netns)
    await createNetns(`${netns}-pods`)
    await ipBatch(
      [
        'link set lo up',
        `link add eth0 type veth peer name eth0 netns ${netns}-pods`,
        `address add ${nodeAddress}/30 dev eth0`,
        'link set eth0 up',
        `route add ${podCIDR} via ${podsAddress} onlink dev eth0`,
        `route add default via ${podsAddress} onlink dev eth0`,
      ],
      { netns },
    )
    const local = [
      'link set lo up',
      `address add ${podsAddress}/30 dev eth0`,
      'link set eth0 up',
      `route add local ${podCIDR} dev lo`,
    ]
    await ipBatch(local, { netns: `${netns}-pods` })
    return new World(name)
  }

  /**
   * @param kubeconfig how this process reaches the API
   * @param listens whether that API listens in the namespace; if not, 127.0.0.1 is carried there, by one process more
   */
  async open(dir: string, kubeconfig: string, listens: boolean): Promise<void> {
    const { host, port, text } = inside(readFileSync(kubeconfig, 'utf8'))
    this.kubeconfig = join(dir, `${this.#name}.kubeconfig`)
    writeFileSync(this.kubeconfig, text, { mode: 0o600 })
    if (!listens) await this.#start(startWorker(['proxy-forward', this.netns, host, String(port)]))
    await this.#start(this.#worker(this.#pods, 'proxy-pods'))
    this.#clients = await this.#start(this.#worker(this.netns, 'proxy-node'))
  }

  async ask<T>(question: object): Promise<T> {
    this.#clients?.send(question)
    return next<T>(this.#clients as ChildProcess)
  }

  async close(): Promise<void> {
    for (const child of this.#children) if (child.connected) child.disconnect()
    this.namespace.close()
    await deleteNetns(this.netns)
    await deleteNetns(this.#pods)
  }

  #worker(netns: string, role: string): ChildProcess {
    const args = ['netns', 'exec', netns, process.execPath, process.argv[1] ?? '', role]
    return spawn('ip', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  async #start(child: ChildProcess): Promise<ChildProcess> {
    this.#children.push(child)
    await next(child)
    return child
  }
}

/** Removes what benches left that were killed. */
export async function removeLeftovers(): Promise<void> {
  for (const name of listNetns()) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) await deleteNetns(name)
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The same kubeconfig with the server as it is reached inside; its certificate is still checked against the real name. */
function inside(text: string): { host: string; port: number; text: string } {
  const config = parse(text)
  const context = config.contexts?.find((one: any) => one.name === config['current-context'])
  const cluster = config.clusters?.find((one: any) => one.name === context?.context?.cluster)?.cluster
  const url = new URL(cluster?.server ?? '')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  cluster.server = `https://127.0.0.1:${insidePort}`
  if (host !== '127.0.0.1') cluster['tls-server-name'] ??= host
  return { host, port: Number(url.port || 443), text: stringify(config) }
}
