import { arch, cpus, release, totalmem } from 'node:os'
import { textOf } from '../../kernel/read-if-there.ts'
import { apiMicroTime, apiTime } from '../../kube/times.ts'

/** How long a node may be silent before the control plane calls it NotReady (kubelet's default). */
const leaseDurationSeconds = 40

/** Node.status as the kubelet stand-in reports it. */
export function nodeStatus(name: string, addresses: string[], now: Date) {
  const resources = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: '110' }
  return {
    addresses: [...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }],
    capacity: resources,
    allocatable: resources,
    conditions: conditions(apiTime(now.getTime())),
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
  bootID: textOf('/proc/sys/kernel/random/boot_id').trim(),
  containerRuntimeVersion: 'weft://echo',
  kernelVersion: release(),
  kubeProxyVersion: '',
  kubeletVersion: 'v1.32.0+weft-lab',
  machineID: textOf('/etc/machine-id').trim(),
  operatingSystem: 'linux',
  osImage: osImage(),
  systemUUID: '',
})

/** PRETTY_NAME of os-release(5). */
const osImage = (): string => /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf('/etc/os-release'))?.[1] ?? 'Linux'

/** Lease of kube-node-lease, as a kubelet renews it (coordination.k8s.io/v1). */
export const nodeLease = (name: string, nodeUid: string, now: Date) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {
    name,
    namespace: 'kube-node-lease',
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: nodeUid }],
  },
  spec: { holderIdentity: name, leaseDurationSeconds, renewTime: apiMicroTime(now.getTime()) },
})
