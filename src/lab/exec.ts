import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import { resourcePath } from '../kube/paths.ts'
import { WeftError } from '../model/error.ts'
import { type Pod, podKey } from './nodes/pod.ts'
import { joinLab } from './process-group.ts'
import { checkRoot } from './requirements.ts'
import { type LabNode, type LabState, podNetnsPath, readLabState } from './state.ts'

export interface ExecOptions {
  lab: string
  /** Namespace of the pod, unless `pod` names it itself. */
  namespace: string
  /** `name` or `namespace/name`. */
  pod: string
  /** Program and arguments; a shell when empty. */
  command: string[]
}

/**
 * Runs a program of the host in a pod's network, with its file system seen from the pod's node. Standard input and outputs
 * are this process's.
 *
 * @returns the program's exit code; for one ended by a signal 128 + its number
 * @throws WeftError LAB_NOT_FOUND, LAB_POD_NOT_FOUND, LAB_POD_NOT_RUNNING
 */
export async function execInPod(options: ExecOptions): Promise<number> {
  checkRoot()
  const state = readLabState(options.lab)
  const pod = await findPod(state, options)
  const node = state.nodes.find(({ name }) => name === pod.spec.nodeName)
  if (node === undefined || pod.status?.podIP === undefined) throw notRunning(pod)
  // So that `lab down` ends what runs in a pod.
  joinLab(options.lab, 'exec')
  return runInherited(podCommand(node, pod, options.command))
}

/** Command line that enters a pod: its network, its node's mounts, and a host name of its own. */
function podCommand(node: LabNode, pod: Pod, command: string[]): string[] {
  const root = `/proc/${node.holderPid}/root`
  const netns = pod.spec.hostNetwork ? `/proc/${node.holderPid}/ns/net` : `${root}${podNetnsPath(pod.metadata.uid)}`
  const enter = ['nsenter', `--net=${netns}`, `--mount=/proc/${node.holderPid}/ns/mnt`]
  const named = ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', pod.metadata.name]
  return [...enter, ...named, ...(command.length > 0 ? command : ['sh'])]
}

function runInherited([program = '', ...args]: string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit' })
  // The terminal sends these to the whole foreground group: they are for the program.
  const ignore = () => {}
  process.on('SIGINT', ignore).on('SIGQUIT', ignore)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore).off('SIGQUIT', ignore)
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal])
    })
  })
}

async function findPod(state: LabState, { pod, namespace }: ExecOptions): Promise<Pod> {
  const wanted = pod.includes('/') ? pod : `${namespace}/${pod}`
  const client = new ApiClient(await loadKubeconfig(state.kubeconfig))
  try {
    const { items } = await client.list<Pod>(resourcePath({ version: 'v1', resource: 'pods' }))
    const found = items.find((item) => podKey(item) === wanted)
    if (found) return found
    throw podNotFound(wanted, items.map(podKey))
  } finally {
    client.close()
  }
}

/** Pods whose name begins like the one that was asked for, else of its namespace, else any. */
function podNotFound(wanted: string, keys: string[]): WeftError {
  const [namespace, name = ''] = wanted.split('/')
  const stem = name.split('-')[0] ?? name
  const similar = keys.filter((key) => key.split('/')[1]?.includes(stem))
  const near = similar.length > 0 ? similar : keys.filter((key) => key.startsWith(`${namespace}/`))
  const shown = (near.length > 0 ? near : keys).sort().slice(0, 10)
  return new WeftError(`there is no pod ${wanted}`, {
    code: 'LAB_POD_NOT_FOUND',
    fault: 'user',
    where: 'POD',
    remedy: shown.length > 0 ? `there is: ${shown.join(', ')}` : 'the lab has no pods; apply a Deployment first',
    exitCode: 4,
  })
}

const notRunning = (pod: Pod): WeftError =>
  new WeftError(`the pod ${podKey(pod)} is not running`, {
    code: 'LAB_POD_NOT_RUNNING',
    fault: 'user',
    where: 'POD',
    remedy: `'kubectl describe pod -n ${pod.metadata.namespace} ${pod.metadata.name}' may say why`,
  })
