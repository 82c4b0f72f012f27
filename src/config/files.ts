import { WeftError } from '../model/error.ts'
import { kubeProxySettings } from './component-file.ts'
import type { FlagTable } from './flag.ts'
import { k3sSettings } from './k3s-file.ts'
import type { Place } from './mistake.ts'
import type { FileSettings } from './resolve.ts'
import { asText } from './types.ts'
import { readEntries, treeOf } from './yaml-file.ts'

/**
 * Reads a configuration file: a KubeProxyConfiguration by its kind, else K3s' config.yaml with the files of `FILE.d` after it.
 *
 * @param named where the file was named
 * @throws WeftError CONFIG_UNREADABLE, CONFIG_NOT_YAML, CONFIG_KIND
 */
export async function readConfigFile(file: string, table: FlagTable, named: Place): Promise<FileSettings> {
  const entries = await readEntries(file, { named, mayBeMissing: true })
  const tree = treeOf(entries ?? [])
  if (tree['kind'] === undefined && tree['apiVersion'] === undefined) return k3sSettings(file, entries, table, named)
  return componentSettings(file, tree, table)
}

/** Reads the file of a component's own flag `--config`: K3s' config.yaml is none of that kind. @throws WeftError as readConfigFile */
export async function readComponentFile(file: string, table: FlagTable, named: Place): Promise<FileSettings> {
  return componentSettings(file, treeOf((await readEntries(file, { named })) ?? []), table)
}

function componentSettings(file: string, tree: Record<string, unknown>, table: FlagTable): FileSettings {
  const takesIt = Object.values(table).some(({ argumentsOf }) => argumentsOf === 'kube-proxy')
  if (takesIt && tree['kind'] === 'KubeProxyConfiguration' && tree['apiVersion'] === apiVersion)
    return kubeProxySettings(file, tree, table)
  const kubeProxy = takesIt ? `a KubeProxyConfiguration of ${apiVersion}, or ` : ''
  throw new WeftError(whatItIs(tree), {
    code: 'CONFIG_KIND',
    fault: 'user',
    where: file,
    remedy: `give ${kubeProxy}K3s' config.yaml, which has no kind`,
  })
}

const apiVersion = 'kubeproxy.config.k8s.io/v1alpha1'

const whatItIs = (tree: Record<string, unknown>): string =>
  tree['kind'] === undefined && tree['apiVersion'] === undefined
    ? 'it has no apiVersion and kind'
    : `it is a ${asText(tree['apiVersion'] ?? 'thing without apiVersion,')} ${asText(tree['kind'] ?? 'without kind')}`
