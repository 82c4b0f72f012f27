import { resolve } from 'node:path'
import type { KubeconfigSection } from './kubeconfig-section.ts'

/** How a credential plugin is run. Source: "client-go credential plugins" in the Kubernetes documentation. */
export interface ExecConfig {
  apiVersion: string
  command: string
  args: readonly string[]
  env: Readonly<Record<string, string>>
  interactiveMode: InteractiveMode
  /** Shown where the command is not there. */
  installHint: string
  /** spec.cluster of what the plugin is told; undefined if it is not to be told. */
  cluster: object | undefined
  /** Where it stands in the kubeconfig. */
  where: string
}

export type InteractiveMode = 'Never' | 'IfAvailable' | 'Always'

const V1 = 'client.authentication.k8s.io/v1'
const versions = [V1, 'client.authentication.k8s.io/v1beta1']
const modes: readonly string[] = ['Never', 'IfAvailable', 'Always'] satisfies InteractiveMode[]
const CLUSTER_CONFIG_EXTENSION = 'client.authentication.k8s.io/exec'

/** `users[].user.exec` of a kubeconfig; `ca` is the cluster's, as text. Throws WeftError KUBECONFIG_INVALID. */
export function execConfig(exec: KubeconfigSection, cluster: KubeconfigSection, ca: string | undefined): ExecConfig {
  const apiVersion = exec.required('apiVersion')
  if (!versions.includes(apiVersion))
    throw exec.invalid('apiVersion', `is "${apiVersion}"`, `use a plugin that speaks ${versions.join(' or ')}`)
  return {
    apiVersion,
    command: commandOf(exec),
    args: exec.strings('args'),
    env: envOf(exec),
    interactiveMode: modeOf(exec, apiVersion),
    installHint: exec.optional('installHint')?.trim() ?? '',
    cluster: exec.flag('provideClusterInfo') ? clusterInfo(cluster, ca) : undefined,
    where: exec.place('command'),
  }
}

/** A bare name is looked up in $PATH; a path is relative to the kubeconfig. */
function commandOf(exec: KubeconfigSection): string {
  const command = exec.required('command')
  return command.includes('/') ? resolve(exec.folder, command) : command
}

function envOf(exec: KubeconfigSection): Record<string, string> {
  return Object.fromEntries(
    exec.sections('env').map((entry) => [entry.required('name'), entry.optional('value') ?? '']),
  )
}

/** v1 asks for the mode to be said; v1beta1 means IfAvailable. */
function modeOf(exec: KubeconfigSection, apiVersion: string): InteractiveMode {
  const mode =
    apiVersion === V1 ? exec.required('interactiveMode') : (exec.optional('interactiveMode') ?? 'IfAvailable')
  if (modes.includes(mode)) return mode as InteractiveMode
  throw exec.invalid('interactiveMode', `is "${mode}"`, `one of: ${modes.join(', ')}`)
}

function clusterInfo(cluster: KubeconfigSection, ca: string | undefined): object {
  const extensions = cluster.sections('extensions')
  const extension = extensions.find((one) => one.optional('name') === CLUSTER_CONFIG_EXTENSION)
  const config = extension?.raw('extension')
  const serverName = cluster.optional('tls-server-name')
  return {
    server: cluster.required('server'),
    ...(serverName && { 'tls-server-name': serverName }),
    ...(cluster.flag('insecure-skip-tls-verify') && { 'insecure-skip-tls-verify': true }),
    ...(ca && { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
    ...(config !== undefined && { config }),
  }
}
