import { rmSync } from 'node:fs'
import { errorText } from '../log.ts'
import { etcHosts, podHostname, resolvConf } from './dns.ts'
import { containerEnv, type EnvSources } from './env.ts'
import { capabilitiesOf, refusedPorts } from './host-ports.ts'
import { allContainers, type Container, type Pod } from './pod.ts'
import { runningPodHolder, startPodHolder, stopPod, writePodFiles } from './pod-holder.ts'
import type { PodHost } from './pod-host.ts'
import { listPodStates, podStateDir, removePodLogs } from './runtime.ts'
import { checkPodNetwork, createPodNetwork, isNetworkBroken, listPodNetworks, removePodNetwork } from './sandbox.ts'
import { prepareVolumes, refreshVolumes, removeVolumes } from './volumes/pod-volumes.ts'
import type { PayloadSources } from './volumes/payload.ts'
import { hasPrograms } from './volumes/token-volume.ts'

/** A pod's namespaces: what its containers are in. */
export interface PodSandbox {
  /** Path of the network namespace. */
  netnsPath: string
  /** One a family, primary family first. */
  podIPs: readonly string[]
  holderPid: number
  /** An earlier kubelet made it: what runs in it is taken over. */
  takenOver: boolean
}

/**
 * Makes a pod's volumes and namespaces, or takes over those that an earlier kubelet made if they are whole.
 *
 * @param withoutSecrets Secrets that are missing count as optional
 * @throws MountError, WeftError CNI_FAILED, LAB_POD_FAILED
 */
export async function openSandbox(pod: Pod, host: PodHost, withoutSecrets = false): Promise<PodSandbox> {
  const { uid } = pod.metadata
  const existing = await takeOver(pod, host)
  if (existing !== undefined) return existing
  const network = await networkOf(pod, host)
  const { podIPs } = network
  const sources = podSources(pod, host, podIPs, withoutSecrets)
  const mounts = prepareVolumes(pod, sources, (container) => containerEnv(pod, container, sources))
  const { hostNetwork } = pod.spec
  const holderPid = await startPodHolder({
    podUid: uid,
    netnsPath: hostNetwork ? undefined : network.netnsPath,
    hostname: hostNetwork ? undefined : podHostname(pod),
    hostPID: pod.spec.hostPID === true || !host.ownPids(),
    mounts,
    directories: allContainers(pod).flatMap(({ workingDir }) => (workingDir === undefined ? [] : [workingDir])),
    files: podFiles(pod, host, podIPs),
  })
  return { ...network, holderPid, takenOver: false }
}

/** Asks the plugins whether the pod's network is as they made it. @throws WeftError CNI_FAILED with what is wrong */
export async function checkSandbox(pod: Pod, host: PodHost): Promise<void> {
  if (!pod.spec.hostNetwork) await checkPodNetwork(pod.metadata.uid, host.network())
}

/** Ends all that runs in the pod and gives its network back; volumes and logs stay. Idempotent. */
export async function closeSandbox(pod: Pod, host: PodHost): Promise<void> {
  await stopPod(pod.metadata.uid)
  if (!pod.spec.hostNetwork) await removePodNetwork(pod.metadata.uid, host.network())
}

/** Removes all that the node keeps of a pod that is gone. */
export function forgetPod(pod: Pod, host: PodHost): void {
  forgetUid(pod.metadata.uid)
  host.forget(pod)
}

/** Uids of all pods of which the node keeps something. */
export async function listPods(): Promise<string[]> {
  return [...new Set([...(await listPodNetworks()), ...listPodStates()])]
}

/** Removes a pod of which nothing is known but its uid: it was deleted while no kubelet ran. */
export async function removeUnknownPod(uid: string, host: PodHost): Promise<void> {
  await stopPod(uid)
  await removePodNetwork(uid, host.network())
  forgetUid(uid)
}

function forgetUid(uid: string): void {
  removeVolumes(uid)
  rmSync(podStateDir(uid), { recursive: true, force: true })
  removePodLogs(uid)
}

/** Brings the pod's volumes and files to what the API says now. */
export async function refreshSandbox(pod: Pod, host: PodHost, { podIPs }: PodSandbox): Promise<Error[]> {
  await host.ready(pod)
  writePodFiles(pod.metadata.uid, podFiles(pod, host, podIPs))
  return refreshVolumes(pod, podSources(pod, host, podIPs, !hasPrograms(pod)))
}

/** What environments and volumes of a pod are made of. */
function podSources(
  pod: Pod,
  host: PodHost,
  podIPs: readonly string[],
  withoutSecrets: boolean,
): EnvSources & PayloadSources {
  const { namespace } = pod.metadata
  return {
    ...host.objects(namespace),
    podIPs,
    withoutSecrets,
    hostIPs: host.nodeAddresses,
    services: host.services(namespace),
    kubernetes: host.services('default').find(({ metadata }) => metadata.name === 'kubernetes'),
    token: (audience) => host.token(pod, audience),
  }
}

/** The environment of a container as it is now. @throws ConfigError */
export const environmentOf = (
  pod: Pod,
  container: Container,
  host: PodHost,
  podIPs: readonly string[],
  withoutSecrets = false,
): Record<string, string> => containerEnv(pod, container, podSources(pod, host, podIPs, withoutSecrets))

async function takeOver(pod: Pod, host: PodHost): Promise<PodSandbox | undefined> {
  const holderPid = runningPodHolder(pod.metadata.uid)
  if (holderPid === undefined) return undefined
  try {
    const network = pod.spec.hostNetwork ? nodeNetwork(host) : await checkPodNetwork(pod.metadata.uid, host.network())
    if (network !== undefined) return { ...network, holderPid, takenOver: true }
  } catch (error) {
    if (!isNetworkBroken(error)) throw error
    sandboxChanged(pod, host, errorText(error))
  }
  await closeSandbox(pod, host)
  return undefined
}

/** A kubelet's words, and why. */
export function sandboxChanged(pod: Pod, host: PodHost, reason: string): void {
  const message = `Pod sandbox changed, it will be killed and re-created. (${reason})`
  host.event(pod, 'Normal', 'SandboxChanged', message)
}

/** That of an earlier attempt is used again: only a volume may be missing, and an address is not to change with every try. */
async function networkOf(pod: Pod, host: PodHost) {
  if (pod.spec.hostNetwork) return nodeNetwork(host)
  const { uid } = pod.metadata
  const made = await checkPodNetwork(uid, host.network()).catch(() => undefined)
  if (made !== undefined) return made
  for (const { hostPort } of refusedPorts(pod)) {
    const message = `host port ${hostPort}/TCP is the kubelet's own on this node, so it does not lead to the pod`
    host.event(pod, 'Warning', 'HostPortNotMapped', message)
  }
  return createPodNetwork(uid, host.network(), capabilitiesOf(pod))
}

const nodeNetwork = ({ nodeAddresses }: PodHost) => ({ netnsPath: '/proc/thread-self/ns/net', podIPs: nodeAddresses })

function podFiles(pod: Pod, host: PodHost, podIPs: readonly string[]): Record<string, string> {
  const dns = host.dns()
  return {
    '/etc/resolv.conf': resolvConf(pod, dns),
    '/etc/hosts': etcHosts(pod, podIPs, dns.clusterDomain, host.nodeHosts()),
    ...(!pod.spec.hostNetwork && { '/etc/hostname': `${podHostname(pod)}\n` }),
  }
}
