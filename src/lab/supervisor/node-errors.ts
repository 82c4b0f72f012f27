import { WeftError } from '../../model/error.ts'

/** A Node of that name was there before the lab. */
export const nodeExists = (name: string): WeftError =>
  new WeftError(`the API has a Node named "${name}" already, and it is none of this lab's`, {
    code: 'LAB_NODE_EXISTS',
    fault: 'user',
    where: name,
    remedy: 'give the nodes other names, e.g. with --node-prefix lab-',
    exitCode: 1,
  })

/** Nobody gave the Nodes their pod CIDRs. */
export const noPodCIDRs = (names: readonly string[], seconds: number): WeftError =>
  new WeftError(`after ${seconds} s nobody has given these Nodes a pod CIDR: ${names.join(', ')}`, {
    code: 'LAB_NO_POD_CIDR',
    fault: 'user',
    where: names[0] ?? '',
    remedy:
      "kube-controller-manager does that with --allocate-node-cidrs (K3s has it on); its log says why not, e.g. that --cluster-cidr has no room left; or run 'weft controller --allocate-node-cidrs'",
    exitCode: 1,
  })

/** The pod CIDRs that a Node got are not those of a lab with these options. */
export const wrongPodCIDRs = (name: string, got: readonly string[], clusterCIDRs: readonly string[]): WeftError =>
  new WeftError(
    `${name} got the pod CIDR ${got.join(',')}, and the lab's pods are to be in ${clusterCIDRs.join(',')}`,
    {
      code: 'LAB_POD_CIDR_MISMATCH',
      fault: 'user',
      where: '--cluster-cidr',
      remedy:
        'give --cluster-cidr as that cluster has it, with --dual-stack or --ipv6 where its pods have such addresses',
      exitCode: 1,
    },
  )
