import { isInCluster } from '../kube/in-cluster.ts'
import { WeftError } from '../model/error.ts'

/**
 * Which cluster a node belongs to has to be said: $KUBECONFIG and ~/.kube/config are for whoever sits there, and may name a lab, whose Services would then be
 * written into this machine's kernel.
 *
 * @throws WeftError CONFIG_CLUSTER_NOT_NAMED outside of a pod, where no file is named
 */
export function checkClusterNamed(kubeconfig: string | undefined, env: NodeJS.ProcessEnv = process.env): void {
  if (kubeconfig || isInCluster(env)) return
  throw new WeftError('which cluster this node belongs to is not said', {
    code: 'CONFIG_CLUSTER_NOT_NAMED',
    fault: 'user',
    where: '--kubeconfig',
    remedy:
      'name a file (K3s has /var/lib/rancher/k3s/agent/kubeproxy.kubeconfig); the agent asks neither $KUBECONFIG nor ~/.kube/config',
  })
}
