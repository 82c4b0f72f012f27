import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { WeftError } from '../model/error.ts'
import type { Connection } from './connection.ts'
import { inClusterConnection, isInCluster } from './in-cluster.ts'
import { connectionOf } from './kubeconfig-context.ts'
import { KubeconfigFiles } from './kubeconfig-files.ts'
import { KubeconfigSection } from './kubeconfig-section.ts'

export type { Connection } from './connection.ts'

/** What the search for a configuration depends on; the process's own by default. */
export interface KubeconfigEnvironment {
  env: Readonly<Record<string, string | undefined>>
  home: string
  /** Folder that a pod's service account is mounted at. */
  serviceAccountDir: string
}

const processEnvironment = (): KubeconfigEnvironment => ({
  env: process.env,
  home: homedir(),
  serviceAccountDir: '/var/run/secrets/kubernetes.io/serviceaccount',
})

/**
 * The connection of a kubeconfig's current context. Which file: `path` (a flag); else those of the list in $KUBECONFIG that exist, merged; else
 * ~/.kube/config; else, in a pod, its service account. Source of the format: client.authentication and kubeconfig (v1) in the Kubernetes
 * reference.
 *
 * @throws WeftError KUBECONFIG_MISSING, KUBECONFIG_UNREADABLE, KUBECONFIG_INVALID, KUBECONFIG_UNSUPPORTED; `where` is file and field
 */
export async function loadKubeconfig(path?: string, environment = processEnvironment()): Promise<Connection> {
  const explicit = path ? [path] : (environment.env['KUBECONFIG'] ?? '').split(delimiter).filter(Boolean)
  const candidates = explicit.length > 0 ? explicit : [join(environment.home, '.kube', 'config')]
  const files: { file: string; text: string }[] = []
  for (const file of new Set(candidates)) {
    const text = readIfThere(file)
    if (text !== undefined) files.push({ file, text })
  }
  if (files.length > 0) return connectionOf(await merged(files))
  if (explicit.length === 0 && isInCluster(environment.env)) return inClusterConnection(environment)
  throw missing(candidates, explicit.length > 0)
}

/** A file that holds nothing counts only where it is the only one. */
async function merged(files: readonly { file: string; text: string }[]): Promise<KubeconfigFiles> {
  const speaking = files.filter(({ text }) => text.trim() !== '')
  const sections: KubeconfigSection[] = []
  for (const { file, text } of speaking.length > 0 ? speaking : files)
    sections.push(KubeconfigSection.root(await parseYaml(text, file), file))
  const [first, ...others] = sections as [KubeconfigSection, ...KubeconfigSection[]]
  return new KubeconfigFiles(first, others)
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new WeftError(`the kubeconfig cannot be read: ${(cause as Error).message}`, {
      code: 'KUBECONFIG_UNREADABLE',
      fault: 'user',
      where: file,
      remedy:
        'make the file readable for this user (K3s writes it for root unless started with --write-kubeconfig-mode)',
      cause,
    })
  }
}

async function parseYaml(text: string, file: string): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    return parse(text) as unknown
  } catch (cause) {
    throw new WeftError(`the kubeconfig is not valid YAML: ${(cause as Error).message}`, {
      code: 'KUBECONFIG_INVALID',
      fault: 'user',
      where: file,
      remedy: 'correct the file, or write it anew from the cluster',
      cause,
    })
  }
}

const missing = (candidates: readonly string[], explicit: boolean): WeftError =>
  new WeftError(explicit ? 'there is no such kubeconfig' : 'no kubeconfig was given and none is in its usual place', {
    code: 'KUBECONFIG_MISSING',
    fault: 'user',
    where: candidates.join(', '),
    remedy: explicit
      ? 'name one that is there; K3s makes its own when it starts: /etc/rancher/k3s/k3s.yaml on servers, /var/lib/rancher/k3s/agent/kubeproxy.kubeconfig on every node'
      : 'name a file with --kubeconfig or $KUBECONFIG (K3s writes /etc/rancher/k3s/k3s.yaml)',
  })
