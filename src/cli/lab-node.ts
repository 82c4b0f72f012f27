import { parseArgs } from 'node:util'
import { runNode } from '../lab/nodes/main.ts'

/** `weft lab node`: the kubelet stand-in of one node, started by the lab's supervisor. */
export function run(_options: unknown, args: string[]): Promise<number> {
  const text = { type: 'string', default: '' } as const
  const { values } = parseArgs({
    args,
    options: { kubeconfig: text, 'node-name': text, 'node-ip': text, 'pod-cidr': text, identity: { type: 'string' } },
  })
  return runNode({
    kubeconfig: values.kubeconfig,
    nodeName: values['node-name'],
    nodeAddresses: values['node-ip'].split(','),
    podCIDRs: values['pod-cidr'].split(','),
    ...(values.identity === undefined ? {} : { identityFile: values.identity }),
  })
}
