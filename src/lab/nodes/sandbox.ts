import { existsSync } from 'node:fs'
import { createNetns, deleteNetns } from '../../kernel/namespaces.ts'
import { writeSysctl } from '../../kernel/sysctl.ts'
import { WeftError } from '../../model/error.ts'
import { familyOf } from '../../model/ip.ts'
import { cniPath } from '../requirements.ts'
import { podNetnsPath } from '../state.ts'
import { makeBridges } from './bridges.ts'
import {
  type Attachment,
  type CniResult,
  cachedContainers,
  cachedNetwork,
  cachedResult,
  cniAdd,
  cniCheck,
  cniDel,
} from './cni.ts'
import { type Conflist, loopbackConflist } from './cni-conflist.ts'
import { forgetNeighbour, introduce } from './pod-neighbours.ts'

const netnsPrefix = 'cni-'
const cniOptions = { path: cniPath, cacheDir: '/var/lib/cni/results' }

/** The network of one pod: its namespace, wired by CNI. */
export interface PodNetwork {
  netnsPath: string
  /** One a family, in the order of the network's ranges: primary family first. */
  podIPs: string[]
}

/**
 * Makes a pod's network. What is left of one (a kubelet that died in the middle) is removed first.
 *
 * @param capabilityArgs what the pod asks of plugins that can do it, e.g. `portMappings`
 * @throws WeftError CNI_FAILED
 */
export async function createPodNetwork(
  podUid: string,
  network: Conflist,
  capabilityArgs?: Attachment['capabilityArgs'],
): Promise<PodNetwork> {
  if (existsSync(podNetnsPath(podUid))) await removePodNetwork(podUid, network)
  await createNetns(netnsName(podUid))
  try {
    return await attach(podUid, network, capabilityArgs)
  } catch (error) {
    await removePodNetwork(podUid, network).catch(() => {})
    throw error
  }
}

async function attach(
  podUid: string,
  network: Conflist,
  capabilityArgs: Attachment['capabilityArgs'],
): Promise<PodNetwork> {
  skipDuplicateAddressDetection(netnsName(podUid))
  await cniAdd(loopbackConflist, attachment(podUid, 'lo'), cniOptions)
  const eth0 = { ...attachment(podUid, 'eth0'), ...(capabilityArgs && { capabilityArgs }) }
  makeBridges(network)
  const result = await cniAdd(network, eth0, cniOptions)
  introduce(podNetnsPath(podUid), result)
  return podNetwork(podUid, network, result)
}

/**
 * The network that an earlier kubelet made, after the plugins have looked at it (CHECK). That kubelet may have ended before pod and node were told of each other.
 *
 * @returns undefined if there is none
 * @throws WeftError CNI_FAILED with what is wrong with it
 */
export async function checkPodNetwork(podUid: string, network: Conflist): Promise<PodNetwork | undefined> {
  if (!existsSync(podNetnsPath(podUid))) return undefined
  const attached = await attachedNetwork(podUid, network)
  const result = await cniCheck(attached, attachment(podUid, 'eth0'), cniOptions)
  introduce(podNetnsPath(podUid), result)
  return podNetwork(podUid, attached, result)
}

/** Whether an error of `checkPodNetwork` says that the network is broken, and not that it could not be looked at. */
export const isNetworkBroken = (error: unknown): boolean =>
  error instanceof WeftError && ['CNI_FAILED', 'CNI_NOT_ADDED'].includes(error.code)

/** A pod stays in the network that it was attached to, whatever new pods get. */
const attachedNetwork = async (podUid: string, network: Conflist): Promise<Conflist> =>
  (await cachedNetwork(attachment(podUid, 'eth0'), cniOptions.cacheDir)) ?? network

/** Gives back a pod's addresses and removes its namespace. Idempotent. */
export async function removePodNetwork(podUid: string, network: Conflist): Promise<void> {
  const attached = await attachedNetwork(podUid, network)
  const result = await cachedResult(attached, attachment(podUid, 'eth0'), cniOptions)
  if (result !== undefined) forgetNeighbour(result)
  await cniDel(attached, attachment(podUid, 'eth0'), cniOptions)
  await cniDel(loopbackConflist, attachment(podUid, 'lo'), cniOptions)
  if (existsSync(podNetnsPath(podUid))) await deleteNetns(netnsName(podUid))
}

/** Uids of the pods that have, or had, a network on this node. */
export const listPodNetworks = (): Promise<string[]> =>
  cachedContainers(loopbackConflist.name, 'lo', cniOptions.cacheDir)

/**
 * Nobody else has a pod's address, and looking for duplicates (RFC 4862 §5.4) would take a second a pod, for which the plugin waits.
 *
 * @param netns undefined: this process's own
 */
export function skipDuplicateAddressDetection(netns?: string): void {
  // The kernel takes the larger one of `all` and the device's (net/ipv6/addrconf.c), which begins as `default`.
  for (const scope of ['all', 'default']) {
    try {
      writeSysctl(netns, `net.ipv6.conf.${scope}.accept_dad`, 0)
    } catch {
      // A kernel without IPv6 has nothing to look for.
    }
  }
}

function podNetwork(podUid: string, network: Conflist, { ips = [] }: CniResult): PodNetwork {
  const addresses = ips.map(({ address }) => address.replace(/\/\d+$/, ''))
  // Plugins may give them in another order than the ranges; one a family is what a pod's status has.
  const podIPs = addresses.filter((address, i) => {
    return addresses.findIndex((other) => familyOf(other) === familyOf(address)) === i
  })
  if (podIPs.length === 0) throw new Error(`network "${network.name}" gave no address`)
  return { netnsPath: podNetnsPath(podUid), podIPs }
}

const netnsName = (podUid: string): string => `${netnsPrefix}${podUid}`

/** The pod's uid names the attachment: a container id is what the runtime likes, and there is one sandbox a pod. */
const attachment = (podUid: string, ifname: string): Attachment => ({
  containerId: podUid,
  netns: podNetnsPath(podUid),
  ifname,
})
