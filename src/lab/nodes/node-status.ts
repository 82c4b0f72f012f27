import { readFileSync } from 'node:fs'
import { arch, cpus, release, totalmem } from 'node:os'
import { rfc3339 } from './pod-status.ts'

/** How long a node may be silent before the control plane calls it NotReady (kubelet's default). */
export const leaseDurationSeconds = 40

/** Node.status as the kubelet stand-in reports it. */
export function nodeStatus(name: string, addresses: string[], now: Date) {
  const resources = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: '110' }
  return {
    addresses: [...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }],
    capacity: resources,
    allocatable: resources,
    conditions: conditions(rfc3339(now)),
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: nodeInfo(),
  }
}

function conditions(now: string) {
  const fine = (type: string, reason: string, message: string, status = 'False') => {
    return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: now }
  }
  return [
    fine('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    fine('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    fine('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    fine('Ready', 'KubeletReady', 'the lab kubelet is posting ready status', 'True'),
  ]
}

const nodeInfo = () => ({
  architecture: arch() === 'x64' ? 'amd64' : arch(),
  bootID: readText('/proc/sys/kernel/random/boot_id'),
  containerRuntimeVersion: 'weft://echo',
  kernelVersion: release(),
  kubeProxyVersion: '',
  kubeletVersion: 'v1.32.0+weft-lab',
  machineID: readText('/etc/machine-id'),
  operatingSystem: 'linux',
  osImage: osImage(),
  systemUUID: '',
})

/** PRETTY_NAME of os-release(5). */
const osImage = (): string => /^PRETTY_NAME="?([^"\n]*)/m.exec(readText('/etc/os-release'))?.[1] ?? 'Linux'

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Lease of kube-node-lease, as a kubelet renews it (coordination.k8s.io/v1). */
export const nodeLease = (name: string, nodeUid: string, now: Date) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {
    name,
    namespace: 'kube-node-lease',
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: nodeUid }],
  },
  spec: { holderIdentity: name, leaseDurationSeconds, renewTime: microTime(now) },
})

/** metav1.MicroTime has six digits of a second. */
export const microTime = (date: Date): string => date.toISOString().replace('Z', '000Z')
