import { existsSync, readdirSync } from 'node:fs'
import { readAddresses } from '../../kernel/ip.ts'
import { createNetns, deleteNetns } from '../../kernel/namespaces.ts'
import { cniPath } from '../requirements.ts'
import { podNetnsPath } from '../state.ts'
import { type Attachment, cniAdd, cniDel } from './cni.ts'
import { type Conflist, loopbackConflist } from './cni-conflist.ts'

const netnsDirectory = '/run/netns'
const netnsPrefix = 'cni-'
const cniOptions = { path: cniPath, cacheDir: '/run/cni/results' }

/** The network of one pod: its namespace, wired by CNI. */
export interface Sandbox {
  netnsPath: string
  podIP: string
}

/**
 * Makes a pod's network, or takes over what an earlier kubelet left: a namespace with an address is used as it is, one
 * without (a kubelet that died in the middle) is removed and made again.
 *
 * @throws WeftError CNI_FAILED
 */
export async function ensureSandbox(podUid: string, network: Conflist): Promise<Sandbox> {
  const netnsPath = podNetnsPath(podUid)
  if (existsSync(netnsPath)) {
    const podIP = await addressOf(podUid)
    if (podIP !== undefined) return { netnsPath, podIP }
    await removeSandbox(podUid, network)
  }
  await createNetns(netnsName(podUid))
  try {
    return { netnsPath, podIP: await attach(podUid, network) }
  } catch (error) {
    await removeSandbox(podUid, network).catch(() => {})
    throw error
  }
}

async function attach(podUid: string, network: Conflist): Promise<string> {
  await cniAdd(loopbackConflist, attachment(podUid, 'lo'), cniOptions)
  const result = await cniAdd(network, attachment(podUid, 'eth0'), cniOptions)
  const address = result.ips?.[0]?.address
  if (address === undefined) throw new Error(`network "${network.name}" gave no address`)
  return withoutLength(address)
}

/** Gives back a pod's addresses and removes its namespace. Idempotent. */
export async function removeSandbox(podUid: string, network: Conflist): Promise<void> {
  await cniDel(network, attachment(podUid, 'eth0'), cniOptions)
  if (existsSync(podNetnsPath(podUid))) await deleteNetns(netnsName(podUid))
}

/** Uids of the pods that have a namespace on this node. */
export function listSandboxes(): string[] {
  if (!existsSync(netnsDirectory)) return []
  return readdirSync(netnsDirectory)
    .filter((name) => name.startsWith(netnsPrefix))
    .map((name) => name.slice(netnsPrefix.length))
}

async function addressOf(podUid: string): Promise<string | undefined> {
  const addresses = await readAddresses({ netns: netnsName(podUid) })
  return addresses.find(({ link, family }) => link === 'eth0' && family === 4)?.address
}

const netnsName = (podUid: string): string => `${netnsPrefix}${podUid}`

const withoutLength = (address: string): string => address.replace(/\/\d+$/, '')

/** The pod's uid names the attachment: a container id is what the runtime likes, and there is one sandbox a pod. */
const attachment = (podUid: string, ifname: string): Attachment => ({
  containerId: podUid,
  netns: podNetnsPath(podUid),
  ifname,
})
