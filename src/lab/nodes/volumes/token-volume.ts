import { type Container, type Pod, runsCommand, type Volume } from '../pod.ts'

/** Where programs look for their service account (k8s.io/client-go/rest, InClusterConfig). */
const tokenMountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

const volumeName = 'kube-api-access-weft'

/**
 * A pod with the volume that the admission plugin ServiceAccount adds on a real API server, where it has not been added: token, ca.crt and namespace for every container that
 * does not mount something there itself.
 *
 * @param automount what the service account says, if it says anything
 */
export function withTokenVolume(pod: Pod, automount: boolean | undefined): Pod {
  if (!(pod.spec.automountServiceAccountToken ?? automount ?? true)) return pod
  const { containers, initContainers, volumes = [] } = pod.spec
  if ([...containers, ...(initContainers ?? [])].every(isMounted)) return pod
  const spec = { ...pod.spec, containers: containers.map(mounted), volumes: [...volumes, tokenVolume] }
  return { ...pod, spec: { ...spec, ...(initContainers && { initContainers: initContainers.map(mounted) }) } }
}

const isMounted = ({ volumeMounts = [] }: Container): boolean =>
  volumeMounts.some(({ mountPath }) => mountPath === tokenMountPath)

function mounted(container: Container): Container {
  const { volumeMounts = [] } = container
  if (isMounted(container)) return container
  return {
    ...container,
    volumeMounts: [...volumeMounts, { name: volumeName, mountPath: tokenMountPath, readOnly: true }],
  }
}

const tokenVolume: Volume = {
  name: volumeName,
  projected: {
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      // A namespace may be so young that it has none yet: a token without it is of use too.
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }], optional: true } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ],
  },
}

/** Whether a program runs in the pod that could miss what a volume should hold. */
export const hasPrograms = (pod: Pod): boolean =>
  [...(pod.spec.initContainers ?? []), ...pod.spec.containers].some(runsCommand)
