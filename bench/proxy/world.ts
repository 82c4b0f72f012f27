import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { createNetns, deleteNetns, listNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { ipBatch } from '../../src/kernel/ip.ts'
import { next, startWorker } from '../child.ts'
import { forwardedPort } from './forward.ts'
import { podCIDR } from './objects.ts'

export const nodeAddress = '172.31.255.1'
const podsAddress = '172.31.255.2'
const prefix = 'weft-bench-'

/** Two namespaces: a node, in which a contender runs and clients connect, and behind it the pods. */
export class World {
  readonly netns: string
  readonly namespace: NetworkNamespace
  readonly kubeconfig: string
  readonly #pods: string
  readonly #children: ChildProcess[] = []
  #clients: ChildProcess | undefined

  private constructor(name: string, kubeconfig: string) {
    this.netns = `${prefix}${process.pid}-${name}`
    this.#pods = `${this.netns}-pods`
    this.kubeconfig = kubeconfig
    this.namespace = NetworkNamespace.named(this.netns)
  }

  /** @param kubeconfig how this process reaches the API; inside, 127.0.0.1 is carried there */
  static async make(name: string, dir: string, kubeconfig: string): Promise<World> {
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
    const { host, port, text } = forwarded(readFileSync(kubeconfig, 'utf8'))
    const inside = join(dir, `${name}.kubeconfig`)
    writeFileSync(inside, text, { mode: 0o600 })
    const world = new World(name, inside)
    await world.#start(startWorker(['proxy-forward', netns, host, String(port)]))
    await world.#start(world.#worker(`${netns}-pods`, 'proxy-pods'))
    world.#clients = await world.#start(world.#worker(netns, 'proxy-node'))
    return world
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

/** The same kubeconfig with the server at the forwarder; its certificate is still checked against the real name. */
function forwarded(text: string): { host: string; port: number; text: string } {
  const config = parse(text)
  const context = config.contexts?.find((one: any) => one.name === config['current-context'])
  const cluster = config.clusters?.find((one: any) => one.name === context?.context?.cluster)?.cluster
  const url = new URL(cluster?.server ?? '')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  cluster.server = `https://127.0.0.1:${forwardedPort}`
  if (host !== '127.0.0.1') cluster['tls-server-name'] ??= host
  return { host, port: Number(url.port || 443), text: stringify(config) }
}
