import { type Json, listOf, mapOf, textOf } from '../access.ts'

/** What a real API server warns of in a pod, or in a template below the given path (pkg/api/pod/warnings.go, as far as it happens here). */
function podSpecWarnings(spec: Json, path: string): string[] {
  return ['initContainers', 'containers'].flatMap((field) =>
    listOf(spec[field]).flatMap((container, i) => containerWarnings(container, `${path}.${field}[${i}]`)),
  )
}

const containerWarnings = (container: Json, path: string): string[] => [
  ...portWarnings(listOf(container['ports']), `${path}.ports`),
  ...envWarnings(listOf(container['env']), `${path}.env`),
]

function portWarnings(ports: readonly Json[], path: string): string[] {
  const seen = new Map<string, number>()
  return ports.flatMap(({ containerPort, protocol, hostPort = 0, hostIP = '' }, i) => {
    const key = JSON.stringify([containerPort, protocol, hostPort, hostIP])
    const first = seen.get(key)
    if (first === undefined) seen.set(key, i)
    return first === undefined ? [] : [`${path}[${i}]: duplicate port definition with ${path}[${first}]`]
  })
}

function envWarnings(env: readonly Json[], path: string): string[] {
  const seen = new Map<string, string>()
  return env.flatMap((variable, i) => {
    const name = textOf(variable['name'])
    const before = seen.get(name)
    const value = textOf(variable['value'])
    seen.set(name, value)
    // A value that refers to the one before extends it.
    if (before === undefined || value.includes(`$(${name})`)) return []
    return [
      `${path}[${i}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
    ]
  })
}

export const podWarnings = (pod: Json): string[] => podSpecWarnings(mapOf(pod['spec']), 'spec')

export const templateWarnings = (workload: Json): string[] =>
  podSpecWarnings(mapOf(mapOf(mapOf(workload['spec'])['template'])['spec']), 'spec.template.spec')
